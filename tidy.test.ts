/**
 * The house rules, as tests whose failures are sentences: who may import whom (DESIGN, docs/
 * architecture.md), how large a file may be, and the habits that docs/style.md bans.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { test } from 'node:test';

const ROOT = import.meta.dirname;
const FILE_LINES_MAX = 400;
const LINE_CHARACTERS_MAX = 100;

interface Room {
  /** Folder prefix; the longest that matches a file is its room. */
  readonly folder: string;
  /** Folders or files of ours that it may import, beside itself. */
  readonly ours: readonly string[];
  /** `all`, `none` or the node built-ins by name. */
  readonly builtins: 'all' | readonly string[];
  readonly packages: 'all' | readonly string[];
  readonly because: string;
}

const PROTOCOL_ROOT = 'protocols/*';

/** DESIGN section 1. An arrow that is not here is not allowed. */
// biome-ignore format: one room per line group
const ROOMS: readonly Room[] = [
  { folder: 'protocols', ours: ['protocols'], builtins: [], packages: [],
    because: 'protocols are pure functions over bytes: no I/O, no clock, no package' },
  { folder: 'protocols/uplink', ours: [PROTOCOL_ROOT], builtins: ['node:crypto', 'node:zlib'], packages: ['cborg'],
    because: 'the wire format needs signatures, DEFLATE and CBOR, and nothing else' },
  { folder: 'buffer', ours: ['protocols/uplink', PROTOCOL_ROOT, 'agent/platform'], builtins: 'all', packages: ['better-sqlite3'],
    because: 'the buffer is SQLite, nothing else; it knows messages by type only' },
  { folder: 'agent/platform', ours: [PROTOCOL_ROOT], builtins: 'all', packages: ['pino', 'prom-client', 'koffi'],
    because: 'platform is the outside world, injectable; it knows nothing of ours' },
  { folder: 'agent/platform/yaml-file', ours: [], builtins: [], packages: ['yaml', 'zod'],
    because: 'it reads every YAML file of ours, for agent and hub alike (docs/decisions/0007)' },
  { folder: 'agent/capture', ours: ['agent/platform', 'protocols'], builtins: 'all', packages: ['koffi'],
    because: 'capture hands on frames and knows neither decode nor observe' },
  { folder: 'agent/decode', ours: ['agent/platform', 'protocols'], builtins: [], packages: [],
    because: 'decode is a function of frames; the other stages are not its business' },
  { folder: 'agent/observe', ours: ['agent/platform', 'protocols'], builtins: [], packages: [],
    because: 'observe is a function of transactions; the other stages are not its business' },
  { folder: 'agent/uplink', ours: ['agent/platform', 'protocols', 'buffer'], builtins: 'all', packages: ['mqtt', 'mqtt-packet'],
    because: 'the uplink sends what the buffer holds; it does not look at the plant' },
  { folder: 'agent/diagnostics', ours: ['agent/platform', 'buffer', 'protocols'], builtins: 'all', packages: [],
    because: 'diagnostics judges results; commands run the probes and hand them over' },
  { folder: 'agent/probe', ours: ['protocols'], builtins: 'all', packages: ['modbus-serial', 'node-opcua-client'],
    because: 'the only programs that send to a device: processes of their own, with a plan and nothing else' },
  { folder: 'agent/config', ours: ['agent/platform', 'protocols'], builtins: 'all', packages: ['yaml', 'zod'],
    because: 'the configuration is read before anything else exists' },
  { folder: 'agent/register-map', ours: ['agent/platform', 'protocols'], builtins: 'all', packages: ['yaml', 'zod'],
    because: 'a register map is a part of the configuration in a file of its own' },
  { folder: 'agent/commands', ours: ['agent', 'buffer', 'protocols'], builtins: 'all', packages: ['commander'],
    because: 'commands may use the whole agent; hub, bench and hil-tests only as processes' },
  { folder: 'agent', ours: ['package.json', 'agent', 'buffer', 'protocols'], builtins: 'all', packages: ['commander'],
    because: 'the program never depends on the receiver kit, the bench or its measurements' },
  { folder: 'hub', ours: ['package.json', 'protocols/uplink', PROTOCOL_ROOT, 'agent/platform'], builtins: 'all', packages: ['better-sqlite3', 'commander', 'mqtt', 'pg', 'yaml', 'zod'],
    because: 'the hub verifies what arrives; it must not share code with the sensor' },
  { folder: 'packaging', ours: [], builtins: 'all', packages: ['@yao-pkg/pkg', 'esbuild'],
    because: 'packaging knows the built program as a process' },
  { folder: 'hil-tests', ours: [], builtins: 'all', packages: ['aedes', 'fast-check', 'modbus-serial', 'node-opcua', 'yaml'],
    because: 'the bench proves the program from outside, as a black box' },
  { folder: 'bench', ours: ['agent', 'buffer', 'hub', 'protocols', 'hil-tests', 'packaging'], builtins: 'all', packages: 'all',
    because: 'the bench may use anything, and nothing may use the bench' },
];

