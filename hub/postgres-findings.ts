/** Findings in PostgreSQL: one row a case with a count, as in SQLite. */
import type { ClientBase } from 'pg';
import { FINDINGS_MAX, type FindingKind, SILENT_FOUND_MAX } from './findings-table.ts';
import type { MessageKey } from './store.ts';

const DETAIL_CHARACTERS_MAX = 200;

export class PostgresFindings {
  readonly #client: ClientBase;

  constructor(client: ClientBase) {
    this.#client = client;
  }

  /** Inside the caller's transaction; counts a case that is there, adds one where there is room. */
  async add(
    kind: FindingKind,
    reason: string,
    key: MessageKey,
    detail: string,
    nowMs: number,
  ): Promise<void> {
    const short = detail.slice(0, DETAIL_CHARACTERS_MAX);
    const { agentId, epoch, stream, sequence } = key;
    await this.#client.query(
      `INSERT INTO finding ("agentId", kind, reason, epoch, stream, sequence, detail,
         "occurrencesCount", "firstSeenAtMs", "lastSeenAtMs")
       SELECT $1, $2, $3, $4, $5, $6, $7, 1, $8, $8
       WHERE (SELECT coalesce(max(reltuples), 0) FROM pg_class WHERE relname = 'finding') < $9
       ON CONFLICT ("agentId", kind, reason, epoch, stream, sequence) DO UPDATE SET
         "occurrencesCount" = finding."occurrencesCount" + 1, detail = excluded.detail,
         "lastSeenAtMs" = excluded."lastSeenAtMs", "closedAtMs" = NULL`,
      [agentId, kind, reason, epoch, stream, sequence, short, nowMs, FINDINGS_MAX],
    );
  }

  /** Every hole up to `cumulative` is filled. */
  async closeGaps(
    key: Omit<MessageKey, 'sequence'>,
    cumulative: number,
    nowMs: number,
  ): Promise<void> {
    await this.#client.query(
      `UPDATE finding SET "closedAtMs" = $1 WHERE "agentId" = $2 AND kind = 'gap'
         AND reason = 'missing' AND epoch = $3 AND stream = $4 AND sequence <= $5
         AND "closedAtMs" IS NULL`,
      [nowMs, key.agentId, key.epoch, key.stream, cumulative],
    );
  }

  /** Opens a finding for each agent that fell silent, closes those that are back. */
  async watchSilence(nowMs: number, silentAfterMs: number): Promise<readonly string[]> {
    await this.#client.query(
      `UPDATE finding SET "closedAtMs" = $1 WHERE kind = 'silent' AND "closedAtMs" IS NULL
         AND EXISTS (SELECT 1 FROM stream_state AS state WHERE state."agentId" = finding."agentId"
           AND "lastReceivedAtMs" > $2)`,
      [nowMs, nowMs - silentAfterMs],
    );
    const found = await this.#client.query<{ agentId: string; lastMs: number }>(
      `SELECT "agentId", max("lastReceivedAtMs") AS "lastMs" FROM stream_state
       WHERE NOT EXISTS (SELECT 1 FROM finding WHERE finding."agentId" = stream_state."agentId"
         AND kind = 'silent' AND "closedAtMs" IS NULL)
       GROUP BY "agentId" HAVING max("lastReceivedAtMs") <= $1 LIMIT ${SILENT_FOUND_MAX}`,
      [nowMs - silentAfterMs],
    );
    for (const { agentId, lastMs } of found.rows) {
      const detail = `nothing received since ${new Date(lastMs).toISOString()}`;
      await this.add(
        'silent',
        'silentAgent',
        { agentId, epoch: 0, stream: 1, sequence: 0 },
        detail,
        nowMs,
      );
    }
    return found.rows.map(({ agentId }) => agentId);
  }
}
