/**
 * Questions to the capture worker about what it knows, and their answers: each has a number and a
 * limit in time, because a worker that just died answers none.
 */
import type { StateRow } from '../protocols/interval-report.ts';
import type { KnowledgeQuestion } from '../protocols/knowledge-question.ts';
import type { Clock } from './platform/clock.ts';
import type { ProbedFacts } from './probed-facts.ts';
import type { ToWorker } from './worker-channel.ts';

/** Questions that wait at a time; a further one is answered with nothing. */
export const QUESTIONS_MAX = 16;
const ANSWER_MS = 2500;
/** Rows of one batch: the worker looks at frames in between, and only one is in memory. */
const RESTORE_ROWS = 256;

/** Reads the state that was saved, batch after batch, at most `rowsMax` rows each. */
export type ReadState = (
  afterId: number,
  rowsMax: number,
) => { readonly rows: readonly StateRow[]; readonly lastId: number | undefined };

export class KnowledgeDesk {
  readonly #clock: Clock;
  readonly #send: (message: ToWorker) => void;
  readonly #waiting = new Map<number, (text: string | undefined) => void>();
  #questionNumber = 0;
  #readState: ReadState | undefined;
  #restoredId = 0;

  constructor(clock: Clock, send: (message: ToWorker) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** JSON text; undefined where no worker answers in time. */
  ask(question: KnowledgeQuestion): Promise<string | undefined> {
    if (this.#waiting.size >= QUESTIONS_MAX) return Promise.resolve(undefined);
    const questionNumber = this.#questionNumber++;
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ANSWER_MS, () => this.answer(questionNumber, undefined));
      this.#waiting.set(questionNumber, (text) => {
        cancel();
        resolve(text);
      });
      this.#send({ kind: 'ask', questionNumber, question });
    });
  }

  answer(questionNumber: number, text: string | undefined): void {
    const answered = this.#waiting.get(questionNumber);
    this.#waiting.delete(questionNumber);
    answered?.(text);
  }

  /** The worker is gone. */
  abandon(): void {
    this.#readState = undefined;
    for (const questionNumber of [...this.#waiting.keys()]) this.answer(questionNumber, undefined);
  }

  /** Gives the worker what a probe learned. */
  learn(probed: ProbedFacts | undefined): void {
    if (probed !== undefined) this.#send({ kind: 'probed', probed });
  }

  /** Gives the worker what was known before it started. */
  restore(readState: ReadState | undefined): void {
    this.#readState = readState;
    this.#restoredId = 0;
    this.restoreNext();
  }

  /** The worker has taken a batch. */
  restoreNext(): void {
    const { rows, lastId } = this.#readState?.(this.#restoredId, RESTORE_ROWS) ?? {
      rows: [],
      lastId: undefined,
    };
    if (lastId === undefined) this.#readState = undefined;
    else this.#restoredId = lastId;
    this.#send({ kind: 'restore', rows, isLast: lastId === undefined });
  }
}
