/**
 * Signed messages that wait for the hub's receipt. Message, sequence and chain head are one
 * transaction: whatever survives a crash, no sequence is ever signed twice and none is skipped.
 */
import { createHash } from 'node:crypto';
import type { Database, Statement } from 'better-sqlite3';
import type { Stream } from '../protocols/uplink/messages.ts';
import { type Epoch, headChecksum, type StreamHeadRow, trustedHead } from './epochs.ts';
import type { StatementFacts, TombstoneFacts } from './losses.ts';
import { firstIdOf, messageId } from './message-id.ts';

/** What a receiver accepts as delivered (docs/wire-format); a longer message is a bug of ours. */
const MESSAGE_BYTES_MAX = 64 * 1024;

/** Where in the chain a message stands; it goes into the signed bytes. */
export interface ChainPosition {
  readonly agentId: string;
  readonly epoch: number;
  readonly stream: Stream;
  readonly sequence: number;
  readonly previousSha256: Uint8Array;
}

/** What the first message of a stream tells about the life before. */
export interface EpochFacts {
  readonly reason: Epoch['reason'];
  readonly previousEpoch?: number;
  readonly lastSequence?: number;
  readonly lastSha256?: Uint8Array;
}

/** Who signs. All are called inside a transaction: no waiting, no I/O. */
export interface ChainSigner {
  readonly agentId: string;
  epochBegins(position: ChainPosition, facts: EpochFacts): Uint8Array;
  /** Where it is missing, no message is ever evicted: new ones wait instead. */
  tombstone?(position: ChainPosition, facts: TombstoneFacts): Uint8Array;
  /** Where it is missing, losses wait for a signer that has it. */
  statement?(position: ChainPosition, facts: StatementFacts): Uint8Array;
}

export interface PendingMessage {
  /** Rises with the time of signing within a stream, over all epochs. */
  readonly id: number;
  readonly epoch: number;
  readonly stream: Stream;
  readonly sequence: number;
  readonly bytes: number;
  readonly createdMs: number;
}

export interface RefusedEntry extends PendingMessage {
  readonly reason: string;
}

export interface Appended {
  readonly id: number;
  readonly epoch: number;
  readonly stream: Stream;
  readonly sequence: number;
  readonly bytes: number;
}

interface RefusedRow {
  id: number;
  sequence: number;
  bytes: number;
}

interface StoredMessage {
  message: Uint8Array;
  sha256: Uint8Array;
  epoch: number;
  stream: Stream;
  sequence: number;
}

/** Rows of tombstones that have their receipt: what they stand for was evicted, not receipted. */
const TOMBSTONES_REMEMBERED_MAX = 4096;

const LISTED = 'id, epoch, stream, sequence, bytes, createdMs';
const ALL = `${LISTED}, sha256, message`;

/** Every method that writes is to be called inside a transaction. */
export class Outbox {
  readonly #head: Statement<[number, number], StreamHeadRow>;
  readonly #moveHead: Statement<[number, Uint8Array, number, number, number, number]>;
  readonly #insert: Statement<(number | Uint8Array)[]>;
  readonly #oldest: Statement<[number, number, number], PendingMessage>;
  readonly #newest: Statement<[number, number], PendingMessage>;
  readonly #read: Statement<[number], StoredMessage>;
  readonly #isPending: Statement<[number], number>;
  readonly #range: Statement<[number, number], { count: number; bytes: number }>;
  readonly #copyRefused: Statement<[string, number, number]>;
  readonly #delete: Statement<[number, number]>;
  readonly #settle: Statement<[number, number, number, number, number]>;
  readonly #refused: Statement<[number], RefusedEntry>;
  readonly #evictRefused: Statement<[number]>;
  readonly #evictable: Statement<[number, number], PendingMessage>;
  readonly #keepHash: Statement<[number]>;
  readonly #keepTombstone: Statement<number[]>;
  readonly #dropTombstones: Statement<[number, number]>;
  readonly #forgetTombstones: Statement<number[]>;
  readonly #boundTombstones: Statement<[number]>;
  readonly #refusedFor: Statement<[string, number, number], RefusedRow>;
  readonly #restore: Statement<[number]>;
  readonly #dropRefused: Statement<[number]>;
  #signedCount = 0;