/** Packages and built-ins that a test may use wherever it stands. */
const TEST_PACKAGES = ['fast-check', '@auth0/cose', 'better-sqlite3', 'aedes', 'node-opcua'];

const files = sourceFiles(ROOT);

test('every import follows the table of rooms', () => {
  const broken: string[] = [];
  for (const file of files) {
    const room = roomOf(file);
    if (room === undefined) continue;
    for (const specifier of importsOf(file)) {
      const fault = faultOf(file, room, specifier);
      if (fault !== undefined) broken.push(fault);
    }
  }
  assert.deepEqual(broken, []);
});

test('the table itself refuses what it should', () => {
  const refuses = (file: string, specifier: string): boolean => {
    const room = roomOf(file);
    return room !== undefined && faultOf(file, room, specifier) !== undefined;
  };
  assert.ok(refuses('protocols/modbus/mbap.ts', 'node:fs'));
  assert.ok(refuses('agent/decode/decoder.ts', '../observe/observer.ts'));
  assert.ok(refuses('agent/observe/observer.ts', '../../buffer/database.ts'));
  assert.ok(refuses('agent/commands/demo.ts', '../../hub/main.ts'));
  assert.ok(refuses('hub/ingest.ts', '../buffer/database.ts'));
  assert.ok(refuses('protocols/uplink/envelope.ts', 'node:fs'));
  assert.ok(refuses('buffer/outbox.ts', '../agent/uplink/publisher.ts'));
  assert.ok(!refuses('protocols/uplink/envelope.ts', 'node:crypto'));
  assert.ok(!refuses('agent/decode/decoder.ts', '../../protocols/modbus/mbap.ts'));
});

test('no file is longer than a reader can hold', () => {
  const long = files
    .map((file) => ({ file, lines: textOf(file).split('\n').length - 1 }))
    .filter(({ lines }) => lines > FILE_LINES_MAX)
    .map(({ file, lines }) => `${file} has ${lines} lines; split it at the missing concept`);
  assert.deepEqual(long, []);
});

