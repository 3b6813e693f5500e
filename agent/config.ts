/**
 * The whole configuration: schema, defaults, and errors that quote the line. Nothing else in the
 * program reads the YAML or knows a default; unknown keys are refused, since a misspelt key that
 * is silently ignored would leave a plant unwatched.
 */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { OperatorFault } from './platform/operator-fault.ts';
import { serialLineName } from './platform/serial-line-name.ts';
import { describeYamlFaults, parseYaml, type YamlFault } from './platform/yaml-file.ts';

export const DEFAULT_CONFIG_PATH = '/etc/fieldtap/fieldtap.yaml';
export const DEFAULT_SOCKET_PATH = '/run/fieldtap/fieldtap.sock';

const INTERFACES_MAX = 8;
const PORTS_MAX = 32;
const SERIAL_LINES_MAX = 8;
const REGISTER_MAPS_MAX = 64;
const SYSLOG_TARGETS_MAX = 8;

const port = z.int().min(1).max(65_535);
const ports = z.array(port).max(PORTS_MAX);
const listen = z.string().refine(isLoopbackListen, {
  error: 'must be a loopback address with a port, such as 127.0.0.1:9470',
});

/** Time between two summaries, milliseconds, by what the link costs (docs/configuration.md). */
const SUMMARY_INTERVALS = { normal: 60_000, metered: 300_000, satellite: 900_000 } as const;

const syslogTarget = z.strictObject({
  target: z.string().refine(isSyslogUrl, { error: 'must be udp://host:port or tls://host:port' }),
  format: z.enum(['rfc5424', 'cef']).default('rfc5424'),
  facility: z.int().min(0).max(23).default(16),
  ca: z.string().optional(),
});

/** MODBUS over Serial Line V1.02, section 2.5.1: even parity is what every device can do. */
const serialLine = z.strictObject({
  port: z.string().startsWith('/', 'must be a path, best one below /dev/serial/by-id'),
  name: z
    .string()
    .regex(/^[a-zA-Z0-9_.-]{1,15}$/, 'must be 1 to 15 letters, digits, dots, hyphens')
    .optional(),
  baudRate: z.int().min(50).max(4_000_000),
  parity: z.enum(['none', 'even', 'odd']).default('even'),
  stopBits: z.union([z.literal(1), z.literal(2)]).default(1),
  dataBits: z.union([z.literal(7), z.literal(8)]).optional(),
  framing: z.enum(['rtu', 'ascii']).default('rtu'),
});

const schema = z.strictObject({
  site: z
    .strictObject({
      name: z.string().min(1).max(64),
      sector: z
        .string()
        .regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be lower-case letters, digits and hyphens')
        .optional(),
      sharing: z.enum(['minimal', 'standard', 'full']).default('minimal'),
    })
    .default({ name: 'unnamed site', sharing: 'minimal' }),
  capture: z
    .strictObject({
      file: z.string().optional(),
      interfaces: z
        .array(
          z.strictObject({
            name: z.string().min(1).max(15),
            role: z.enum(['mirror', 'tapA', 'tapB', 'host']).default('mirror'),
          }),
        )
        .max(INTERFACES_MAX)
        .default([]),
      serial: z.array(serialLine).max(SERIAL_LINES_MAX).default([]),
      ringMiB: z.int().min(1).max(64).default(8),
      evidenceMiB: z.int().min(0).max(64).default(8),
    })
    .refine(
      ({ interfaces, serial, file }) =>
        interfaces.length + serial.length > 0 !== (file !== undefined),
      {
        error:
          'name at least one interface or serial line ' +
          '(or, to try the agent without a plant, one file)',
        path: ['interfaces'],
      },
    )
    .refine(({ interfaces, serial }) => areDistinct(namesOf(interfaces, serial)), {
      error: 'two of the interfaces and serial lines have the same name',
      path: ['serial'],
    })
    .refine(({ serial }) => serial.every(hasBitsOfFraming), {
      error: 'RTU needs all 8 data bits (dataBits: 7 is for framing: ascii)',
      path: ['serial'],
    }),
  decode: z
    .strictObject({
      modbusPorts: ports.default([502]),
      opcuaPorts: ports.default([4840]),
      registerMaps: z.array(z.string().min(1)).max(REGISTER_MAPS_MAX).default([]),
    })
    .default({ modbusPorts: [502], opcuaPorts: [4840], registerMaps: [] }),
  buffer: z
    .strictObject({
      path: z.string().default('/var/lib/fieldtap/buffer.db'),
      quotaMiB: z.int().min(16).max(1_048_576).default(1024),
    })
    .default({ path: '/var/lib/fieldtap/buffer.db', quotaMiB: 1024 }),
  uplink: z
    .strictObject({
      broker: z.string().refine(isBrokerUrl, {
        error: 'must be mqtts://host:port (plain mqtt:// only to a loopback address)',
      }),
      profile: z.enum(['normal', 'metered', 'satellite']).default('normal'),
      summaryIntervalMs: z.int().min(1000).max(3_600_000).optional(),
      credentials: z.string().default('/var/lib/fieldtap/enrolment'),
    })
    .transform((uplink) => ({
      ...uplink,
      summaryIntervalMs: uplink.summaryIntervalMs ?? SUMMARY_INTERVALS[uplink.profile],
    }))
    .optional(),
  diagnostics: z
    .strictObject({
      socket: z.string().max(100).default(DEFAULT_SOCKET_PATH),
      metrics: z.strictObject({ listen }).optional(),
      page: z.strictObject({ listen }).optional(),
      syslog: z.array(syslogTarget).max(SYSLOG_TARGETS_MAX).default([]),
      logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    })
    .default({ socket: DEFAULT_SOCKET_PATH, syslog: [], logLevel: 'info' }),
  probe: z
    .strictObject({
      /** The one active command (docs/field-guide.md); off unless somebody decides otherwise. */
      allowed: z.boolean().default(false),
    })
    .optional(),
});

