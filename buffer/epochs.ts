/**
 * One life of a buffer. A new epoch begins whenever going on could sign a sequence twice: the
 * database is new, was set aside, came back from an older copy, or belongs to another key.
 */
import { crc32 } from 'node:zlib';
import type { Database } from 'better-sqlite3';
import type { Random } from '../agent/platform/random.ts';
import type { EpochBegins, Stream } from '../protocols/uplink/messages.ts';
import { STREAMS } from '../protocols/uplink/topics.ts';
import { DamagedDatabase } from './buffer-fault.ts';
import { prepared } from './prepared.ts';
import type { Mark, MarkedStream } from './signed-mark.ts';

export type EpochReason = EpochBegins['reason'];

export const STREAMS_COUNT = 3;
/** A file that follows a damaged one leaves room below for the epochs that are salvaged from it. */
const ORDINALS_LEFT_FREE = 4096;
const EPOCH_BYTES = 6;
export const ZERO_SHA256: Uint8Array = new Uint8Array(32);

export interface Epoch {
  readonly epoch: number;
  /** Rises with each epoch of the file; 1 for the first of a file that follows no damaged one. */
  readonly ordinal: number;
  readonly reason: EpochReason;
  readonly previousEpoch?: number;
  /** The agent whose key signs in it; absent until the first signature. */
  readonly agentId?: string;
}

export interface BehindMark {
  readonly stream: Stream;
  readonly from: number;
  readonly to: number;
}

interface EpochRow {
  ordinal: number;
  epoch: number;
  reason: EpochReason;
  previousEpoch: number | null;
  agentId: string | null;
}

export interface StreamHeadRow {
  /** Of the epoch. */
  ordinal: number;
  lastSequence: number;
  lastSha256: Uint8Array;
  previousSequence: number | null;
  previousSha256: Uint8Array | null;
  /** Over lastSequence and lastSha256; null in rows that schema 1 has written last. */
  crc32: number | null;
}

/** The newest epoch of the file; undefined in a new file. */
export function currentEpoch(database: Database): Epoch | undefined {
  const row = prepared<[], EpochRow>(
    database,
    'SELECT * FROM epoch ORDER BY ordinal DESC LIMIT 1',
  ).get();
  if (row === undefined) return undefined;
  return {
    epoch: row.epoch,
    ordinal: row.ordinal,
    reason: row.reason,
    ...(row.previousEpoch !== null && { previousEpoch: row.previousEpoch }),
    ...(row.agentId !== null && { agentId: row.agentId }),
  };
}

/** Why a new epoch has to begin; undefined when the current one can go on. */
export function reasonForNewEpoch(
  database: Database,
  mark: Mark | undefined,
  isQuarantined: boolean,
): EpochReason | undefined {
  if (isQuarantined) return 'quarantined';
  const current = currentEpoch(database);
  // An empty database beside a mark is older than what was signed, however it came to be empty.
  if (current === undefined) return mark === undefined ? 'new' : 'restored';
  if (mark === undefined) return hasSigned(database, current.epoch) ? 'restored' : undefined;
  if (mark.epoch !== current.epoch) {
    // A crash between the commit of a new epoch and its mark; nothing has left the gateway since.
    const isFresh = current.previousEpoch === mark.epoch && !hasSigned(database, current.epoch);
    return isFresh ? undefined : 'restored';
  }
  return isBehind(database, mark) ? 'restored' : undefined;
}

