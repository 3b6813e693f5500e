/**
 * Brings what was salvaged from a set-aside file into the buffer, a piece at a time: messages that
 * wait for their receipt keep their epoch and their place in the chain, cases and observations come
 * back as older ones. What is missing is counted, for the signed word about it.
 */
import Sqlite, { type Database, type Statement } from 'better-sqlite3';
import type { Stream } from '../protocols/uplink/messages.ts';
import type { BufferSession } from './buffer-session.ts';
import type { StatementFacts } from './losses.ts';
import { messageId } from './message-id.ts';

type Row = Record<string, unknown>;

/** Rows of one step: far below 100 ms. */
const ROWS_PER_STEP = 32;
/** One summary of each table's rows. */
const PHASES = [
  'chains',
  'outbox',
  'detection',
  'state',
  'evidence_block',
  'observation_block',
] as const;

/** As salvage.ts has settled it. */
interface SalvagedHead {
  ordinal: number;
  epoch: number;
  stream: Stream;
  lastSequence: number;
  lastSha256: Uint8Array;
  pendingMessages: number;
  pendingBytes: number;
  cumulative: number | null;
}

interface Missing {
  readonly epoch: number;
  readonly stream: Stream;
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

export class SalvageImport {
  readonly #source: Database;
  readonly #session: BufferSession;
  readonly #ordinals = new Map<number, number>();
  #phase = 0;
  /** Rows up to here, or down to here, have been brought. */
  #cursor: number | undefined;
  #missing: Missing[] = [];
  #messages = 0;
  #observations = 0;

  /** `path`: written by salvageFile. */
  constructor(path: string, session: BufferSession) {
    this.#source = new Sqlite(path, { readonly: true, fileMustExist: true });
    this.#session = session;
  }

  /** True when all has been brought. Throws what the disk says. */
  step(): boolean {
    const phase = PHASES[this.#phase];
    if (phase === undefined) return true;
    const isDone = this.#session.database.transaction(() => {
      if (phase === 'chains') return this.#bringChains();
      if (phase === 'outbox') return this.#bringMessages();
      return phase === 'observation_block' ? this.#bringBlocks() : this.#bringCases(phase);
    })();
    if (isDone) {
      this.#phase++;
      this.#cursor = undefined;
    }
    return this.#phase >= PHASES.length;
  }