/** One line of `capture.serial`. */
export type SerialLineConfig = z.infer<typeof serialLine>;

/** The configuration with every default filled in; paths are absolute. */
export type Config = z.infer<typeof schema>;

/** One thing that is wrong with the file. */
export type ConfigFault = YamlFault;

export type ConfigResult =
  | { readonly kind: 'config'; readonly config: Config }
  | { readonly kind: 'faults'; readonly faults: readonly ConfigFault[] };

/** Reads and checks a file; relative paths in it are taken from the file's own folder. */
export function loadConfig(path: string): Config {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new OperatorFault({
      code: 'CONFIG_FILE_UNREADABLE',
      problem: `The configuration "${path}" can't be read (${codeOf(cause)}).`,
      remedy: 'Give the right file with --config, or make one with "fieldtap setup".',
      cause,
    });
  }
  const result = parseConfig(text);
  if (result.kind === 'faults') throw configFault(path, result.faults);
  return withAbsolutePaths(result.config, dirname(resolve(path)));
}

/** Checks the text of a configuration; every fault is found in one go. */
export function parseConfig(text: string): ConfigResult {
  const result = parseYaml(text, schema, 'docs/configuration.md');
  return result.kind === 'value' ? { kind: 'config', config: result.value } : result;
}

/** All faults of a file as one operator fault, a line each. */
export function configFault(path: string, faults: readonly ConfigFault[]): OperatorFault {
  return new OperatorFault({
    code: 'CONFIG_INVALID',
    problem: `The configuration ${describeYamlFaults(path, faults)}`,
    remedy: 'Mend the lines above, then run "fieldtap check-config".',
  });
}

function namesOf(
  interfaces: readonly { readonly name: string }[],
  serial: readonly { readonly name?: string | undefined }[],
): string[] {
  return [...interfaces.map(({ name }) => name), ...serial.map(serialLineName)];
}

function areDistinct(names: readonly string[]): boolean {
  return new Set(names).size === names.length;
}

function hasBitsOfFraming(line: {
  readonly framing: string;
  readonly dataBits?: unknown;
}): boolean {
  return line.framing === 'ascii' || line.dataBits !== 7;
}

function isLoopbackListen(value: string): boolean {
  const match = /^(127\.0\.0\.1|\[::1\]):(\d{1,5})$/.exec(value);
  return match !== null && Number(match[2]) <= 65_535;
}

function isBrokerUrl(value: string): boolean {
  try {
    const url = new URL(value);
    if (url.protocol === 'mqtts:') return url.hostname !== '';
    return url.protocol === 'mqtt:' && isLoopbackHost(url.hostname);
  } catch {
    return false;
  }
}

function isSyslogUrl(value: string): boolean {
  try {
    const { protocol, hostname, port, pathname } = new URL(value);
    const isBare = pathname === '' || pathname === '/';
    return (protocol === 'udp:' || protocol === 'tls:') && hostname !== '' && port !== '' && isBare;
  } catch {
    return false;
  }
}

function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'));
}

function withAbsolutePaths(config: Config, folder: string): Config {
  return {
    ...config,
    capture: {
      ...config.capture,
      ...(config.capture.file !== undefined && { file: resolve(folder, config.capture.file) }),
    },
    decode: {
      ...config.decode,
      registerMaps: config.decode.registerMaps.map((path) => resolve(folder, path)),
    },
    buffer: { ...config.buffer, path: resolve(folder, config.buffer.path) },
    ...(config.uplink && {
      uplink: { ...config.uplink, credentials: resolve(folder, config.uplink.credentials) },
    }),
    diagnostics: {
      ...config.diagnostics,
      socket: resolve(folder, config.diagnostics.socket),
      syslog: config.diagnostics.syslog.map((target) => ({
        ...target,
        ...(target.ca !== undefined && { ca: resolve(folder, target.ca) }),
      })),
    },
  };
}

function codeOf(cause: unknown): string {
  return typeof cause === 'object' && cause !== null && 'code' in cause
    ? String(cause.code)
    : 'error';
}