// biome-ignore format: one habit per line
const BANNED = [
  { pattern: /\b(TODO|FIXME|XXX)\b/, instead: 'say it in the closing note or in docs/decisions' },
  { pattern: /\bexport default\b/, instead: 'name what you export' },
  { pattern: /\b(it|test|describe)\.(only|todo)\(/, instead: 'run all tests' },
  { pattern: /\bas any\b|: any[,;)\]>= ]/, instead: 'use a type, or unknown and a check' },
  { pattern: /\bMath\.random\(/, instead: 'take a Random (agent/platform/random.ts)', except: ['agent/platform/', 'hil-tests/', 'bench/'] },
  { pattern: /\bDate\.now\(/, instead: 'take a Clock (agent/platform/clock.ts)', except: ['agent/platform/', 'hil-tests/', 'bench/', '.test.ts'] },
] as const;

test('habits that the style bans', () => {
  const found: string[] = [];
  for (const file of files) {
    if (file === 'tidy.test.ts') continue;
    textOf(file)
      .split('\n')
      .forEach((line, index) => {
        const place = `${file}:${index + 1}`;
        for (const habit of BANNED) {
          if ('except' in habit && habit.except.some((part) => file.includes(part))) continue;
          if (habit.pattern.test(line))
            found.push(`${place} ${habit.pattern} is banned: ${habit.instead}`);
        }
        if (line.length > LINE_CHARACTERS_MAX && !isTableLine(file)) {
          found.push(`${place} has ${line.length} characters; ${LINE_CHARACTERS_MAX} fit a page`);
        }
      });
  }
  assert.deepEqual(found, []);
});

test('every source file says in its first comment why it exists', () => {
  const silent = files.filter((file) => !/^(#!.*\n)?(\/\*\*|\/\/)/.test(textOf(file)));
  assert.deepEqual(silent, []);
});

/** Tests and wire tables may be wider: one case a line reads better than a wrapped one. */
function isTableLine(file: string): boolean {
  return file.endsWith('.test.ts') || textOf(file).includes('biome-ignore format');
}

function roomOf(file: string): Room | undefined {
  return ROOMS.filter(
    (room) => file.startsWith(`${room.folder}/`) || file === `${room.folder}.ts`,
  ).sort((a, b) => b.folder.length - a.folder.length)[0];
}

function faultOf(file: string, room: Room, specifier: string): string | undefined {
  const isTest = file.endsWith('.test.ts');
  if (specifier.startsWith('.')) return ownFault(file, room, specifier, isTest);
  if (specifier.startsWith('node:')) {
    if (isTest || room.builtins === 'all' || room.builtins.includes(specifier)) return undefined;
    return `${file} imports ${specifier}, but ${room.because}`;
  }
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  if (room.packages === 'all' || room.packages.includes(name)) return undefined;
  if (isTest && TEST_PACKAGES.includes(name)) return undefined;
  return `${file} imports the package ${name}, but ${room.because}`;
}

function ownFault(
  file: string,
  room: Room,
  specifier: string,
  isTest: boolean,
): string | undefined {
  const target = normalize(join(dirname(file), specifier))
    .split(sep)
    .join('/');
  if (!/\.(ts|mjs|json)$/.test(target)) return `${file} imports ${specifier} without its suffix`;
  if (target.startsWith(`${room.folder}/`) && roomOf(target) === room) return undefined;
  const allowed = room.ours.some((entry) =>
    entry === PROTOCOL_ROOT
      ? /^protocols\/[^/]+$/.test(target)
      : target === entry || target.startsWith(`${entry}/`),
  );
  if (allowed) return undefined;
  if (isTest && target.startsWith('hil-tests/')) return undefined;
  return `${file} imports ${target}, but ${room.because}`;
}

function importsOf(file: string): string[] {
  const text = textOf(file).replace(/\/\*[\s\S]*?\*\//g, '');
  const found: string[] = [];
  for (const match of text.matchAll(/^\s*(?:import|export)\b[^;'"]*?from\s+['"]([^'"]+)['"]/gm)) {
    found.push(match[1]);
  }
  for (const match of text.matchAll(/^\s*import\s+['"]([^'"]+)['"]/gm)) found.push(match[1]);
  for (const match of text.matchAll(/\bimport\(\s*['"]([^'"$]+)['"]/g)) found.push(match[1]);
  for (const match of text.matchAll(/\brequire\(\s*['"]([^'"]+)['"]/g)) found.push(match[1]);
  // A program inside a template text is no import of this file.
  return found.filter((specifier) => !specifier.includes('${'));
}

function sourceFiles(root: string): string[] {
  const found: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.name === 'node_modules' || entry.name === 'dist' || entry.name.startsWith('.'))
        continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (/\.(ts|mjs)$/.test(entry.name))
        found.push(relative(root, path).split(sep).join('/'));
    }
  };
  walk(root);
  return found;
}

function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}
