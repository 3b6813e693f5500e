/**
 * The hub's whole configuration: schema, defaults, and errors that quote the line. Unknown keys
 * are refused; every fault of a file is told in one go.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { isMap, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { OperatorFault } from '../agent/platform/operator-fault.ts';

export const DEFAULT_CONFIG_PATH = '/etc/fieldtap/hub.yaml';

const schema = z.strictObject({
  broker: z
    .strictObject({
      url: z.string().refine((value) => brokerProtocol(value) !== undefined, {
        error: 'must be mqtts://host:port, or mqtt://host:port',
      }),
      clientId: z.string().min(1).max(64).optional(),
      ca: z.string().optional(),
      certificate: z.string().optional(),
      key: z.string().optional(),
      username: z.string().max(256).optional(),
      passwordFile: z.string().optional(),
      /** Plain MQTT beyond this machine: signatures still hold, but anyone can listen. */
      allowPlain: z.boolean().default(false),
    })
    .refine(({ url, allowPlain }) => allowPlain || isSafe(url), {
      error: 'is plain MQTT to another machine; use mqtts://, or set broker.allowPlain',
      path: ['url'],
    })
    .refine(({ certificate, key }) => (certificate === undefined) === (key === undefined), {
      error: 'certificate and key belong together',
      path: ['certificate'],
    }),
  database: z.strictObject({ path: z.string() }).default({ path: '/var/lib/fieldtap-hub/hub.db' }),
  keys: z.string().default('/var/lib/fieldtap-hub/keys'),
  agents: z.string().default('/var/lib/fieldtap-hub/agents'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
});

/** With every default filled in; paths are absolute. */
export type HubConfig = z.infer<typeof schema>;

export interface HubConfigFault {
  /** 1-based. */
  readonly line: number;
  /** As the file writes it: `broker.url`; empty for the file as a whole. */
  readonly key: string;
  readonly problem: string;
  readonly remedy: string;
}

export type HubConfigResult =
  | { readonly kind: 'config'; readonly config: HubConfig }
  | { readonly kind: 'faults'; readonly faults: readonly HubConfigFault[] };

/** Relative paths in the file are taken from the file's own folder. */
export function loadHubConfig(path: string): HubConfig {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new OperatorFault({
      code: 'HUB_CONFIG_UNREADABLE',
      problem: `The configuration "${path}" can't be read.`,
      remedy: 'Give the right file with --config; hub/README.md shows one.',
      cause,
    });
  }
  const result = parseHubConfig(text);
  if (result.kind === 'config') return withAbsolutePaths(result.config, dirname(resolve(path)));
  const lines = result.faults.map(
    (fault) => `  ${path}:${fault.line}: ${fault.key} ${fault.problem} ${fault.remedy}`,
  );
  throw new OperatorFault({
    code: 'HUB_CONFIG_INVALID',
    problem: `The configuration is not accepted:\n${lines.join('\n')}\n`,
    remedy: 'Mend the lines above and start again.',
  });
}

export function parseHubConfig(text: string): HubConfigResult {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, uniqueKeys: true });
  if (document.errors.length > 0) {
    const faults = document.errors.map((error) => ({
      line: lineCounter.linePos(error.pos[0]).line,
      key: '',
      problem: `This is not YAML: ${error.message.split('\n')[0]}`,
      remedy: 'Check indentation, quotes and brackets near this line.',
    }));
    return { kind: 'faults', faults };
  }
  const parsed = schema.safeParse(document.toJS({ maxAliasCount: 0 }) ?? {});
  if (parsed.success) return { kind: 'config', config: parsed.data };
  const lineOf = (path: readonly PropertyKey[]): number =>
    lineOfKey(document.contents, path, lineCounter);
  return {
    kind: 'faults',
    faults: parsed.error.issues.flatMap((issue) => faultsOf(issue, lineOf)),
  };
}

function faultsOf(
  issue: z.core.$ZodIssue,
  lineOf: (path: readonly PropertyKey[]) => number,
): HubConfigFault[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      line: lineOf([...issue.path, key]),
      key: [...issue.path, key].join('.'),
      problem: 'is no key of this configuration.',
      remedy: 'Remove it or correct its spelling; hub/README.md lists the keys.',
    }));
  }
  return [
    {
      line: lineOf(issue.path),
      key: issue.path.join('.'),
      problem: `is not accepted: ${issue.message}.`,
      remedy: 'hub/README.md says what this key may hold.',
    },
  ];
}

/** Line of the deepest key on the path that the file really has. */
function lineOfKey(root: unknown, path: readonly PropertyKey[], counter: LineCounter): number {
  let line = 1;
  let node = root;
  for (const step of path) {
    if (!isMap(node)) break;
    const pair = node.items.find(({ key }) => String(key) === String(step));
    const start = rangeStart(pair?.key);
    if (pair === undefined || start === undefined) break;
    line = counter.linePos(start).line;
    node = pair.value;
  }
  return line;
}

function rangeStart(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node)) return undefined;
  const { range } = node;
  return Array.isArray(range) && typeof range[0] === 'number' ? range[0] : undefined;
}

function brokerProtocol(value: string): 'mqtt:' | 'mqtts:' | undefined {
  if (!URL.canParse(value)) return undefined;
  const { protocol, hostname } = new URL(value);
  return hostname !== '' && (protocol === 'mqtt:' || protocol === 'mqtts:') ? protocol : undefined;
}

/** TLS, or a host that is this machine. */
function isSafe(value: string): boolean {
  if (brokerProtocol(value) !== 'mqtt:') return true;
  const host = new URL(value).hostname.replace(/^\[|\]$/g, '');
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function withAbsolutePaths(config: HubConfig, folder: string): HubConfig {
  const { ca, certificate, key, passwordFile, ...broker } = config.broker;
  const absolute = (path: string): string => resolve(folder, path);
  return {
    ...config,
    broker: {
      ...broker,
      ...(ca !== undefined && { ca: absolute(ca) }),
      ...(certificate !== undefined && { certificate: absolute(certificate) }),
      ...(key !== undefined && { key: absolute(key) }),
      ...(passwordFile !== undefined && { passwordFile: absolute(passwordFile) }),
    },
    database: { path: absolute(config.database.path) },
    keys: absolute(config.keys),
    agents: absolute(config.agents),
  };
}