  constructor(database: Database) {
    this.#head = database.prepare(
      'SELECT * FROM stream_head JOIN epoch USING (epoch) WHERE epoch = ? AND stream = ?',
    );
    this.#moveHead = database.prepare(
      `UPDATE stream_head SET lastSequence = ?, lastSha256 = ?, crc32 = ?,
         pendingMessages = pendingMessages + 1, pendingBytes = pendingBytes + ?
       WHERE epoch = ? AND stream = ?`,
    );
    this.#insert = database.prepare(`INSERT INTO outbox (${ALL}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`);
    const range = 'FROM outbox WHERE id BETWEEN ? AND ?';
    this.#oldest = database.prepare(
      `SELECT ${LISTED} FROM outbox WHERE id > ? AND id < ? ORDER BY id LIMIT ?`,
    );
    this.#newest = database.prepare(`SELECT ${LISTED} ${range} ORDER BY id DESC LIMIT 1`);
    this.#read = database.prepare('SELECT * FROM outbox WHERE id = ?');
    this.#isPending = database
      .prepare<[number], number>('SELECT 1 FROM outbox WHERE id = ?')
      .pluck();
    this.#range = database.prepare(
      `SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes ${range}`,
    );
    this.#copyRefused = database.prepare(
      `INSERT OR REPLACE INTO refused (reason, ${ALL}) SELECT ?, ${ALL} ${range}`,
    );
    this.#delete = database.prepare(`DELETE ${range}`);
    this.#settle = database.prepare(
      `UPDATE stream_head SET pendingMessages = pendingMessages - ?,
         pendingBytes = pendingBytes - ?, refusedMessages = refusedMessages + ?
       WHERE epoch = ? AND stream = ?`,
    );
    this.#evictRefused = database.prepare(
      'DELETE FROM refused WHERE id IN (SELECT id FROM refused ORDER BY createdMs, id LIMIT ?)',
    );
    this.#evictable = database.prepare(
      `SELECT ${LISTED} FROM outbox WHERE id > ? AND id < ? AND sequence > 1
         AND id NOT IN (SELECT id FROM tombstone) ORDER BY id`,
    );
    this.#keepHash = database.prepare(
      'INSERT OR REPLACE INTO stored_hash SELECT id, sha256 FROM outbox WHERE id = ?',
    );
    this.#keepTombstone = database.prepare('INSERT INTO tombstone VALUES (?, ?, ?, ?, ?, ?)');
    this.#dropTombstones = database.prepare('DELETE FROM tombstone WHERE id BETWEEN ? AND ?');
    const isReceipted = 'NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.id = tombstone.id)';
    this.#forgetTombstones = database.prepare(
      `DELETE FROM tombstone WHERE id BETWEEN ? AND ? AND epochOf = ? AND lastSequence <= ?
         AND ${isReceipted}`,
    );
    this.#boundTombstones = database.prepare(
      `DELETE FROM tombstone WHERE ${isReceipted}
         AND id <= (SELECT id FROM tombstone ORDER BY id DESC LIMIT 1 OFFSET ?)`,
    );
    this.#refusedFor = database.prepare(
      'SELECT id, sequence, bytes FROM refused WHERE reason = ? AND id BETWEEN ? AND ?',
    );
    this.#restore = database.prepare(
      `INSERT INTO outbox (${ALL}) SELECT ${ALL} FROM refused WHERE id = ?`,
    );
    this.#dropRefused = database.prepare('DELETE FROM refused WHERE id = ?');
    this.#refused = database.prepare(
      `SELECT ${LISTED}, reason FROM refused ORDER BY createdMs DESC, id DESC LIMIT ?`,
    );
  }

  /** Messages signed since start, those of a transaction that was undone as well. */
  get signedCount(): number {
    return this.#signedCount;
  }

  /** Signs the next message of the stream; begins the stream first where it is new. */
  append(
    epoch: Epoch,
    stream: Stream,
    signer: ChainSigner,
    nowMs: number,
    make: (position: ChainPosition) => Uint8Array,
  ): readonly Appended[] {
    const begun = this.begin(epoch, stream, signer, nowMs);
    const appended = this.#appendOne(epoch.epoch, stream, signer.agentId, nowMs, make);
    return begun === undefined ? [appended] : [begun, appended];
  }

  /** Sequence 1 of the stream; undefined where the stream has begun already. */
  begin(epoch: Epoch, stream: Stream, signer: ChainSigner, nowMs: number): Appended | undefined {
    const head = this.#headOf(epoch.epoch, stream);
    if (head.lastSequence > 0) return undefined;
    const facts: EpochFacts = {
      reason: epoch.reason,
      ...(epoch.previousEpoch !== undefined && { previousEpoch: epoch.previousEpoch }),
      ...(head.previousSequence !== null && { lastSequence: head.previousSequence }),
      ...(head.previousSha256 !== null && { lastSha256: Uint8Array.from(head.previousSha256) }),
    };
    return this.#appendOne(epoch.epoch, stream, signer.agentId, nowMs, (position) =>
      signer.epochBegins(position, facts),
    );
  }

  /** Oldest first; `afterId` 0 begins at the oldest. */
  pending(stream: Stream, afterId: number, messagesMax: number): PendingMessage[] {
    const from = Math.max(afterId, firstIdOf(stream));
    return this.#oldest.all(from, firstIdOf(stream + 1), messagesMax);
  }

  newest(stream: Stream): PendingMessage | undefined {
    return this.#newest.get(firstIdOf(stream), firstIdOf(stream + 1) - 1);
  }

  isPending(id: number): boolean {
    return this.#isPending.get(id) !== undefined;
  }

  refused(messagesMax: number): RefusedEntry[] {
    return this.#refused.all(messagesMax);
  }

  /** `damaged`: the bytes no longer have the hash they were signed with. */
  read(id: number): (StoredMessage & { readonly kind: 'message' | 'damaged' }) | undefined {
    const row = this.#read.get(id);
    if (row === undefined) return undefined;
    const kind = sameBytes(sha256(row.message), row.sha256) ? 'message' : 'damaged';
    return { kind, ...row };
  }

  /** Deletes up to `rowsMax` of the oldest that were set aside; answers how many. */
  evictRefused(rowsMax: number): number {
    return this.#evictRefused.run(rowsMax).changes;
  }

  /** Keeps messages for the operator, never to be sent again; answers how many. */
  refuse(epoch: number, stream: Stream, from: number, to: number, reason: string): number {
    return this.#remove(epoch, stream, from, to, reason);
  }

  /** Of those refused for `reason`: sends again the sequences that `isWanted`. */
  takeBack(
    epoch: number,
    stream: Stream,
    reason: string,
    isWanted: (sequence: number) => boolean,
  ): void {
    const { ordinal, lastSequence } = this.#headOf(epoch, stream);
    const [firstId, lastId] = [0, lastSequence].map((at) => messageId(stream, ordinal, at));
    for (const { id, sequence, bytes } of this.#refusedFor.all(reason, firstId, lastId)) {
      if (!isWanted(sequence)) continue;
      this.#restore.run(id);
      this.#dropRefused.run(id);
      this.#settle.run(-1, -bytes, -1, epoch, stream);
    }
  }

  /** The hub has or has passed all of the stream up to `to`: what was evicted there is settled. */
  forgetTombstones(epochOf: number, stream: Stream, to: number): void {
    this.#forgetTombstones.run(firstIdOf(stream), firstIdOf(stream + 1) - 1, epochOf, to);
  }

  /** Deletes what a receipt has proved; answers how many. */
  delete(epoch: number, stream: Stream, from: number, to: number): number {
    return this.#remove(epoch, stream, from, to, undefined);
  }

  /**
   * Takes the oldest messages of the stream that are still without a receipt, at most `messagesMax`
   * in a row, and leaves a tombstone at its end. What begins an epoch, earlier tombstones and the
   * newest message stay. Undefined when nothing may go, or the signer knows no tombstones.
   */
  evictOldest(
    epoch: Epoch,
    stream: Stream,
    signer: ChainSigner,
    nowMs: number,
    messagesMax: number,
  ): TombstoneFacts | undefined {
    if (signer.tombstone === undefined) return undefined;
    const run = this.#oldestRun(stream, messagesMax);
    const last = run[run.length - 1];
    if (last === undefined) return undefined;
    this.#keepHash.run(last.id);
    const { sha256: lastSha256 } = this.#read.get(last.id) ?? { sha256: new Uint8Array() };
    const facts: TombstoneFacts = {
      epochOf: last.epoch,
      from: run[0].sequence,
      to: last.sequence,
      lastSha256: Uint8Array.from(lastSha256),
      messages: run.length,
      bytes: run.reduce((sum, message) => sum + message.bytes, 0),
      reason: 'quota',
    };
    this.delete(last.epoch, stream, facts.from, facts.to);
    const make = signer.tombstone.bind(signer);
    const { id } = this.#appendOne(epoch.epoch, stream, signer.agentId, nowMs, (position) =>
      make(position, facts),
    );
    this.#keepTombstone.run(id, facts.epochOf, facts.from, facts.to, facts.messages, facts.bytes);
    this.#boundTombstones.run(TOMBSTONES_REMEMBERED_MAX);
    return facts;
  }

  /** The longest row of messages without a gap that begins with the oldest that may go. */
  #oldestRun(stream: Stream, messagesMax: number): PendingMessage[] {
    const newest = this.newest(stream)?.id ?? 0;
    const run: PendingMessage[] = [];
    for (const message of this.#evictable.iterate(firstIdOf(stream), newest)) {
      const previous = run[run.length - 1];
      if (previous !== undefined && message.id !== previous.id + 1) break;
      run.push(message);
      if (run.length >= messagesMax) break;
    }
    return run;
  }

  #remove(
    epoch: number,
    stream: Stream,
    from: number,
    to: number,
    refusedFor: string | undefined,
  ): number {
    const { ordinal, lastSequence } = this.#headOf(epoch, stream);
    if (from > lastSequence) return 0;
    const firstId = messageId(stream, ordinal, from);
    const lastId = messageId(stream, ordinal, Math.min(to, lastSequence));
    const { count, bytes } = this.#range.get(firstId, lastId) ?? { count: 0, bytes: 0 };
    if (count === 0) return 0;
    if (refusedFor !== undefined) {
      this.#copyRefused.run(refusedFor, firstId, lastId);
      this.#dropTombstones.run(firstId, lastId);
    }
    this.#delete.run(firstId, lastId);
    const refused = refusedFor === undefined ? 0 : count;
    this.#settle.run(count, bytes, refused, epoch, stream);
    return count;
  }

  #appendOne(
    epoch: number,
    stream: Stream,
    agentId: string,
    nowMs: number,
    make: (position: ChainPosition) => Uint8Array,
  ): Appended {
    const head = this.#headOf(epoch, stream);
    const sequence = head.lastSequence + 1;
    const previousSha256 = Uint8Array.from(head.lastSha256);
    const message = make({ agentId, epoch, stream, sequence, previousSha256 });
    if (message.byteLength === 0 || message.byteLength > MESSAGE_BYTES_MAX) {
      throw new RangeError(`A message of ${message.byteLength} bytes was to be signed.`);
    }
    this.#signedCount++;
    const hash = sha256(message);
    const bytes = message.byteLength;
    const id = messageId(stream, head.ordinal, sequence);
    this.#insert.run(id, epoch, stream, sequence, bytes, nowMs, hash, message);
    this.#moveHead.run(sequence, hash, headChecksum(sequence, hash), bytes, epoch, stream);
    return { id, epoch, stream, sequence, bytes };
  }

  #headOf(epoch: number, stream: Stream): StreamHeadRow {
    const head = this.#head.get(epoch, stream);
    if (head === undefined) throw new Error(`epoch ${epoch} has no stream ${stream}`);
    return trustedHead(head);
  }
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index]);
}
