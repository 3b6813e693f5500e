/**
 * Reads register maps (YAML) for `decode.registerMaps` and `replay --register-map`: a list of
 * points under `registers`, each fault with its line. What they mean lies in
 * protocols/modbus/register-map.ts.
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import {
  addressOfReference,
  DATA_TYPES,
  type MappedObject,
  REGISTER_MAP_ENTRIES_MAX,
  RegisterMap,
  type RegisterMapEntry,
  wordsOf,
} from '../protocols/modbus/register-map.ts';
import { OperatorFault } from './platform/operator-fault.ts';
import { describeYamlFaults, parseYaml, type YamlFault } from './platform/yaml-file.ts';

const STRING_WORDS_MAX = 125;

const point = z
  .strictObject({
    server: z.string().max(64).optional(),
    unitId: z.int().min(0).max(255),
    object: z.enum(['coil', 'discreteInput', 'holdingRegister', 'inputRegister']),
    address: z.int().min(0).max(65_535).optional(),
    reference: z.int().min(1).max(465_536).optional(),
    name: z.string().min(1).max(128),
    dataType: z.enum(DATA_TYPES).default('uint16'),
    wordOrder: z.enum(['highFirst', 'lowFirst']).default('highFirst'),
    scale: z.number().default(1),
    engineeringUnit: z.string().max(32).optional(),
    words: z.int().min(1).max(STRING_WORDS_MAX).optional(),
  })
  .refine(({ address, reference }) => (address === undefined) !== (reference === undefined), {
    error: 'give either address (0-based) or reference (40001 on the drawing)',
  })
  .refine(({ dataType, words }) => (dataType === 'string') === (words !== undefined), {
    error: 'words belongs to dataType string, and only there',
  })
  .refine(({ object, reference }) => isReferenceOf(object, reference), {
    error: 'is no reference of this object (40001 is the first holding register)',
    path: ['reference'],
  });

const schema = z.strictObject({ registers: z.array(point).max(REGISTER_MAP_ENTRIES_MAX) });

/** All files as one map; throws an OperatorFault that names file and line. */
export function loadRegisterMaps(paths: readonly string[]): RegisterMap {
  return new RegisterMap(loadRegisterMapEntries(paths));
}

/** The points of all files, as they can be handed to another thread; throws as above. */
export function loadRegisterMapEntries(paths: readonly string[]): RegisterMapEntry[] {
  return paths.flatMap((path) => {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (cause) {
      throw new OperatorFault({
        code: 'REGISTER_MAP_UNREADABLE',
        problem: `The register map "${path}" can't be read.`,
        remedy: 'Check the path and its permissions.',
        cause,
      });
    }
    return parseRegisterMap(text, path);
  });
}

/** `path` is for the faults alone. */
export function parseRegisterMap(text: string, path: string): RegisterMapEntry[] {
  const result = parseYaml(text, schema, 'docs/configuration.md');
  if (result.kind === 'faults') throw mapFault(path, result.faults);
  return result.value.registers.map((each) => {
    const { reference, address, words, server, engineeringUnit, ...rest } = each;
    return {
      ...rest,
      ...(server === undefined ? {} : { server }),
      ...(engineeringUnit === undefined ? {} : { engineeringUnit }),
      // The schema has let pass only a point with one of the two, and a reference of its object.
      address: address ?? addressOfReference(each.object, reference ?? 0) ?? 0,
      words: words ?? wordsOf(each.dataType),
    };
  });
}

function isReferenceOf(object: MappedObject, reference: number | undefined): boolean {
  return reference === undefined || addressOfReference(object, reference) !== undefined;
}

function mapFault(path: string, faults: readonly YamlFault[]): OperatorFault {
  return new OperatorFault({
    code: 'REGISTER_MAP_INVALID',
    problem: `The register map ${describeYamlFaults(path, faults)}`,
    remedy: 'Mend the lines above; docs/configuration.md shows a register map.',
  });
}
