/**
 * The frames that show a case, as one packed block a case under a checksum of its own: a flipped
 * bit in a BLOB is invisible to SQLite, and evidence that may be wrong is none.
 */
import { createHash } from 'node:crypto';
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Database, Statement } from 'better-sqlite3';

/** A detection carries 64 KiB of frames; their lengths come on top. */
const INFLATED_BYTES_MAX = 128 * 1024;
const FRAME_LENGTH_BYTES = 4;
/** Fastest: frames of a plant shrink to a third already, and the main thread has other work. */
const DEFLATE_LEVEL = 1;

export interface EvidenceRow {
  readonly crc32: number;
  readonly body: Uint8Array;
}

/** Writing methods are to be called inside a transaction. */
export class EvidenceStore {
  readonly #database: Database;
  readonly #insert: Statement<(string | number | Uint8Array)[]>;
  #mayHoldOldFrames = true;

  constructor(database: Database) {
    this.#database = database;
    // The first frames of a case are the ones its alert has named.
    this.#insert = database.prepare(
      `INSERT OR IGNORE INTO evidence_block
         (detectionId, recordedUs, framesCount, framesBytes, crc32, body)
       VALUES (?, ?, ?, ?, ?, ?)`,
    );
  }

  record(detectionId: string, recordedUs: number, frames: readonly Uint8Array[]): void {
    const packed = packFrames(frames);
    const body = deflateRawSync(packed, { level: DEFLATE_LEVEL });
    const bytes = packed.byteLength - frames.length * FRAME_LENGTH_BYTES;
    this.#insert.run(detectionId, recordedUs, frames.length, bytes, crc32(body), body);
  }

  /** Drops up to `rowsMax` of the oldest blocks; the cases stay. Answers how many. */
  evict(rowsMax: number): number {
    const old = this.#mayHoldOldFrames ? this.#evictOldForm(rowsMax) : 0;
    if (old === rowsMax) return old;
    const { changes } = this.#database
      .prepare(
        `DELETE FROM evidence_block WHERE id IN
           (SELECT id FROM evidence_block ORDER BY id LIMIT ?)`,
      )
      .run(rowsMax - old);
    return old + changes;
  }

  /** Frames of schema 1 are older than every block. */
  #evictOldForm(rowsMax: number): number {
    const { changes } = this.#database
      .prepare(
        `UPDATE detection SET frames = NULL WHERE id IN
           (SELECT id FROM detection WHERE frames IS NOT NULL ORDER BY lastSeenUs LIMIT ?)`,
      )
      .run(rowsMax);
    this.#mayHoldOldFrames = changes === rowsMax;
    return changes;
  }
}

/** Undefined where the block is not what was written. */
export function unpackEvidence(row: EvidenceRow): Uint8Array[] | undefined {
  if (crc32(row.body) !== row.crc32) return undefined;
  return unpackFrames(inflateRawSync(row.body, { maxOutputLength: INFLATED_BYTES_MAX }));
}

/** The form of schema 1; `sha256` over the frames in order, from the case itself. */
export function unpackOldFrames(
  packed: Uint8Array,
  sha256: string | undefined,
): Uint8Array[] | undefined {
  const frames = unpackFrames(packed);
  if (sha256 === undefined) return frames;
  const hash = createHash('sha256');
  for (const frame of frames) hash.update(frame);
  return hash.digest('hex') === sha256 ? frames : undefined;
}

function packFrames(frames: readonly Uint8Array[]): Uint8Array {
  const total = frames.reduce((sum, frame) => sum + FRAME_LENGTH_BYTES + frame.byteLength, 0);
  const packed = new Uint8Array(total);
  const view = new DataView(packed.buffer);
  let offset = 0;
  for (const frame of frames) {
    view.setUint32(offset, frame.byteLength);
    packed.set(frame, offset + FRAME_LENGTH_BYTES);
    offset += FRAME_LENGTH_BYTES + frame.byteLength;
  }
  return packed;
}

function unpackFrames(packed: Uint8Array): Uint8Array[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const frames: Uint8Array[] = [];
  let offset = 0;
  while (offset + FRAME_LENGTH_BYTES <= packed.byteLength) {
    const end = offset + FRAME_LENGTH_BYTES + view.getUint32(offset);
    if (end > packed.byteLength) break;
    frames.push(Uint8Array.from(packed.subarray(offset + FRAME_LENGTH_BYTES, end)));
    offset = end;
  }
  return frames;
}
