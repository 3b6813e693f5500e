/**
 * Signed messages that wait for the hub's receipt. Message, sequence and chain head are one
 * transaction: whatever survives a crash, no sequence is ever signed twice and none is skipped.
 */
import { createHash } from 'node:crypto';
import type { Database, Statement } from 'better-sqlite3';
import type { Stream } from '../protocols/uplink/messages.ts';
import type { Epoch, StreamHeadRow } from './epochs.ts';

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

/** Who signs. Both are called inside a transaction: no waiting, no I/O. */
export interface ChainSigner {
  readonly agentId: string;
  epochBegins(position: ChainPosition, facts: EpochFacts): Uint8Array;
}

export interface PendingMessage {
  /** Rises with the time of signing, over all streams and epochs. */
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

interface StoredMessage {
  message: Uint8Array;
  sha256: Uint8Array;
  epoch: number;
  stream: Stream;
  sequence: number;
}

const LISTED = 'id, epoch, stream, sequence, bytes, createdMs';

/** Every method but `pending` and `read` is to be called inside a transaction. */
export class Outbox {
  readonly #head: Statement<[number, number], StreamHeadRow>;
  readonly #moveHead: Statement<[number, Uint8Array, number, number]>;
  readonly #insert: Statement<[number, number, number, number, number, Uint8Array, Uint8Array]>;
  readonly #oldest: Statement<[number, number, number], PendingMessage>;
  readonly #newest: Statement<[number], PendingMessage>;
  readonly #read: Statement<[number], StoredMessage>;
  readonly #isPending: Statement<[number], number>;
  readonly #setAside: Statement<[string, number]>;
  readonly #refused: Statement<[number], RefusedEntry>;

  constructor(database: Database) {
    this.#head = database.prepare('SELECT * FROM stream_head WHERE epoch = ? AND stream = ?');
    this.#moveHead = database.prepare(
      'UPDATE stream_head SET lastSequence = ?, lastSha256 = ? WHERE epoch = ? AND stream = ?',
    );
    this.#insert = database.prepare(
      `INSERT INTO outbox (epoch, stream, sequence, state, bytes, createdMs, sha256, message)
       VALUES (?, ?, ?, 'pending', ?, ?, ?, ?)`,
    );
    this.#oldest = database.prepare(
      `SELECT ${LISTED} FROM outbox WHERE stream = ? AND state = 'pending' AND id > ?
       ORDER BY id LIMIT ?`,
    );
    this.#newest = database.prepare(
      `SELECT ${LISTED} FROM outbox WHERE stream = ? AND state = 'pending'
       ORDER BY id DESC LIMIT 1`,
    );
    this.#read = database.prepare(
      `SELECT message, sha256, epoch, stream, sequence FROM outbox
       WHERE id = ? AND state = 'pending'`,
    );
    this.#isPending = database
      .prepare<[number], number>("SELECT 1 FROM outbox WHERE id = ? AND state = 'pending'")
      .pluck();
    this.#setAside = database.prepare(
      "UPDATE outbox SET state = 'refused', reason = ? WHERE id = ? AND state = 'pending'",
    );
    this.#refused = database.prepare(
      `SELECT ${LISTED}, reason FROM outbox WHERE state = 'refused' ORDER BY id DESC LIMIT ?`,
    );
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
    return this.#oldest.all(stream, afterId, messagesMax);
  }

  newest(stream: Stream): PendingMessage | undefined {
    return this.#newest.get(stream);
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

  /** Keeps the message for the operator, never to be sent again. */
  refuse(id: number, reason: string): boolean {
    return this.#setAside.run(reason, id).changes > 0;
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
    const hash = sha256(message);
    const bytes = message.byteLength;
    const { lastInsertRowid } = this.#insert.run(
      epoch,
      stream,
      sequence,
      bytes,
      nowMs,
      hash,
      message,
    );
    this.#moveHead.run(sequence, hash, epoch, stream);
    return { id: Number(lastInsertRowid), epoch, stream, sequence, bytes };
  }

  #headOf(epoch: number, stream: Stream): StreamHeadRow {
    const head = this.#head.get(epoch, stream);
    if (head === undefined) throw new Error(`epoch ${epoch} has no stream ${stream}`);
    return head;
  }
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, index) => byte === b[index]);
}
