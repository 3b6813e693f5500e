/**
 * A program of the demo as a child process: started with Node, ready when it prints its first JSON
 * line with `ready`, ended by SIGTERM and, when it doesn't listen, SIGKILL. Children end by
 * themselves when their standard input ends, so none outlives a demo that was killed; agent and hub
 * learn that from end-with-demo.ts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { basename } from 'node:path';
import { OperatorFault } from '../platform/operator-fault.ts';

/** Generous: a small gateway takes long to load an OPC UA library. */
const READY_MS = 60_000;
const STOP_MS = 5000;
const END_WITH_DEMO = new URL('./end-with-demo.ts', import.meta.url).href;
/** The last lines of standard error, for the sentence that says why a child ended. */
const ERROR_CHARACTERS_MAX = 2000;

export interface DemoFact {
  readonly [name: string]: unknown;
}

export class DemoProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #errorText = '';
  #hasExited = false;

  /** `words` are Node's own: a script and its arguments. */
  private constructor(name: string, words: readonly string[]) {
    this.name = name;
    this.#child = spawn(process.execPath, words, {
      stdio: ['pipe', 'pipe', 'pipe'],
      // Ctrl-C in a terminal reaches every process of the group; it is meant for the demo alone.
      detached: true,
    });
    this.#child.stdin?.on('error', () => {});
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errorText = (this.#errorText + text).slice(-ERROR_CHARACTERS_MAX);
    });
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', () => {
        this.#hasExited = true;
        resolve();
      });
      this.#child.once('error', () => resolve());
    });
  }

  /** A device: it tells when it is ready, and ends with its standard input by itself. */
  static device(script: string, words: readonly string[]): DemoProcess {
    return new DemoProcess(basename(script, '.ts'), [script, ...words]);
  }

  /** The agent or the hub. */
  static program(name: string, script: string, words: readonly string[]): DemoProcess {
    const started = new DemoProcess(name, ['--import', END_WITH_DEMO, script, ...words]);
    // Nobody reads what it prints; unread, a full pipe would stop it.
    started.#child.stdout?.resume();
    return started;
  }

  get hasExited(): boolean {
    return this.#hasExited;
  }

  get errorText(): string {
    return this.#errorText;
  }

  /** The first JSON line that has `ready`; rejects when the child ends or takes too long. */
  ready(): Promise<DemoFact> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        clearTimeout(limit);
        reject(
          new OperatorFault({
            code: 'DEMO_PROGRAM_FAILED',
            problem: `The demo's ${this.name} ${why}.\n${this.#errorText.trim()}\n`,
            remedy: 'Run the demo again; if it stays, report these lines.',
          }),
        );
      };
      const limit = setTimeout(() => fail(`was not ready within ${READY_MS / 1000} s`), READY_MS);
      this.#exited.then(() => fail('ended before it was ready'));
      this.#readFacts((fact) => {
        if (!('ready' in fact)) return;
        clearTimeout(limit);
        resolve(fact);
      });
    });
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  async stop(): Promise<void> {
    if (this.#hasExited) return;
    this.#child.kill('SIGTERM');
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await this.#exited;
    clearTimeout(limit);
  }

  /** Libraries print notes of their own between the facts: what is no JSON is passed over. */
  #readFacts(take: (fact: DemoFact) => void): void {
    let rest = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const fact = parseFact(line);
        if (fact !== undefined) take(fact);
      }
    });
  }
}

function parseFact(line: string): DemoFact | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const parsed: unknown = JSON.parse(line);
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}
