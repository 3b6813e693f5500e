/** Runs child.ts and waits for its one answer, bounded in time and in size. */
import { type ChildProcess, spawn } from 'node:child_process';
import { partWords } from '../agent/platform/program-files.ts';

/** A check or salvage of the largest buffer on a slow card; after that it hangs. */
const CHILD_MS_MAX = 30 * 60_000;
const ANSWER_BYTES_MAX = 1024 * 1024;
const REASON_CHARACTERS_MAX = 300;

export type ChildAnswer =
  /** What the child printed, parsed. */
  | { readonly kind: 'answered'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly reason: string };

/** What starts child.ts, from sources and in the built program. */
export function bufferChildWords(): readonly string[] {
  return partWords(new URL('./child.ts', import.meta.url));
}

/** One run of a task. `answer` is undefined while it works. */
export class BufferChild {
  readonly #process: ChildProcess;
  #output = '';
  #errors = '';
  #answer: ChildAnswer | undefined;

  /** `words`: what starts child.ts. */
  constructor(words: readonly string[], task: readonly string[]) {
    const [program, ...rest] = words;
    this.#process = spawn(program, [...rest, ...task], {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: CHILD_MS_MAX,
      killSignal: 'SIGKILL',
    });
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      if (this.#output.length < ANSWER_BYTES_MAX) this.#output += text;
    });
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (this.#errors.length < ANSWER_BYTES_MAX) this.#errors += text;
    });
    this.#process.on('error', (error) => {
      this.#answer ??= { kind: 'failed', reason: error.message };
    });
    this.#process.on('close', (code, signal) => {
      this.#answer ??= this.#judge(code, signal);
    });
    // It must not keep an agent that stops.
    this.#process.unref();
  }

  get answer(): ChildAnswer | undefined {
    return this.#answer;
  }

  stop(): void {
    if (this.#answer === undefined) this.#process.kill('SIGKILL');
  }

  #judge(code: number | null, signal: string | null): ChildAnswer {
    if (code === 0) {
      try {
        return { kind: 'answered', value: JSON.parse(this.#output) };
      } catch {
        return { kind: 'failed', reason: 'its answer could not be read' };
      }
    }
    const reason = this.#errors.trim().slice(-REASON_CHARACTERS_MAX);
    return { kind: 'failed', reason: reason === '' ? `it ended with ${signal ?? code}` : reason };
  }
}
