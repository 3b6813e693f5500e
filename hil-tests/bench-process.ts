/**
 * A program of the bench as a child process: a device, the agent, the hub, or any command. Tells
 * what it printed, waits for a line or an end, and is ended with the test that started it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { fieldtapWords, hubWords } from './plant/program.ts';

export const ROOT = join(import.meta.dirname, '..');

/** Generous: a loaded machine takes long to load an OPC UA library. */
export const PATIENCE_MS = 90_000;
const STOP_MS = 5000;
/** Of each stream the newest text is kept. */
const TEXT_CHARACTERS_MAX = 4 * 2 ** 20;

export interface Ended {
  /** -1 when a signal ended it. */
  readonly exitCode: number;
  readonly signal: NodeJS.Signals | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** A group of its own, so that a test can signal it as a terminal does. */
  readonly detached?: boolean;
}

export class BenchProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<Ended>;
  #stdout = '';
  #stderr = '';
  #hasEnded = false;
  #onOutput = (): void => {};

  constructor(words: readonly string[], options: StartOptions = {}) {
    const [program, ...rest] = words;
    this.name = words.join(' ');
    this.#child = spawn(program, rest, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, NODE_COMPILE_CACHE: undefined, ...options.env },
      cwd: options.cwd,
      detached: options.detached,
    });
    this.#child.stdin?.on('error', () => {});
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout = (this.#stdout + text).slice(-TEXT_CHARACTERS_MAX);
      this.#onOutput();
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-TEXT_CHARACTERS_MAX);
      this.#onOutput();
    });
    this.#ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('close', (code, signal) => {
        this.#hasEnded = true;
        resolve({
          exitCode: code ?? -1,
          signal: signal ?? undefined,
          stdout: this.#stdout,
          stderr: this.#stderr,
        });
        this.#onOutput();
      });
    });
    // Whoever waits gets the rejection; nobody has to.
    this.#ended.catch(() => {});
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.name} was not started`);
    return pid;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Resolves when it has ended and all it printed is here; rejects when that takes too long. */
  async ended(patienceMs = PATIENCE_MS): Promise<Ended> {
    return withinTime(this.#ended, patienceMs, () => {
      // Left running, it would keep the test's own process from ending.
      this.#child.kill('SIGKILL');
      return this.#account('did not end');
    });
  }

  /** Waits until `find` finds something in what it printed so far. */
  until<T>(
    find: (process: BenchProcess) => T | undefined,
    what: string,
    patienceMs = PATIENCE_MS,
  ): Promise<T> {
    const found = new Promise<T>((resolve, reject) => {
      this.#onOutput = () => {
        const value = find(this);
        if (value !== undefined) resolve(value);
        else if (this.#hasEnded) reject(new Error(this.#account(`ended before ${what}`)));
      };
      this.#onOutput();
    });
    return withinTime(found, patienceMs, () => this.#account(`did not come to ${what}`));
  }

  /** The JSON line with `ready` that every device prints. */
  ready(): Promise<Readonly<Record<string, unknown>>> {
    return this.until(() => factsOf(this.#stdout).find((fact) => 'ready' in fact), 'being ready');
  }

  /** Every whole JSON line that it printed. */
  facts(): readonly Readonly<Record<string, unknown>>[] {
    return factsOf(this.#stdout);
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** The file as its standard input. */
  feed(path: string): void {
    if (this.#child.stdin) createReadStream(path).pipe(this.#child.stdin);
  }

  /** These bytes as its standard input. */
  feedBytes(bytes: Uint8Array): void {
    this.#child.stdin?.end(bytes);
  }

  /** Ends its standard input, as a starter that goes away does. */
  hangUp(): void {
    this.#child.stdin?.end();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** As Ctrl-C in a terminal: to every process of its group. */
  signalGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal);
  }

  /** SIGTERM, and SIGKILL for what doesn't listen. */
  async stop(): Promise<void> {
    if (this.#hasEnded) return;
    this.#child.kill('SIGTERM');
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await this.#ended.catch(() => {});
    clearTimeout(limit);
  }

  #account(what: string): string {
    const tail = (text: string): string => text.slice(-1500);
    return `${this.name} ${what}.\n${tail(this.#stdout)}\n${tail(this.#stderr)}`;
  }
}

export function startDevice(file: string, words: readonly string[]): BenchProcess {
  return new BenchProcess([process.execPath, join(ROOT, 'hil-tests/devices', file), ...words]);
}

/** `fieldtap WORDS`; `before` stands before the program: `setpriv ...`. */
export function startFieldtap(
  words: readonly string[],
  options: StartOptions & { readonly before?: readonly string[] } = {},
): BenchProcess {
  return new BenchProcess([...(options.before ?? []), ...fieldtapWords(...words)], options);
}

export function startHub(words: readonly string[]): BenchProcess {
  return new BenchProcess(hubWords(...words));
}

/** Runs `fieldtap WORDS` to its end. */
export function fieldtap(
  words: readonly string[],
  options: StartOptions & { readonly before?: readonly string[] } = {},
): Promise<Ended> {
  return startFieldtap(words, options).ended();
}

/** Asks again and again until there is an answer. */
export async function eventually<T>(
  ask: () => T | undefined | Promise<T | undefined>,
  what: string,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const untilMs = performance.now() + patienceMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > untilMs) throw new Error(`waited ${patienceMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function factsOf(text: string): Record<string, unknown>[] {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      const parsed: unknown = JSON.parse(line);
      return typeof parsed === 'object' && parsed !== null ? [{ ...parsed }] : [];
    } catch {
      return [];
    }
  });
}

async function withinTime<T>(
  promise: Promise<T>,
  patienceMs: number,
  account: () => string,
): Promise<T> {
  let limit: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    limit = setTimeout(() => reject(new Error(account())), patienceMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(limit);
  }
}
