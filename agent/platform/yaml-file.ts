/**
 * How every YAML file of ours is read: checked against a schema, all faults in one go, each with
 * its line, its key and a remedy. Agent, hub and register maps say it in the same words.
 */
import { isMap, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { z } from 'zod';
import { schemaWords, unwrap } from './yaml-file/schema-words.ts';
import { syntaxWords } from './yaml-file/syntax-words.ts';

/** One thing that is wrong with a file. */
export interface YamlFault {
  /** 1-based line in the file. */
  readonly line: number;
  /** Key as the file writes it: `capture.interfaces.0.name`; empty for the file as a whole. */
  readonly key: string;
  readonly problem: string;
  readonly remedy: string;
}

export type YamlResult<Value> =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'faults'; readonly faults: readonly YamlFault[] };

/** Checks the text of a file; `manual` is where its keys are described. Aliases are refused. */
export function parseYaml<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
  manual: string,
): YamlResult<z.output<Schema>> {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, uniqueKeys: true });
  if (document.errors.length > 0) {
    const faults = document.errors.map((error) => ({
      line: lineCounter.linePos(error.pos[0]).line,
      key: '',
      ...syntaxWords(error.code, error.message),
    }));
    return { kind: 'faults', faults };
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 0 }) ?? {};
  } catch {
    const problem = 'It uses an alias (*name), which this file may not.';
    return { kind: 'faults', faults: [{ line: 1, key: '', problem, remedy: 'Write it out.' }] };
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { kind: 'value', value: parsed.data };
  const place: Place = {
    schema,
    manual,
    value,
    lineOf: (path) => lineOf(document.contents, path, lineCounter),
  };
  return { kind: 'faults', faults: parsed.error.issues.flatMap((issue) => faultsOf(issue, place)) };
}

/** The faults of a file for a person: how many in which file, then one a line. */
export function describeYamlFaults(path: string, faults: readonly YamlFault[]): string {
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`;
  const lines = faults.map(({ line, key, problem, remedy }) =>
    [`  ${path}:${line}:`, ...(key === '' ? [] : [key]), problem, remedy].join(' '),
  );
  const places = [...new Set(faults.map(({ line }) => line))];
  const where = `${places.length === 1 ? 'line' : 'lines'} ${places.join(', ')}`;
  return `"${path}" has ${count}, in ${where}:\n${lines.join('\n')}\n`;
}

interface Place {
  readonly schema: z.ZodType;
  readonly manual: string;
  readonly value: unknown;
  lineOf(path: readonly PropertyKey[]): number;
}

function faultsOf(issue: z.core.$ZodIssue, place: Place): YamlFault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      return {
        line: place.lineOf(path),
        key: path.join('.'),
        problem: 'is no key of this file.',
        remedy: `Remove it or correct its spelling${knownKeys(place.schema, issue.path)}.`,
      };
    });
  }
  const { path } = issue;
  const words = schemaWords(
    issue,
    schemaAt(place.schema, path),
    valueAt(place.value, path),
    place.manual,
  );
  return [{ line: place.lineOf(path), key: path.join('.'), ...words }];
}

function schemaAt(schema: z.ZodType, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, step) => (typeof step === 'number' ? elementOf(inner) : memberOf(inner, step)),
    schema,
  );
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, step) =>
      typeof inner === 'object' && inner !== null ? Reflect.get(inner, step) : undefined,
    value,
  );
}

/** The keys that are known where an unknown one stood, for whoever misspelt one. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string {
  const keys = Object.keys(shapeOf(schemaAt(schema, path)) ?? {});
  return keys.length === 0 ? '' : ` (known here: ${keys.join(', ')})`;
}

function shapeOf(value: unknown): Record<string, unknown> | undefined {
  const inner = unwrap(value);
  return inner instanceof z.ZodObject ? inner.shape : undefined;
}

function memberOf(value: unknown, key: PropertyKey): unknown {
  return shapeOf(value)?.[String(key)];
}

function elementOf(value: unknown): unknown {
  const inner = unwrap(value);
  return inner instanceof z.ZodArray ? inner.element : undefined;
}

/** Line of the deepest node on the path that the file really has. */
function lineOf(root: unknown, path: readonly PropertyKey[], counter: LineCounter): number {
  let line = 1;
  let node = root;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => keyText(item.key) === String(step));
      if (pair === undefined) break;
      line = startLine(pair.key, counter) ?? line;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      line = startLine(node, counter) ?? line;
    } else {
      break;
    }
  }
  return line;
}

function keyText(key: unknown): string {
  return typeof key === 'object' && key !== null && 'value' in key
    ? String(key.value)
    : String(key);
}

function startLine(node: unknown, counter: LineCounter): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node)) return undefined;
  // A parsed node carries its range; `in` has just shown that the property is there.
  const range = (node as Node).range;
  return range ? counter.linePos(range[0]).line : undefined;
}
