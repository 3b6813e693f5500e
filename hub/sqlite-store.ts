/**
 * The hub's store on one box: SQLite in WAL mode with synchronous=FULL, one transaction a batch.
 * A key that is there already makes a message a duplicate, or, with another hash, a fork.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import { type Random, SystemRandom } from '../agent/platform/random.ts';
import type { Receipt, RefusedMessage, Stream } from '../protocols/uplink/messages.ts';
import { RECEIPT_REFUSED_MAX } from '../protocols/uplink/receipt.ts';
import { droppedText, FindingsTable, findingPlace } from './findings-table.ts';
import { migrateHub } from './hub-schema.ts';
import {
  judgeBatch,
  type KnownMessage,
  messageName,
  type StreamPlace,
  stretchesOf,
  type TouchedStream,
  touch,
  wholeEpochs,
} from './judge-batch.ts';
import {
  extendRanges,
  NO_RANGES,
  packRanges,
  RANGES_KEPT_MAX,
  rangesToTell,
  type StoredSequence,
  type StreamRanges,
  type TombstonedRange,
  unpackRanges,
} from './received-ranges.ts';
import { serialFloor } from './serial-floor.ts';
import type { BatchEntry, CommitResult, HubStore, MessageKey, VerifiedMessage } from './store.ts';

/** Sequences looked at for one receipt; holes further up are told when lower ones have closed. */
const SEQUENCES_SCANNED_MAX = 4096;
/** (epoch, stream) pairs whose receipts a birth brings again: the latest ones. */
const STREAMS_REISSUED_MAX = 12;
const HUB_EPOCH_BYTES = 6;

interface StreamState {
  readonly cumulative: number;
  readonly cumulativeSha256: Buffer;
  readonly have: Buffer;
  readonly isComplete: number;
}

export class SqliteStore implements HubStore {
  readonly commitsUncertain = 0;
  #hubEpoch: number;
  readonly #random: Random;
  readonly #database: Database.Database;
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #findings: FindingsTable;
  /** Whether any message of any agent is refused, as the running transaction sees it. */
  #hasRefused = false;
  readonly #commit: (batch: readonly BatchEntry[], nowMs: number) => CommitResult;

