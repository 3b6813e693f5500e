/**
 * Reads register maps (YAML) for `replay --register-map`: a list of points under `registers`, each
 * fault with its line. What they mean lies in protocols/modbus/register-map.ts.
 */
import { readFileSync } from 'node:fs';
import { isNode, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import {
  addressOfReference,
  DATA_TYPES,
  REGISTER_MAP_ENTRIES_MAX,
  RegisterMap,
  type RegisterMapEntry,
  wordsOf,
} from '../protocols/modbus/register-map.ts';
import { OperatorFault } from './platform/operator-fault.ts';

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
  });

const schema = z.strictObject({ registers: z.array(point).max(REGISTER_MAP_ENTRIES_MAX) });

/** All files as one map; throws an OperatorFault that names file and line. */
export function loadRegisterMaps(paths: readonly string[]): RegisterMap {
  return new RegisterMap(
    paths.flatMap((path) => {
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
    }),
  );
}

/** `path` is for the faults alone. */
export function parseRegisterMap(text: string, path: string): RegisterMapEntry[] {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, uniqueKeys: true });
  const [broken] = document.errors;
  if (broken !== undefined) {
    throw mapFault(path, lineCounter.linePos(broken.pos[0]).line, broken.message.split('\n')[0]);
  }
  const parsed = schema.safeParse(document.toJS({ maxAliasCount: 0 }) ?? {});
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const keys = issue.path.map((key) => (typeof key === 'number' ? key : String(key)));
    const node = keys.length === 0 ? document.contents : document.getIn(keys, true);
    const around = isNode(node) ? node : document.getIn(keys.slice(0, 2), true);
    const start = isNode(around) ? (around.range?.[0] ?? 0) : 0;
    const what = keys.length === 0 ? '' : `${keys.join('.')}: `;
    throw mapFault(path, lineCounter.linePos(start).line, `${what}${issue.message}`);
  }
  return parsed.data.registers.map((each, index) => {
    const { reference, address: given, words, server, engineeringUnit, ...rest } = each;
    const address = given ?? addressOfReference(each.object, reference ?? 0);
    if (address === undefined) {
      const node = document.getIn(['registers', index], true);
      const start = isNode(node) ? (node.range?.[0] ?? 0) : 0;
      const problem = `registers.${index}: ${reference} is no reference of a ${each.object}`;
      throw mapFault(path, lineCounter.linePos(start).line, problem);
    }
    return {
      ...rest,
      ...(server === undefined ? {} : { server }),
      ...(engineeringUnit === undefined ? {} : { engineeringUnit }),
      address,
      words: words ?? wordsOf(each.dataType),
    };
  });
}

function mapFault(path: string, line: number, problem: string): OperatorFault {
  return new OperatorFault({
    code: 'REGISTER_MAP_INVALID',
    problem: `The register map "${path}", line ${line}: ${problem}.`,
    remedy: 'Mend the line; docs/configuration.md shows a register map.',
  });
}
