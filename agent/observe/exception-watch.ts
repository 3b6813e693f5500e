/**
 * Exceptions are told when they start and when they stop (FIELDS.md section 4), not each time: a
 * device that refuses one address of every poll for a week is one fact, not a million.
 */
import { CELLS_MAX } from './subject-cells.ts';

/** Good answers for so long after the last exception mean that it has stopped. */
export const EXCEPTION_QUIET_US = 60_000_000;

export type ExceptionEdge =
  | { readonly kind: 'started' }
  | { readonly kind: 'stopped'; readonly code: number; readonly count: number };

const STARTED: ExceptionEdge = { kind: 'started' };

/** State per cell of SubjectCells: one function code or service of one conversation. */
export class ExceptionWatch {
  /** Exception or status code of the episode under way; 0: none. */
  readonly #codes = new Uint32Array(CELLS_MAX);
  readonly #counts = new Uint32Array(CELLS_MAX);
  readonly #lastUs = new Float64Array(CELLS_MAX);
  readonly #toldUs = new Float64Array(CELLS_MAX);

  /** Cheap question for the hot path: could a good answer end an episode here? */
  isActive(cell: number): boolean {
    return this.#codes[cell] !== 0;
  }

  /**
   * Cheaper still, and false nearly always: would a good answer at this time end an episode here?
   * Where one request of a poll is refused now and then, an episode is under way for hours.
   */
  isOver(cell: number, timeUs: number): boolean {
    return this.#codes[cell] !== 0 && timeUs - this.#lastUs[cell] >= EXCEPTION_QUIET_US;
  }

  /** The cell now belongs to another conversation. */
  reset(cell: number): void {
    this.#codes[cell] = 0;
    this.#counts[cell] = 0;
  }

  refused(cell: number, code: number, timeUs: number): ExceptionEdge | undefined {
    this.#counts[cell]++;
    this.#lastUs[cell] = timeUs;
    const isSame = this.#codes[cell] === code;
    const isFlapping = this.#codes[cell] !== 0 && timeUs - this.#toldUs[cell] < EXCEPTION_QUIET_US;
    if (isSame || isFlapping) return undefined;
    this.#codes[cell] = code;
    this.#counts[cell] = 1;
    this.#toldUs[cell] = timeUs;
    return STARTED;
  }

  answered(cell: number, timeUs: number): ExceptionEdge | undefined {
    const code = this.#codes[cell];
    if (code === 0 || timeUs - this.#lastUs[cell] < EXCEPTION_QUIET_US) return undefined;
    const count = this.#counts[cell];
    this.reset(cell);
    return { kind: 'stopped', code, count };
  }
}