/** Call inside a transaction. `left`: what was signed before, when that is known. */
export function beginEpoch(
  database: Database,
  reason: EpochReason,
  left: Mark | undefined,
  random: Random,
  nowMs: number,
): Epoch {
  const previous = left ?? markOf(database);
  const epoch = newEpochNumber(database, random);
  const ordinal = nextOrdinal(database, reason);
  database
    .prepare(
      'INSERT INTO epoch (ordinal, epoch, reason, previousEpoch, beganMs) VALUES (?, ?, ?, ?, ?)',
    )
    .run(ordinal, epoch, reason, previous?.epoch ?? null, nowMs);
  const insert = database.prepare(
    `INSERT INTO stream_head
       (epoch, stream, lastSequence, lastSha256, previousSequence, previousSha256)
     VALUES (?, ?, 0, ?, ?, ?)`,
  );
  for (let stream = 1; stream <= STREAMS_COUNT; stream++) {
    const last = previous?.streams[stream - 1];
    const isKnown = last !== undefined && last.sequence > 0;
    insert.run(
      epoch,
      stream,
      ZERO_SHA256,
      isKnown ? last.sequence : null,
      isKnown ? last.sha256 : null,
    );
  }
  return {
    epoch,
    ordinal,
    reason,
    ...(previous !== undefined && { previousEpoch: previous.epoch }),
  };
}

function nextOrdinal(database: Database, reason: EpochReason): number {
  const last = database.prepare<[], number | null>('SELECT max(ordinal) FROM epoch').pluck().get();
  return (last ?? (reason === 'quarantined' ? ORDINALS_LEFT_FREE : 0)) + 1;
}

/** The heads of the current epoch, in the shape of the mark; undefined in a new file. */
export function markOf(database: Database): Mark | undefined {
  const current = currentEpoch(database);
  if (current === undefined) return undefined;
  const streams: MarkedStream[] = [];
  for (let stream = 1; stream <= STREAMS_COUNT; stream++) {
    const head = headOf(database, current.epoch, stream);
    streams.push({
      sequence: head?.lastSequence ?? 0,
      sha256: head?.lastSha256 ?? ZERO_SHA256,
    });
  }
  return { epoch: current.epoch, streams };
}

export function headOf(
  database: Database,
  epoch: number,
  stream: number,
): StreamHeadRow | undefined {
  const head = prepared<[number, number], StreamHeadRow>(
    database,
    'SELECT * FROM stream_head JOIN epoch USING (epoch) WHERE epoch = ? AND stream = ?',
  ).get(epoch, stream);
  return head === undefined ? undefined : trustedHead(head);
}

/** Throws for a head with a flipped bit: signing on from it would fork or leave a hole. */
export function trustedHead(head: StreamHeadRow): StreamHeadRow {
  const { lastSequence, lastSha256, crc32: checksum } = head;
  if (checksum !== null && checksum !== headChecksum(lastSequence, lastSha256)) {
    throw new DamagedDatabase('the head of a stream is not what was written');
  }
  return head;
}

export function headChecksum(lastSequence: number, lastSha256: Uint8Array): number {
  return crc32(`${lastSequence} `, crc32(lastSha256));
}

function hasSigned(database: Database, epoch: number): boolean {
  const highest = database
    .prepare<[number], number>('SELECT max(lastSequence) FROM stream_head WHERE epoch = ?')
    .pluck()
    .get(epoch);
  return (highest ?? 0) > 0;
}

function isBehind(database: Database, mark: Mark): boolean {
  return messagesBehind(database, mark).length > 0;
}

/** What was signed and sent, and is not in this file: it came back from an older copy. */
export function messagesBehind(database: Database, mark: Mark): readonly BehindMark[] {
  return STREAMS.flatMap((stream) => {
    const from = (headOf(database, mark.epoch, stream)?.lastSequence ?? 0) + 1;
    const to = mark.streams[stream - 1].sequence;
    return from <= to ? [{ stream, from, to }] : [];
  });
}

/** Random 48 bits, greater than 0 and not used before in this file. */
function newEpochNumber(database: Database, random: Random): number {
  const isUsed = database.prepare('SELECT 1 FROM epoch WHERE epoch = ?').pluck();
  for (;;) {
    let epoch = 0;
    for (const byte of random.bytes(EPOCH_BYTES)) epoch = epoch * 256 + byte;
    if (epoch > 0 && isUsed.get(epoch) === undefined) return epoch;
  }
}
