/**
 * A place where programs of the bench run: a network namespace of this machine, or another machine
 * by ssh. Tests start devices and the sensor on a `Host` and don't know which of the two it is.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { BenchProcess, type StartOptions } from '../bench-process.ts';
import { benchPath, command } from './command.ts';
import { deviceWords, fieldtapWords } from './program.ts';

export interface HostStartOptions extends StartOptions {
  /** Words before the program: `prlimit ...`, or a shell that enters a control group. */
  readonly before?: readonly string[];
}

export interface Host {
  readonly name: string;
  /** Address on the plant network; empty for one that has none. */
  readonly ipAddress: string;
  /** Its files and sockets are this machine's. */
  readonly isLocal: boolean;
  /** The words that run `words` there, for whoever starts the process itself. */
  words(words: readonly string[]): readonly string[];
  /** The words of `fieldtap ARGUMENTS`, as it is installed there. */
  fieldtapWords(words: readonly string[]): readonly string[];
  /** The words of a device program of hil-tests/devices, as they are installed there. */
  deviceWords(file: string, words: readonly string[]): readonly string[];
  /** Runs a short command to its end; rejects when it fails. */
  run(...words: readonly string[]): Promise<string>;
  start(words: readonly string[], options?: HostStartOptions): BenchProcess;
  writeFile(path: string, text: string): Promise<void>;
  readFile(path: string): Promise<string>;
}

/** A network namespace made by `VirtualNetwork`; its files are this machine's. */
export class NamespaceHost implements Host {
  readonly name: string;
  readonly ipAddress: string;
  readonly isLocal = true;
  readonly namespace: string;

  constructor(name: string, namespace: string, ipAddress: string) {
    this.name = name;
    this.namespace = namespace;
    this.ipAddress = ipAddress;
  }

  words(words: readonly string[]): readonly string[] {
    return ['ip', 'netns', 'exec', this.namespace, ...words];
  }

  fieldtapWords(words: readonly string[]): readonly string[] {
    return fieldtapWords(...words);
  }

  deviceWords(file: string, words: readonly string[]): readonly string[] {
    return deviceWords(file, ...words);
  }

  run(...words: readonly string[]): Promise<string> {
    return command(this.words(words));
  }

  /** `before` stands outside: a namespace has its own /sys, without the control groups. */
  start(words: readonly string[], options: HostStartOptions = {}): BenchProcess {
    const { before = [], ...rest } = options;
    const env = { PATH: benchPath(), ...rest.env };
    return new BenchProcess([...before, ...this.words(words)], { ...rest, env });
  }

  async writeFile(path: string, text: string): Promise<void> {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  async readFile(path: string): Promise<string> {
    return readFileSync(path, 'utf8');
  }
}

export interface SshHostOptions {
  readonly name: string;
  /** As `ssh` takes it: `user@host`, or a name of ~/.ssh/config. */
  readonly destination: string;
  /** On the plant network, which needn't be the one that ssh uses. */
  readonly ipAddress: string;
  /** Folder of a checkout with its packages installed, for device programs. */
  readonly checkout: string;
}

/**
 * Another machine, by `ssh` with keys (BatchMode: it never asks for a password). Each word is
 * quoted for the remote shell. What is started gets SIGTERM when the connection ends.
 */
export class SshHost implements Host {
  readonly name: string;
  readonly ipAddress: string;
  readonly isLocal = false;
  readonly #destination: string;
  readonly #checkout: string;

  constructor({ name, destination, ipAddress, checkout }: SshHostOptions) {
    this.name = name;
    this.ipAddress = ipAddress;
    this.#destination = destination;
    this.#checkout = checkout;
  }

  words(words: readonly string[]): readonly string[] {
    const remote = words.map(shellQuoted).join(' ');
    return ['ssh', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=10', this.#destination, remote];
  }

  fieldtapWords(words: readonly string[]): readonly string[] {
    if (process.env.HIL_BINARY) return fieldtapWords(...words);
    return [
      `${this.#checkout}/node_modules/.bin/node`,
      `${this.#checkout}/agent/main.ts`,
      ...words,
    ];
  }

  deviceWords(file: string, words: readonly string[]): readonly string[] {
    const folder = `${this.#checkout}/hil-tests/devices`;
    return [`${this.#checkout}/node_modules/.bin/node`, `${folder}/${file}`, ...words];
  }

  run(...words: readonly string[]): Promise<string> {
    return command(this.words(words));
  }

  /** The remote program gets SIGTERM when the connection ends, however that comes. */
  start(words: readonly string[], options: HostStartOptions = {}): BenchProcess {
    const { env = {}, before = [], ...rest } = options;
    const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const inside = [
      ...(assignments.length === 0 ? [] : ['env', ...assignments]),
      ...before,
      ...words,
    ];
    return new BenchProcess(this.words(['sh', '-c', UNTIL_HANG_UP, 'sh', ...inside]), rest);
  }

  async writeFile(path: string, text: string): Promise<void> {
    await this.run('mkdir', '-p', dirname(path));
    await command(this.words(['dd', `of=${path}`, 'status=none']), text);
  }

  readFile(path: string): Promise<string> {
    return this.run('cat', path);
  }
}

/** Passes standard input on to the program, and ends the program when it ends. */
const UNTIL_HANG_UP = [
  'fifo=$(mktemp -u) && mkfifo "$fifo"',
  '"$@" <"$fifo" & child=$!',
  'cat >"$fifo"; rm -f "$fifo"',
  'kill -TERM "$child" 2>/dev/null; wait "$child"',
].join('\n');

/** For a POSIX shell: inside single quotes nothing but the quote itself means anything. */
export function shellQuoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
