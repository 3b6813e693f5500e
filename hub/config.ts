/**
 * The hub's whole configuration: schema, defaults, and errors that quote the line. Unknown keys
 * are refused; every fault of a file is told in one go.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import { describeYamlFaults, parseYaml, type YamlFault } from '../agent/platform/yaml-file.ts';

export const DEFAULT_CONFIG_PATH = '/etc/fieldtap/hub.yaml';

const schema = z.strictObject({
  broker: z
    .strictObject({
      url: z.string().refine((value) => brokerProtocol(value) !== undefined, {
        error: 'must be mqtts://host:port, or mqtt://host:port',
      }),
      clientId: z.string().min(1).max(64).optional(),
      ca: z.string().optional(),
      /** Certificates that broker.ca has withdrawn; then a withdrawn broker isn't believed. */
      revocationList: z.string().optional(),
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
  database: z
    .strictObject({
      /** SQLite, for one box. */
      path: z.string().default('/var/lib/fieldtap-hub/hub.db'),
      /** PostgreSQL instead; a password belongs into ~/.pgpass. */
      url: z
        .string()
        .regex(/^postgres(ql)?:\/\//, { error: 'must begin with postgres://' })
        .optional(),
    })
    .default({ path: '/var/lib/fieldtap-hub/hub.db' }),
  keys: z.string().default('/var/lib/fieldtap-hub/keys'),
  agents: z.string().default('/var/lib/fieldtap-hub/agents'),
  /** How long a gateway's certificate holds; it asks for the next one 60 days before the end. */
  certificateDays: z.int().min(1).max(3650).default(730),
  /** Threads that verify beside the one that stores; 0 verifies in that one. */
  verifyThreads: z.int().min(0).max(16).default(1),
  /** An agent from which nothing came for so long is a finding. */
  silentAfterMs: z.int().min(1000).default(2_700_000),
  metrics: z
    .strictObject({ listen: z.string().regex(/^(127\.\d+\.\d+\.\d+|\[::1\]|localhost):\d{1,5}$/) })
    .optional(),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
});

/** With every default filled in; paths are absolute. */
export type HubConfig = z.infer<typeof schema>;

/** One thing that is wrong with the file. */
export type HubConfigFault = YamlFault;

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
  throw new OperatorFault({
    code: 'HUB_CONFIG_INVALID',
    problem: `The configuration ${describeYamlFaults(path, result.faults)}`,
    remedy: 'Mend the lines above and start again.',
  });
}

/** Checks the text of a configuration; every fault is found in one go. */
export function parseHubConfig(text: string): HubConfigResult {
  const result = parseYaml(text, schema, 'hub/README.md');
  return result.kind === 'value' ? { kind: 'config', config: result.value } : result;
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
  const { ca, certificate, key, passwordFile, revocationList, ...broker } = config.broker;
  const absolute = (path: string): string => resolve(folder, path);
  return {
    ...config,
    broker: {
      ...broker,
      ...(ca !== undefined && { ca: absolute(ca) }),
      ...(revocationList !== undefined && { revocationList: absolute(revocationList) }),
      ...(certificate !== undefined && { certificate: absolute(certificate) }),
      ...(key !== undefined && { key: absolute(key) }),
      ...(passwordFile !== undefined && { passwordFile: absolute(passwordFile) }),
    },
    database: { ...config.database, path: absolute(config.database.path) },
    keys: absolute(config.keys),
    agents: absolute(config.agents),
  };
}