  /** Opens or makes the database; `path` may be `:memory:` in tests. `random`: for hubEpoch. */
  constructor(path: string, random: Random = new SystemRandom()) {
    this.#random = random;
    this.#database = openDatabase(path);
    this.#hubEpoch = readHubEpoch(this.#database, random);
    this.#statements = prepareStatements(this.#database);
    this.#findings = new FindingsTable(this.#database);
    // Immediate: two workers on one file wait for each other instead of failing half-way.
    this.#commit = this.#database.transaction((batch: readonly BatchEntry[], nowMs: number) =>
      this.#write(batch, nowMs),
    ).immediate;
  }

  commit(batch: readonly BatchEntry[], nowMs: number): Promise<CommitResult> {
    return new Promise((resolve) => resolve(this.#commit(batch, nowMs)));
  }

  get hubEpoch(): number {
    return this.#hubEpoch;
  }

  commitsCount(): Promise<number> {
    return Promise.resolve(this.#statements.commits.get() ?? 0);
  }

  beginHubEpoch(from: number): Promise<void> {
    this.#database.prepare("DELETE FROM hub_state WHERE name = 'hubEpoch' AND value = ?").run(from);
    this.#hubEpoch = readHubEpoch(this.#database, this.#random);
    return Promise.resolve();
  }

  watchSilence(nowMs: number, silentAfterMs: number): Promise<readonly string[]> {
    return Promise.resolve(
      this.#database.transaction(() => this.#findings.watchSilence(nowMs, silentAfterMs))(),
    );
  }

  close(): Promise<void> {
    this.#database.close();
    return Promise.resolve();
  }

  #write(batch: readonly BatchEntry[], nowMs: number): CommitResult {
    const judged = judgeBatch(batch, this.#knownAround(batch));
    const { fresh, refused, touched, duplicates, forked } = judged;
    for (const entry of batch) {
      if (entry.kind === 'finding') {
        const place = { agentId: entry.agentId, epoch: 0, stream: 1, sequence: 0 } as const;
        this.#findings.add('refused', entry.reason, place, entry.detail, nowMs);
      }
      if (entry.kind !== 'birth') continue;
      const streams = this.#streamsOf(entry.agentId);
      for (const place of wholeEpochs(streams)) touch(touched, place);
    }
    // Nearly always nothing is refused, and two statements less a message.
    this.#hasRefused = refused.length > 0 || this.#statements.anyRefused.get() !== undefined;
    for (const message of fresh) this.#insert(message, nowMs);
    for (const { reason, detail, ...key } of refused) this.#refuse(key, reason, detail, nowMs);
    this.#statements.countCommit.run();
    const receipts = [...touched.values()].map((stream) => this.#receipt(stream, nowMs));
    return { receipts, stored: fresh.length, duplicates, forked };
  }

  /** What is stored under each sequence of the batch and on either side of it. */
  #knownAround(batch: readonly BatchEntry[]): Map<string, KnownMessage> {
    const known = new Map<string, KnownMessage>();
    const verified = batch.filter((entry) => entry.kind === 'verified');
    for (const { place, from, to } of stretchesOf(verified)) {
      const { agentId, epoch, stream } = place;
      for (const row of this.#statements.between.all(agentId, epoch, stream, from - 1, to + 1)) {
        known.set(messageName(place, row.sequence), { sha256: row.sha256 });
      }
    }
    for (const entry of verified) {
      const { agentId, epoch, stream, sequence } = entry;
      const after = known.get(messageName(entry, sequence + 1));
      if (after === undefined || after.previousSha256 !== undefined) continue;
      const named = this.#statements.previousOf.get(agentId, epoch, stream, sequence + 1);
      if (named === undefined) continue;
      known.set(messageName(entry, sequence + 1), { ...after, previousSha256: named });
    }
    return known;
  }

  #insert(message: VerifiedMessage, nowMs: number): void {
    const { agentId, epoch, stream, sequence, tombstone } = message;
    this.#statements.insertKey.run(agentId, epoch, stream, sequence, message.sha256);
    const { messageKind, previousSha256, signedAtMs, bytes } = message;
    const facts = [messageKind, previousSha256, signedAtMs, nowMs, bytes];
    this.#statements.insertBody.run(agentId, epoch, stream, sequence, ...facts);
    if (this.#hasRefused) this.#statements.unrefuse.run(agentId, epoch, stream, sequence);
    if (tombstone === undefined) return;
    const { reason, epochOf, streamOf, from, to } = tombstone;
    this.#statements.bury.run(agentId, epochOf, streamOf, from, to);
    const place = { agentId, epoch: epochOf, stream: streamOf, sequence: from };
    this.#findings.add('gap', reason, place, droppedText(tombstone), nowMs);
  }

  #refuse(key: MessageKey, reason: string, detail: string, nowMs: number): void {
    const { agentId, epoch, stream, sequence } = key;
    const kind = reason === 'forked' ? 'forked' : 'refused';
    this.#findings.add(kind, reason, findingPlace(key, reason), detail, nowMs);
    this.#statements.refuse.run(agentId, epoch, stream, sequence, reason, nowMs);
    const bound = [agentId, epoch, stream];
    this.#statements.pruneRefused.run(...bound, ...bound, RECEIPT_REFUSED_MAX);
  }

  /** What is stored of one stream, under a serial that no other receipt to this agent has. */
  #receipt({ place, fresh, received }: TouchedStream, nowMs: number): Receipt {
    const { agentId, epoch, stream } = place;
    const before = this.#ranges(place);
    const tombstones = this.#statements.tombstones.all(agentId, epoch, stream);
    const ranges = extendRanges(before, fresh, tombstones);
    const { cumulative, cumulativeSha256, have } = ranges;
    const facts = [nowMs, packRanges(have), ranges.isComplete ? 1 : 0];
    this.#statements.setState.run(agentId, epoch, stream, cumulative, cumulativeSha256, ...facts);
    // Only a stream with ranges beyond a hole has an open gap.
    if (before.have.length > 0 && cumulative > before.cumulative) {
      this.#findings.closeGaps(place, cumulative, nowMs);
    }
    if (have.length > 0) {
      const missing = `${cumulative + 1} to ${have[0].from - 1} missing`;
      const first = { agentId, epoch, stream, sequence: cumulative + 1 };
      this.#findings.add('gap', 'missing', first, missing, nowMs);
    }
    return {
      kind: 'receipt',
      agentId,
      epoch,
      stream,
      cumulative,
      cumulativeSha256,
      have: rangesToTell(have, received),
      refused: this.#hasRefused
        ? this.#statements.refused.all(agentId, epoch, stream, RECEIPT_REFUSED_MAX)
        : [],
      receiptSerial: this.#statements.nextSerial.get(agentId, serialFloor(nowMs)) ?? 1,
      hubEpoch: this.#hubEpoch,
      hubTimeMs: nowMs,
    };
  }

  /** As they were kept; where more ranges were there than are kept, the next ones are looked up. */
  #ranges({ agentId, epoch, stream }: StreamPlace): StreamRanges {
    const row = this.#statements.state.get(agentId, epoch, stream);
    if (row === undefined) return NO_RANGES;
    const ranges = { ...row, have: unpackRanges(row.have), isComplete: row.isComplete === 1 };
    if (ranges.isComplete || ranges.have.length > RANGES_KEPT_MAX / 2) return ranges;
    const from = ranges.have.at(-1)?.to ?? ranges.cumulative;
    const above = this.#statements.above.all(agentId, epoch, stream, from, SEQUENCES_SCANNED_MAX);
    return extendRanges({ ...ranges, isComplete: above.length < SEQUENCES_SCANNED_MAX }, above);
  }

  #streamsOf(agentId: string): MessageKey[] {
    return this.#statements.streams
      .all(agentId, STREAMS_REISSUED_MAX)
      .map(({ epoch, stream }) => ({ agentId, epoch, stream, sequence: 0 }));
  }
}

