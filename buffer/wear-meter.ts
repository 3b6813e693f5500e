/**
 * Bytes written to the storage, by day: flash wears out by them, and an operator who sees the
 * figure grow changes a setting before the gateway dies. The kernel counts for the whole process.
 */
import { readFileSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { schemaVersionOf } from './migrations.ts';
import { preparedPluck } from './prepared.ts';

export const DAY_MS = 86_400_000;
const DAYS_KEPT = 31;
/** The figure itself costs a page a commit; once a minute is enough. */
const SAVE_INTERVAL_MS = 60_000;

export class WearMeter {
  readonly #written: () => number;
  #seen: number;
  #unsaved = 0;
  #savedAtMs = Number.NEGATIVE_INFINITY;

  /** `written`: bytes since the start of the process, rising. */
  constructor(written: () => number = processBytesWritten) {
    this.#written = written;
    this.#seen = written();
  }

  /** Bytes that are in no row yet. */
  unsaved(): number {
    const now = this.#written();
    this.#unsaved += Math.max(0, now - this.#seen);
    this.#seen = now;
    return this.#unsaved;
  }

  /** Call inside a transaction that is made anyway; writes at most once a minute. */
  save(database: Database, wallMs: number, monotonicMs: number): void {
    if (monotonicMs - this.#savedAtMs < SAVE_INTERVAL_MS) return;
    const bytes = this.unsaved();
    const day = dayOf(wallMs);
    database
      .prepare(
        `INSERT INTO wear VALUES (?, ?)
         ON CONFLICT (day) DO UPDATE SET bytes = bytes + excluded.bytes`,
      )
      .run(day, bytes);
    database.prepare('DELETE FROM wear WHERE day < ?').run(day - DAYS_KEPT);
    this.#unsaved = 0;
    this.#savedAtMs = monotonicMs;
  }
}

/** Bytes written on the UTC day of `wallMs`, as far as they are saved. */
export function bytesWrittenOn(database: Database, wallMs: number): number {
  if (schemaVersionOf(database) < 2) return 0;
  const saved = preparedPluck<[number], number>(database, 'SELECT bytes FROM wear WHERE day = ?');
  return saved.get(dayOf(wallMs)) ?? 0;
}

/** proc(5), /proc/self/io: what this process caused to be sent to the storage layer. */
export function processBytesWritten(): number {
  try {
    const text = readFileSync('/proc/self/io', 'utf8');
    return Number(/^write_bytes: (\d+)$/m.exec(text)?.[1] ?? 0);
  } catch {
    // A kernel without task accounting: the figure stays 0.
    return 0;
  }
}

function dayOf(wallMs: number): number {
  return Math.floor(wallMs / DAY_MS);
}
