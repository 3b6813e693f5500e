/**
 * The hub's store on one box: SQLite in WAL mode with synchronous=FULL, one transaction a batch.
 * A key that is there already makes a message a duplicate, or, with another hash, a fork.
 */
import { randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import type { Receipt, RefusedMessage, Stream } from '../protocols/uplink/messages.ts';
import { RECEIPT_REFUSED_MAX } from '../protocols/uplink/receipt.ts';
import { FindingsTable } from './findings-table.ts';
import { migrateHub } from './hub-schema.ts';
import { receivedRanges, type StoredSequence } from './received-ranges.ts';
import type { BatchEntry, CommitResult, HubStore, MessageKey, VerifiedMessage } from './store.ts';

/** Sequences looked at for one receipt; holes further up are told when lower ones have closed. */
const SEQUENCES_SCANNED_MAX = 4096;
/** (epoch, stream) pairs whose receipts a birth brings again: the latest ones. */
const STREAMS_REISSUED_MAX = 12;
/** randomInt takes ranges below 2^48. */
const HUB_EPOCH_LIMIT = 2 ** 48 - 1;
const ZERO_SHA256 = Buffer.alloc(32);

interface StreamState {
  readonly cumulative: number;
  readonly cumulativeSha256: Buffer;
}

interface Counts {
  stored: number;
  duplicates: number;
  forked: number;
}

export class SqliteStore implements HubStore {
  readonly hubEpoch: number;
  readonly #database: Database.Database;
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #findings: FindingsTable;
  readonly #commit: (batch: readonly BatchEntry[], nowMs: number) => CommitResult;

  /** Opens or makes the database; `path` may be `:memory:` in tests. */
  constructor(path: string) {
    this.#database = openDatabase(path);
    this.hubEpoch = readHubEpoch(this.#database);
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

  close(): Promise<void> {
    this.#database.close();
    return Promise.resolve();
  }

  #write(batch: readonly BatchEntry[], nowMs: number): CommitResult {
    const counts: Counts = { stored: 0, duplicates: 0, forked: 0 };
    const touched = new Map<string, MessageKey>();
    for (const entry of batch) {
      switch (entry.kind) {
        case 'verified':
          this.#take(entry, nowMs, counts);
          touched.set(streamName(entry), entry);
          break;
        case 'refused':
          this.#refuse(entry, entry.reason, entry.detail, nowMs);
          touched.set(streamName(entry), entry);
          break;
        case 'finding': {
          const place = { agentId: entry.agentId, epoch: 0, stream: 1, sequence: 0 } as const;
          this.#findings.add('refused', entry.reason, place, entry.detail, nowMs);
          break;
        }
        case 'birth':
          for (const place of this.#streamsOf(entry.agentId)) touched.set(streamName(place), place);
          break;
        default:
          entry satisfies never;
      }
    }
    const receipts = [...touched.values()].map((place) => this.#receipt(place, nowMs));
    return { receipts, ...counts };
  }

  #take(message: VerifiedMessage, nowMs: number, counts: Counts): void {
    const known = this.#sha256Of(message, message.sequence);
    if (known?.equals(message.sha256)) {
      counts.duplicates += 1;
      return;
    }
    const fork = known === undefined ? this.#brokenLink(message) : 'another message has its place';
    if (fork !== undefined) {
      counts.forked += 1;
      this.#refuse(message, 'forked', fork, nowMs);
      return;
    }
    const { agentId, epoch, stream, sequence } = message;
    this.#statements.insertKey.run(agentId, epoch, stream, sequence, message.sha256);
    this.#statements.insertBody.run(
      agentId,
      epoch,
      stream,
      sequence,
      message.messageKind,
      message.previousSha256,
      message.signedAtMs,
      nowMs,
      message.bytes,
    );
    this.#statements.unrefuse.run(agentId, epoch, stream, sequence);
    counts.stored += 1;
  }

  /** Whether the chain contradicts what is stored on either side of this message. */
  #brokenLink(message: VerifiedMessage): string | undefined {
    const predecessor = this.#sha256Of(message, message.sequence - 1);
    if (predecessor !== undefined && !predecessor.equals(message.previousSha256)) {
      return 'it names another predecessor than the stored one';
    }
    const { agentId, epoch, stream, sequence } = message;
    const named = this.#statements.previousOf.get(agentId, epoch, stream, sequence + 1);
    if (named !== undefined && !named.equals(message.sha256)) {
      return 'the stored successor names another predecessor';
    }
    return undefined;
  }

  #refuse(key: MessageKey, reason: string, detail: string, nowMs: number): void {
    const { agentId, epoch, stream, sequence } = key;
    const kind = reason === 'forked' ? 'forked' : 'refused';
    this.#findings.add(kind, reason, key, detail, nowMs);
    this.#statements.refuse.run(agentId, epoch, stream, sequence, reason, nowMs);
    const bound = [agentId, epoch, stream];
    this.#statements.pruneRefused.run(...bound, ...bound, RECEIPT_REFUSED_MAX);
  }

  /** What is stored of one stream, under a serial that no other receipt to this agent has. */
  #receipt(place: MessageKey, nowMs: number): Receipt {
    const { agentId, epoch, stream } = place;
    const before = this.#statements.state.get(agentId, epoch, stream);
    const from = before?.cumulative ?? 0;
    const ranges = receivedRanges(
      from,
      before?.cumulativeSha256 ?? ZERO_SHA256,
      this.#statements.above.iterate(agentId, epoch, stream, from, SEQUENCES_SCANNED_MAX),
    );
    const { cumulative, cumulativeSha256, have } = ranges;
    this.#statements.setState.run(agentId, epoch, stream, cumulative, cumulativeSha256, nowMs);
    if (cumulative > from) this.#findings.closeGaps(place, cumulative, nowMs);
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
      have,
      refused: this.#statements.refused.all(agentId, epoch, stream, RECEIPT_REFUSED_MAX),
      receiptSerial: this.#statements.nextSerial.get(agentId) ?? 1,
      hubEpoch: this.hubEpoch,
      hubTimeMs: nowMs,
    };
  }

  #streamsOf(agentId: string): MessageKey[] {
    return this.#statements.streams
      .all(agentId, STREAMS_REISSUED_MAX)
      .map(({ epoch, stream }) => ({ agentId, epoch, stream, sequence: 0 }));
  }

  #sha256Of(key: MessageKey, sequence: number): Buffer | undefined {
    return this.#statements.sha256Of.get(key.agentId, key.epoch, key.stream, sequence);
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