function openDatabase(path: string): Database.Database {
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true });
    const database = new Database(path);
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma('busy_timeout = 5000');
    migrateHub(database);
    return database;
  } catch (cause) {
    if (cause instanceof OperatorFault) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OperatorFault({
      code: 'HUB_DATABASE_UNUSABLE',
      problem: `The database "${path}" can't be opened (${reason}).`,
      remedy: 'Check the path database.path, its owner and the space on its disk.',
      cause,
    });
  }
}

function readHubEpoch(database: Database.Database, random: Random): number {
  const draw = (): number =>
    Buffer.from(random.bytes(HUB_EPOCH_BYTES)).readUIntBE(0, HUB_EPOCH_BYTES);
  let made = draw();
  while (made === 0) made = draw();
  database.prepare("INSERT INTO hub_state VALUES ('hubEpoch', ?) ON CONFLICT DO NOTHING").run(made);
  const read = database.prepare<[], number>("SELECT value FROM hub_state WHERE name = 'hubEpoch'");
  return Number(read.pluck().get());
}

type StreamKey = [agentId: string, epoch: number, stream: Stream];

function prepareStatements(database: Database.Database) {
  const place = 'agentId = ? AND epoch = ? AND stream = ?';
  return {
    insertKey: database.prepare('INSERT INTO message_key VALUES (?, ?, ?, ?, ?)'),
    insertBody: database.prepare('INSERT INTO message_body VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    between: database.prepare<[...StreamKey, number, number], StoredSequence>(
      `SELECT sequence, sha256 FROM message_key WHERE ${place} AND sequence BETWEEN ? AND ?`,
    ),
    previousOf: database
      .prepare<[...StreamKey, number], Buffer>(
        `SELECT previousSha256 FROM message_body WHERE ${place} AND sequence = ?`,
      )
      .pluck(),
    above: database.prepare<[...StreamKey, number, number], StoredSequence>(
      `SELECT sequence, sha256 FROM message_key WHERE ${place} AND sequence > ?
       ORDER BY sequence LIMIT ?`,
    ),
    state: database.prepare<StreamKey, StreamState>(
      `SELECT cumulative, cumulativeSha256, have, isComplete FROM stream_state WHERE ${place}`,
    ),
    setState: database.prepare(
      'INSERT OR REPLACE INTO stream_state VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    streams: database.prepare<[string, number], { epoch: number; stream: Stream }>(
      `SELECT epoch, stream FROM stream_state WHERE agentId = ?
       ORDER BY lastReceivedAtMs DESC LIMIT ?`,
    ),
    anyRefused: database.prepare<[], unknown>('SELECT 1 FROM refused_message LIMIT 1'),
    refuse: database.prepare('INSERT OR REPLACE INTO refused_message VALUES (?, ?, ?, ?, ?, ?)'),
    bury: database.prepare('INSERT OR IGNORE INTO tombstone VALUES (?, ?, ?, ?, ?)'),
    tombstones: database.prepare<StreamKey, TombstonedRange>(
      `SELECT fromSequence AS "from", toSequence AS "to" FROM tombstone WHERE ${place}`,
    ),
    unrefuse: database.prepare(`DELETE FROM refused_message WHERE ${place} AND sequence = ?`),
    pruneRefused: database.prepare(
      `DELETE FROM refused_message WHERE ${place} AND sequence IN (
         SELECT sequence FROM refused_message WHERE ${place}
         ORDER BY refusedAtMs DESC LIMIT -1 OFFSET ?)`,
    ),
    // A sequence that is stored is not refused: the hash tells a clone that it was another's.
    refused: database.prepare<[...StreamKey, number], RefusedMessage>(
      `SELECT sequence, reason FROM refused_message AS refused WHERE ${place}
         AND NOT EXISTS (SELECT 1 FROM message_key AS known WHERE known.agentId = refused.agentId
           AND known.epoch = refused.epoch AND known.stream = refused.stream
           AND known.sequence = refused.sequence)
       ORDER BY sequence LIMIT ?`,
    ),
    countCommit: database.prepare(
      `INSERT INTO hub_state VALUES ('commits', 1) ON CONFLICT DO UPDATE SET value = value + 1`,
    ),
    commits: database
      .prepare<[], number>("SELECT value FROM hub_state WHERE name = 'commits'")
      .pluck(),
    nextSerial: database
      .prepare<[string, number], number>(
        `INSERT INTO receipt_serial VALUES (?, ?) ON CONFLICT DO UPDATE
           SET receiptSerial = max(receiptSerial + 1, excluded.receiptSerial)
         RETURNING receiptSerial`,
      )
      .pluck(),
  };
}
