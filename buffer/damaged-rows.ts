/**
 * Takes rows out that are no longer what was written, and says what went with them. Which rows, a
 * child process has found; each is looked at again here before it goes.
 */
import { crc32 } from 'node:zlib';
import type { Database } from 'better-sqlite3';
import type { CheckedTable } from './check-file.ts';
import type { StatementFacts } from './losses.ts';

interface PackedRow {
  body: Uint8Array;
  crc32: number;
  fromUs?: number;
  toUs?: number;
  count?: number;
}

/** Call inside a transaction. Messages are another matter: reading one finds out. */
export function removeDamagedRows(
  database: Database,
  damaged: Readonly<Record<CheckedTable, readonly number[]>>,
): readonly StatementFacts[] {
  const blocks = takeOut(database, 'observation_block', damaged.observation_block);
  const frames = takeOut(database, 'evidence_block', damaged.evidence_block).length;
  const cases = takeOut(database, 'detection', damaged.detection).length;
  const losses: StatementFacts[] = [];
  if (blocks.length > 0) {
    const count = blocks.reduce((sum, block) => sum + (block.count ?? 0), 0);
    losses.push({
      code: 'bufferLost',
      fromUs: Math.min(...blocks.map((block) => block.fromUs ?? 0)),
      toUs: Math.max(...blocks.map((block) => block.toUs ?? 0)),
      count,
      text: `${count} observations were no longer what had been written to the disk.`,
    });
  }
  if (frames + cases > 0) {
    const text =
      `${cases} detections and the frames of ${frames} more were no longer what had been ` +
      'written to the disk; their alerts are not affected.';
    losses.push({ code: 'bufferLost', count: frames + cases, text });
  }
  return losses;
}

function takeOut(
  database: Database,
  table: Exclude<CheckedTable, 'outbox'>,
  ids: readonly number[],
): PackedRow[] {
  const read = database.prepare<[number], PackedRow>(`SELECT * FROM ${table} WHERE id = ?`);
  const drop = database.prepare<[number]>(`DELETE FROM ${table} WHERE id = ?`);
  return ids.flatMap((id) => {
    const row = read.get(id);
    if (row === undefined || crc32(row.body) === row.crc32) return [];
    drop.run(id);
    return [row];
  });
}