  /** What is still missing, in words for a statement each. Call when all has been brought. */
  losses(): readonly StatementFacts[] {
    const kept = `${this.#messages} messages and ${this.#observations} observations were salvaged`;
    const facts: StatementFacts[] = this.#missing.map(({ epoch, stream, from, to, count }) => ({
      code: 'bufferLost',
      epochOf: epoch,
      streamOf: stream,
      from,
      to,
      count,
      text:
        `Of these sequences ${count} could not be read back from a damaged disk; ` +
        'those that the hub has stored are not lost.',
    }));
    const lost = this.#observationsMissing();
    const count = lost === undefined ? {} : { count: lost };
    const unread = lost === undefined ? 'an unknown number of' : String(lost);
    const text = `The buffer was damaged and set aside: ${kept}, ${unread} observations were not.`;
    return [{ code: 'bufferLost', ...count, text }, ...facts];
  }

  close(): void {
    this.#source.close();
  }

  /** Epochs below the ones that the file has, with their heads and receipts. */
  #bringChains(): boolean {
    const { database } = this.#session;
    const lowest = numberOf(database, 'SELECT min(ordinal) FROM epoch');
    const epochs = this.#source
      .prepare<[], Row & { epoch: number; ordinal: number }>(
        'SELECT * FROM epoch ORDER BY ordinal DESC',
      )
      .all();
    const insert = inserter(database, 'epoch');
    let ordinal = lowest - 1;
    for (const row of epochs) {
      if (ordinal < 1) break;
      if (!insert({ ...row, ordinal })) continue;
      this.#ordinals.set(row.ordinal, ordinal);
      ordinal--;
    }
    for (const head of this.#heads()) this.#bringHead(head);
    this.#bringReceipts();
    this.#bringNotes();
    return true;
  }

  #heads(): SalvagedHead[] {
    return this.#source
      .prepare<[], SalvagedHead>(
        `SELECT ordinal, stream_head.*, receipt.cumulative FROM stream_head JOIN epoch USING (epoch)
         LEFT JOIN receipt USING (epoch, stream)`,
      )
      .all();
  }

  #bringHead(head: SalvagedHead): void {
    if (!this.#ordinals.has(head.ordinal)) return;
    const { epoch, stream, lastSequence, lastSha256, pendingMessages, pendingBytes } = head;
    const refusedMessages = 0;
    const row = { epoch, stream, lastSequence, lastSha256, pendingMessages, pendingBytes };
    inserter(this.#session.database, 'stream_head')({ ...row, refusedMessages });
    const from = (head.cumulative ?? 0) + 1;
    const count = lastSequence - from + 1 - pendingMessages;
    if (count > 0) this.#missing.push({ epoch, stream, from, to: lastSequence, count });
  }

  /** Lives of the hub that are known by now are the later ones. */
  #bringReceipts(): void {
    const { database } = this.#session;
    const insert = inserter(database, 'receipt');
    for (const row of this.#source.prepare<[], Row>('SELECT * FROM receipt').iterate()) insert(row);
    const insertHub = inserter(database, 'hub_epoch');
    let ordinal = numberOf(database, 'SELECT min(ordinal) FROM hub_epoch') - 1;
    const hubs = this.#source.prepare<[], Row>('SELECT * FROM hub_epoch ORDER BY ordinal DESC');
    for (const row of hubs.iterate()) {
      if (insertHub({ ...row, ordinal })) ordinal--;
    }
  }

  /** Few enough for one step: what engineers have written. */
  #bringNotes(): void {
    const insert = inserter(this.#session.database, 'asset_note');
    for (const row of this.#source.prepare<[], Row>('SELECT * FROM asset_note').iterate()) {
      insert(row);
    }
  }

  #bringMessages(): boolean {
    const insert = inserter(this.#session.database, 'outbox');
    const rows = this.#source
      .prepare<
        [number, number],
        Row & { id: number; stream: number; sequence: number; of: number }
      >(
        `SELECT outbox.*, epoch.ordinal AS "of" FROM outbox JOIN epoch USING (epoch)
         WHERE id > ? ORDER BY id LIMIT ?`,
      )
      .all(this.#cursor ?? 0, ROWS_PER_STEP);
    for (const row of rows) {
      this.#cursor = row.id;
      const ordinal = this.#ordinals.get(row.of);
      if (ordinal === undefined) continue;
      if (insert({ ...row, id: messageId(row.stream, ordinal, row.sequence) })) this.#messages++;
    }
    return rows.length < ROWS_PER_STEP;
  }

  /** Of a case or a device that is known by now, the newer state stays. */
  #bringCases(table: 'detection' | 'state' | 'evidence_block'): boolean {
    const { database } = this.#session;
    const insert = inserter(database, table);
    const rows = this.#newestFirst(table);
    let id = Math.min(0, numberOf(database, `SELECT min(id) FROM ${table}`)) - 1;
    for (const row of rows) {
      if (insert({ ...row, id })) id--;
    }
    return rows.length < ROWS_PER_STEP || !this.#session.hasRoomForSalvage();
  }

  /** Newest first, and only while there is room; each block goes on counting down the total. */
  #bringBlocks(): boolean {
    const { database } = this.#session;
    const insert = inserter(database, 'observation_block');
    const rows = this.#newestFirst('observation_block');
    let { id, total, count } = database
      .prepare<[], { id: number; total: number; count: number }>(
        'SELECT id, total, count FROM observation_block ORDER BY id LIMIT 1',
      )
      .get() ?? { id: 0, total: 0, count: 0 };
    for (const row of rows) {
      if (typeof row.count !== 'number') continue;
      id--;
      total -= count;
      count = row.count;
      if (insert({ ...row, id, total })) this.#observations += count;
    }
    return rows.length < ROWS_PER_STEP || !this.#session.hasRoomForSalvage();
  }

  #newestFirst(table: string): (Row & { id: number })[] {
    const rows = this.#source
      .prepare<[number, number], Row & { id: number }>(
        `SELECT * FROM ${table} WHERE id < ? ORDER BY id DESC LIMIT ?`,
      )
      .all(this.#cursor ?? Number.MAX_SAFE_INTEGER, ROWS_PER_STEP);
    this.#cursor = rows[rows.length - 1]?.id ?? this.#cursor;
    return rows;
  }

  /** By the running totals in the blocks; undefined where no block came through. */
  #observationsMissing(): number | undefined {
    const row = this.#source
      .prepare<[], { oldest: number | null; newest: number; kept: number }>(
        `SELECT (SELECT total - count FROM observation_block ORDER BY id LIMIT 1) AS oldest,
           max(total) AS newest, sum(count) AS kept FROM observation_block`,
      )
      .get();
    if (row === undefined || row.oldest === null) return undefined;
    return Math.max(0, row.newest - row.oldest - this.#observations);
  }
}

/** False where the row is there already. */
function inserter(database: Database, table: string): (row: Row) => boolean {
  const columns = columnsOf(database, table);
  const marks = columns.map((column) => `@${column}`).join(', ');
  const insert: Statement<[Row]> = database.prepare(
    `INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${marks})`,
  );
  return (row) =>
    insert.run(Object.fromEntries(columns.map((column) => [column, row[column] ?? null]))).changes >
    0;
}

function columnsOf(database: Database, table: string): string[] {
  return database
    .prepare<[], string>(`SELECT name FROM pragma_table_info('${table}')`)
    .pluck()
    .all();
}

function numberOf(database: Database, sql: string): number {
  return database.prepare<[], number | null>(sql).pluck().get() ?? 0;
}
