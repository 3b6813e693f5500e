/**
 * Writes and calls, told as the first of each (client, point) per interval plus a count (FIELDS.md
 * section 4): a controller that writes its set point each second is one row, not sixty.
 */
import type { Observation, ObservationKind } from '../../protocols/interval-report.ts';
import { FOLDED, type ObservationLog } from './observation-log.ts';

/** Points remembered within an interval; writes to further ones are only counted. */
export const WRITE_POINTS_MAX = 4096;

/** Direct-mapped cache of coils and registers: a power of two. */
const CACHE_ENTRIES = 4096;
const CACHE_SHIFT = 20;
const KEY_NONE = -1;

export class ObservedWrites {
  readonly #log: ObservationLog;
  readonly #rowByPoint = new Map<string, number>();
  /** A poll that writes makes no string and no object for a point that was told before. */
  readonly #cacheKeys = new Int32Array(CACHE_ENTRIES).fill(KEY_NONE);
  readonly #cacheRows = new Int32Array(CACHE_ENTRIES);

  constructor(log: ObservationLog) {
    this.#log = log;
  }

  /** Counts one more write to a coil or register; false: it is not known here, `see` must be. */
  again(row: number, isCoil: boolean, address: number): boolean {
    const key = cacheKey(row, isCoil, address);
    const entry = Math.imul(key, 0x9e3779b1) >>> CACHE_SHIFT;
    if (this.#cacheKeys[entry] !== key) return false;
    this.#log.repeat(this.#cacheRows[entry], 'write');
    return true;
  }

  /** `again` will know this point, which `see` has just been told. */
  remember(row: number, isCoil: boolean, address: number, point: string): void {
    const known = this.#rowByPoint.get(`${row} ${point}`);
    if (known === undefined) return;
    const key = cacheKey(row, isCoil, address);
    const entry = Math.imul(key, 0x9e3779b1) >>> CACHE_SHIFT;
    this.#cacheKeys[entry] = key;
    this.#cacheRows[entry] = known;
  }

  /** `point` names what was touched within the conversation of that row. */
  see(row: number, point: string, kind: ObservationKind, describe: () => Observation): void {
    const key = `${row} ${point}`;
    const known = this.#rowByPoint.get(key);
    if (known !== undefined) {
      this.#log.repeat(known, kind);
      return;
    }
    if (this.#rowByPoint.size >= WRITE_POINTS_MAX) {
      this.#log.repeat(FOLDED, kind);
      return;
    }
    this.#rowByPoint.set(key, this.#log.add(describe()));
  }

  /** The log was taken: its rows are gone. */
  endInterval(): void {
    this.#rowByPoint.clear();
    this.#cacheKeys.fill(KEY_NONE);
  }
}

/** Rows are below 8,192: 30 bits. */
function cacheKey(row: number, isCoil: boolean, address: number): number {
  return (row << 17) | (isCoil ? 0x10000 : 0) | address;
}
