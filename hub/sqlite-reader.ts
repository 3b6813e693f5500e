/** Reads a hub's SQLite database for commands; several may read while one worker writes. */
import type Database from 'better-sqlite3';
import { openForReading, statusOf } from './hub-status.ts';
import {
  type AgentActivity,
  EVIDENCE_MESSAGES_MAX,
  type HubReader,
  PAGE_MESSAGES,
  type StoredMessage,
} from './reader.ts';

const COLUMNS = 'agentId, epoch, stream, sequence, kind, receivedAtMs, bytes';

export class SqliteReader implements HubReader {
  readonly #database: Database.Database;

  /** Throws OperatorFault when there is no database. */
  constructor(path: string) {
    this.#database = openForReading(path);
  }

  status() {
    return Promise.resolve(statusOf(this.#database));
  }

  activity(): Promise<readonly AgentActivity[]> {
    const rows = this.#database.prepare<[], AgentActivity>(
      `SELECT agentId, max(lastReceivedAtMs) AS lastReceivedAtMs FROM stream_state
       GROUP BY agentId ORDER BY agentId`,
    );
    return Promise.resolve(rows.all());
  }

  async *messages(agentId?: string): AsyncGenerator<StoredMessage> {
    const page = this.#database.prepare<unknown[], StoredMessage>(
      `SELECT ${COLUMNS} FROM message_body
       WHERE (agentId, epoch, stream, sequence) > (?, ?, ?, ?) AND (? IS NULL OR agentId = ?)
       ORDER BY agentId, epoch, stream, sequence LIMIT ${PAGE_MESSAGES}`,
    );
    const only = agentId ?? null;
    let last: readonly unknown[] = [agentId ?? '', 0, 0, 0];
    for (;;) {
      const rows = page.all(...last, only, only);
      yield* rows;
      const end = rows.at(-1);
      if (end === undefined || rows.length < PAGE_MESSAGES) return;
      last = [end.agentId, end.epoch, end.stream, end.sequence];
    }
  }

  arrivals(sinceMs: number, messagesMax: number): Promise<readonly StoredMessage[]> {
    const rows = this.#database.prepare<[number, number], StoredMessage>(
      `SELECT ${COLUMNS} FROM message_body WHERE stream = 1 AND receivedAtMs >= ?
       ORDER BY receivedAtMs, agentId, epoch, sequence LIMIT ?`,
    );
    return Promise.resolve(rows.all(sinceMs, messagesMax));
  }

  evidence(agentId: string, sinceMs: number): Promise<readonly StoredMessage[]> {
    // By the epochs of the agent: so the primary key leads to the rows.
    const rows = this.#database.prepare<[string, number], StoredMessage>(
      `SELECT ${COLUMNS} FROM stream_state JOIN message_body USING (agentId, epoch, stream)
       WHERE agentId = ? AND stream = 3 AND receivedAtMs >= ?
       ORDER BY receivedAtMs DESC, sequence DESC LIMIT ${EVIDENCE_MESSAGES_MAX}`,
    );
    return Promise.resolve(rows.all(agentId, sinceMs));
  }

  close(): Promise<void> {
    this.#database.close();
    return Promise.resolve();
  }
}
