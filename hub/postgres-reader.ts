/** Reads a hub's PostgreSQL database for commands, as sqlite-reader.ts reads the other. */
import type { Client } from 'pg';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import {
  type CountedStream,
  FINDINGS_SHOWN_MAX,
  type FindingStatus,
  type HubStatus,
  MISSING_SHOWN_MAX,
  streamStatusOf,
} from './hub-status.ts';
import { openPostgres } from './postgres-store.ts';
import {
  type AgentActivity,
  EVIDENCE_MESSAGES_MAX,
  type HubReader,
  PAGE_MESSAGES,
  type StoredMessage,
} from './reader.ts';

const COLUMNS = '"agentId", epoch, stream, sequence, kind, "receivedAtMs", bytes';

export class PostgresReader implements HubReader {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  static async open(url: string): Promise<PostgresReader> {
    const client = openPostgres(url);
    try {
      await client.connect();
      await client.query('SELECT 1 FROM message_key LIMIT 1');
      return new PostgresReader(client);
    } catch (cause) {
      await client.end().catch(() => {});
      throw new OperatorFault({
        code: 'HUB_DATABASE_UNREACHABLE',
        problem: `The database of database.url can't be read (${
          cause instanceof Error ? cause.message : String(cause)
        }).`,
        remedy: 'Check that it runs, and that "fieldtap-hub run" has made its tables.',
        cause,
      });
    }
  }

  async status(): Promise<HubStatus> {
    await this.#client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    try {
      const counted = await this.#client.query<CountedStream>(
        `SELECT "agentId", epoch, stream, count(*) AS stored, count(*) AS keys,
           max(sequence) AS "highestSequence",
           (SELECT count(*) FROM message_body AS body WHERE body."agentId" = message_key."agentId"
             AND body.epoch = message_key.epoch AND body.stream = message_key.stream) AS bodies
         FROM message_key GROUP BY "agentId", epoch, stream ORDER BY "agentId", epoch, stream`,
      );
      const streams = [];
      for (const row of counted.rows) streams.push(streamStatusOf(row, await this.#missing(row)));
      const findings = await this.#client.query<FindingStatus>(
        'SELECT * FROM finding ORDER BY "lastSeenAtMs" DESC LIMIT $1',
        [FINDINGS_SHOWN_MAX],
      );
      return { streams, findings: findings.rows };
    } finally {
      await this.#client.query('COMMIT');
    }
  }

  async activity(): Promise<readonly AgentActivity[]> {
    const found = await this.#client.query<AgentActivity>(
      `SELECT "agentId", max("lastReceivedAtMs") AS "lastReceivedAtMs" FROM stream_state
       GROUP BY "agentId" ORDER BY "agentId"`,
    );
    return found.rows;
  }

  async *messages(agentId?: string): AsyncGenerator<StoredMessage> {
    let last: readonly unknown[] = [agentId ?? '', 0, 0, 0];
    for (;;) {
      const { rows } = await this.#client.query<StoredMessage>(
        `SELECT ${COLUMNS} FROM message_body
         WHERE ("agentId", epoch, stream, sequence) > ($1, $2, $3, $4)
           AND ($5::text IS NULL OR "agentId" = $5)
         ORDER BY "agentId", epoch, stream, sequence LIMIT ${PAGE_MESSAGES}`,
        [...last, agentId ?? null],
      );
      yield* rows;
      const end = rows.at(-1);
      if (end === undefined || rows.length < PAGE_MESSAGES) return;
      last = [end.agentId, end.epoch, end.stream, end.sequence];
    }
  }

  async arrivals(sinceMs: number, messagesMax: number): Promise<readonly StoredMessage[]> {
    const found = await this.#client.query<StoredMessage>(
      `SELECT ${COLUMNS} FROM message_body WHERE stream = 1 AND "receivedAtMs" >= $1
       ORDER BY "receivedAtMs", "agentId", epoch, sequence LIMIT $2`,
      [sinceMs, messagesMax],
    );
    return found.rows;
  }

  async evidence(agentId: string, sinceMs: number): Promise<readonly StoredMessage[]> {
    const found = await this.#client.query<StoredMessage>(
      `SELECT ${COLUMNS} FROM stream_state JOIN message_body USING ("agentId", epoch, stream)
       WHERE "agentId" = $1 AND stream = 3 AND "receivedAtMs" >= $2
       ORDER BY "receivedAtMs" DESC, sequence DESC LIMIT ${EVIDENCE_MESSAGES_MAX}`,
      [agentId, sinceMs],
    );
    return found.rows;
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async #missing({ agentId, epoch, stream }: CountedStream) {
    const found = await this.#client.query<{ from: number; to: number }>(
      `SELECT previous + 1 AS "from", sequence - 1 AS "to" FROM (
         SELECT sequence, lag(sequence, 1, 0::bigint) OVER (ORDER BY sequence) AS previous
         FROM message_key WHERE "agentId" = $1 AND epoch = $2 AND stream = $3) AS neighbours
       WHERE sequence > previous + 1 ORDER BY sequence LIMIT $4`,
      [agentId, epoch, stream, MISSING_SHOWN_MAX],
    );
    return found.rows;
  }
}
