/**
 * The identifiers of records: the interval, and the number within it in the order in which decode
 * told them. The observer counts alike, so that evidence names the same records.
 */
import { type PutText, textToPut } from './record-bytes.ts';

export class RecordNumbers {
  #interval = 0;
  #number = 0;
  /** `0-`, as an identifier begins. */
  intervalText: PutText = textToPut('0-');

  /** The number that the next record gets. */
  get following(): number {
    return this.#number + 1;
  }

  /** One more record, with the number `following`. */
  count(): void {
    this.#number++;
  }

  /** The identifier of one more record. */
  next(): string {
    this.#number++;
    return `${this.#interval}-${this.#number}`;
  }

  endInterval(): void {
    this.#interval++;
    this.#number = 0;
    this.intervalText = textToPut(`${this.#interval}-`);
  }
}