function readHubEpoch(database: Database.Database): number {
  database
    .prepare("INSERT INTO hub_state VALUES ('hubEpoch', ?) ON CONFLICT DO NOTHING")
    .run(randomInt(1, HUB_EPOCH_LIMIT));
  const read = database.prepare<[], number>("SELECT value FROM hub_state WHERE name = 'hubEpoch'");
  return Number(read.pluck().get());
}

function streamName({ agentId, epoch, stream }: MessageKey): string {
  return `${agentId}/${epoch}/${stream}`;
}

type StreamPlace = [agentId: string, epoch: number, stream: Stream];

function prepareStatements(database: Database.Database) {
  const place = 'agentId = ? AND epoch = ? AND stream = ?';
  return {
    insertKey: database.prepare('INSERT INTO message_key VALUES (?, ?, ?, ?, ?)'),
    insertBody: database.prepare('INSERT INTO message_body VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    sha256Of: database
      .prepare<[...StreamPlace, number], Buffer>(
        `SELECT sha256 FROM message_key WHERE ${place} AND sequence = ?`,
      )
      .pluck(),
    previousOf: database
      .prepare<[...StreamPlace, number], Buffer>(
        `SELECT previousSha256 FROM message_body WHERE ${place} AND sequence = ?`,
      )
      .pluck(),
    above: database.prepare<[...StreamPlace, number, number], StoredSequence>(
      `SELECT sequence, sha256 FROM message_key WHERE ${place} AND sequence > ?
       ORDER BY sequence LIMIT ?`,
    ),
    state: database.prepare<StreamPlace, StreamState>(
      `SELECT cumulative, cumulativeSha256 FROM stream_state WHERE ${place}`,
    ),
    setState: database.prepare('INSERT OR REPLACE INTO stream_state VALUES (?, ?, ?, ?, ?, ?)'),
    streams: database.prepare<[string, number], { epoch: number; stream: Stream }>(
      `SELECT epoch, stream FROM stream_state WHERE agentId = ?
       ORDER BY lastReceivedAtMs DESC LIMIT ?`,
    ),
    refuse: database.prepare('INSERT OR REPLACE INTO refused_message VALUES (?, ?, ?, ?, ?, ?)'),
    unrefuse: database.prepare(`DELETE FROM refused_message WHERE ${place} AND sequence = ?`),
    pruneRefused: database.prepare(
      `DELETE FROM refused_message WHERE ${place} AND sequence IN (
         SELECT sequence FROM refused_message WHERE ${place}
         ORDER BY refusedAtMs DESC LIMIT -1 OFFSET ?)`,
    ),
    // A sequence that is stored is not refused: the hash tells a clone that it was another's.
    refused: database.prepare<[...StreamPlace, number], RefusedMessage>(
      `SELECT sequence, reason FROM refused_message AS refused WHERE ${place}
         AND NOT EXISTS (SELECT 1 FROM message_key AS known WHERE known.agentId = refused.agentId
           AND known.epoch = refused.epoch AND known.stream = refused.stream
           AND known.sequence = refused.sequence)
       ORDER BY sequence LIMIT ?`,
    ),
    nextSerial: database
      .prepare<[string], number>(
        `INSERT INTO receipt_serial VALUES (?, 1)
         ON CONFLICT DO UPDATE SET receiptSerial = receiptSerial + 1 RETURNING receiptSerial`,
      )
      .pluck(),
  };
}
