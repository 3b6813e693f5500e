/**
 * The order in which flows leave a full table, in constant time: three lists by worth, each with
 * the flow idle longest at its end. A flood only fills the least worthy list.
 */

/** Worth of a flow: 0 one side seen, 1 answered or recognised, 2 answered and recognised. */
export const WORTHS = 3;
export const WORTH_LEAST = 0;
const WORTH_MIDDLE = 1;
const WORTH_MOST = 2;

/** The middle list keeps this share of the table against the best one: new flows need room. */
const MIDDLE_SHARE = 16;

const NONE = -1;

export class FlowLists {
  readonly #middleMin: number;
  readonly #newest = new Int32Array(WORTHS).fill(NONE);
  readonly #oldest = new Int32Array(WORTHS).fill(NONE);
  readonly #counts = new Int32Array(WORTHS);
  readonly #newer: Int32Array;
  readonly #older: Int32Array;
  readonly #worths: Uint8Array;
  readonly #touchedSeconds: Int32Array;
  #seconds = 0;

  constructor(flowsMax: number) {
    this.#middleMin = Math.floor(flowsMax / MIDDLE_SHARE);
    this.#newer = new Int32Array(flowsMax);
    this.#older = new Int32Array(flowsMax);
    this.#worths = new Uint8Array(flowsMax);
    this.#touchedSeconds = new Int32Array(flowsMax);
  }

  /** Seconds of traffic, which only rise; a flow's place is brought up to date once in each. */
  setSeconds(seconds: number): void {
    this.#seconds = seconds;
  }

  add(row: number): void {
    this.#link(row, WORTH_LEAST);
  }

  remove(row: number): void {
    this.#unlink(row);
  }

  move(row: number, worth: number): void {
    this.#unlink(row);
    this.#link(row, worth);
  }

  /** The flow has traffic. */
  touch(row: number): void {
    if (this.#touchedSeconds[row] !== this.#seconds) this.move(row, this.#worths[row]);
  }

  /** The flow that leaves when another needs its row, or -1 when there is none at all. */
  victim(): number {
    if (this.#counts[WORTH_LEAST] > 0) return this.#oldest[WORTH_LEAST];
    if (this.#counts[WORTH_MIDDLE] > this.#middleMin) return this.#oldest[WORTH_MIDDLE];
    if (this.#counts[WORTH_MOST] > 0) return this.#oldest[WORTH_MOST];
    return this.#oldest[WORTH_MIDDLE];
  }

  /** The flow of this worth idle longest, if it is idle for more than `seconds`; otherwise -1. */
  idleLonger(worth: number, seconds: number): number {
    const row = this.#oldest[worth];
    return row !== NONE && this.#seconds - this.#touchedSeconds[row] > seconds ? row : NONE;
  }

  #link(row: number, worth: number): void {
    const newest = this.#newest[worth];
    this.#newer[row] = NONE;
    this.#older[row] = newest;
    if (newest === NONE) this.#oldest[worth] = row;
    else this.#newer[newest] = row;
    this.#newest[worth] = row;
    this.#worths[row] = worth;
    this.#touchedSeconds[row] = this.#seconds;
    this.#counts[worth]++;
  }

  #unlink(row: number): void {
    const worth = this.#worths[row];
    const newer = this.#newer[row];
    const older = this.#older[row];
    if (newer === NONE) this.#newest[worth] = older;
    else this.#older[newer] = older;
    if (older === NONE) this.#oldest[worth] = newer;
    else this.#newer[older] = newer;
    this.#counts[worth]--;
  }
}
