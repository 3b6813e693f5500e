/**
 * Where the serials of receipts begin: at the hub's clock. A database that comes back from an older
 * copy would count from there again, and an agent would take every new receipt for an old one. With
 * the clock in it, a serial rises over a restore too, and the first receipt behind it shows each
 * agent what the hub no longer has (docs/decisions/0016).
 */

/** No receipt written at `nowMs` has a lower serial. */
export function serialFloor(nowMs: number): number {
  return Math.max(1, Math.min(Math.floor(nowMs), SERIAL_FLOOR_MAX));
}

/** The year 2255; a wilder clock still leaves room to count. */
const SERIAL_FLOOR_MAX = 9_000_000_000_000;
