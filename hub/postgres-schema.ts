/**
 * The hub's tables in PostgreSQL, and their forward-only, numbered steps. The same names as in
 * SQLite; bodies are partitioned by the day they were received, so that a day is dropped as one.
 */
import type { ClientBase } from 'pg';
import { OperatorFault } from '../agent/platform/operator-fault.ts';

/** Workers that start together migrate one after the other (pg_advisory_xact_lock). */
const MIGRATION_LOCK = 7_170_001;
const PARTITION_LOCK = 7_170_002;
const DAY_MS = 86_400_000;

const PLACE = `"agentId" text NOT NULL, epoch bigint NOT NULL, stream smallint NOT NULL`;

const STEPS: readonly string[] = [
  `
  CREATE TABLE message_key (
    ${PLACE}, sequence bigint NOT NULL, sha256 bytea NOT NULL,
    PRIMARY KEY ("agentId", epoch, stream, sequence)
  );
  CREATE TABLE message_body (
    ${PLACE}, sequence bigint NOT NULL, kind text NOT NULL, "previousSha256" bytea NOT NULL,
    "signedAtMs" bigint NOT NULL, "receivedAtMs" bigint NOT NULL, bytes bytea NOT NULL
  ) PARTITION BY RANGE ("receivedAtMs");
  CREATE INDEX message_body_place ON message_body ("agentId", epoch, stream, sequence);
  CREATE INDEX message_body_alerts ON message_body ("receivedAtMs") WHERE stream = 1;
  CREATE TABLE stream_state (
    ${PLACE}, cumulative bigint NOT NULL, "cumulativeSha256" bytea NOT NULL,
    "lastReceivedAtMs" bigint NOT NULL, have bytea NOT NULL, "isComplete" boolean NOT NULL,
    PRIMARY KEY ("agentId", epoch, stream)
  );
  CREATE TABLE refused_message (
    ${PLACE}, sequence bigint NOT NULL, reason text NOT NULL, "refusedAtMs" bigint NOT NULL,
    PRIMARY KEY ("agentId", epoch, stream, sequence)
  );
  CREATE TABLE tombstone (
    ${PLACE}, "fromSequence" bigint NOT NULL, "toSequence" bigint NOT NULL,
    PRIMARY KEY ("agentId", epoch, stream, "fromSequence", "toSequence")
  );
  CREATE TABLE receipt_serial ("agentId" text PRIMARY KEY, "receiptSerial" bigint NOT NULL);
  CREATE TABLE finding (
    kind text NOT NULL, reason text NOT NULL, ${PLACE}, sequence bigint NOT NULL,
    detail text NOT NULL, "occurrencesCount" bigint NOT NULL, "firstSeenAtMs" bigint NOT NULL,
    "lastSeenAtMs" bigint NOT NULL, "closedAtMs" bigint,
    PRIMARY KEY ("agentId", kind, reason, epoch, stream, sequence)
  );
  CREATE SEQUENCE hub_commits;
  CREATE TABLE hub_state (name text PRIMARY KEY, value bigint NOT NULL);
  `,
];

/** Brings the database to this version's tables, within a transaction of its own. */
export async function migratePostgres(client: ClientBase): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await client.query('CREATE TABLE IF NOT EXISTS hub_schema (version integer NOT NULL)');
    const found = await client.query<{ version: number }>('SELECT version FROM hub_schema');
    const version = found.rows[0]?.version ?? 0;
    if (version > STEPS.length) throw newerDatabase();
    for (const step of STEPS.slice(version)) await client.query(step);
    await client.query('DELETE FROM hub_schema');
    await client.query('INSERT INTO hub_schema VALUES ($1)', [STEPS.length]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

/** Makes the partition for the day of `nowMs`; answers the day, to be asked once for each. */
export async function makeDayPartition(client: ClientBase, nowMs: number): Promise<number> {
  const day = Math.floor(nowMs / DAY_MS);
  const name = new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '');
  await client.query('BEGIN');
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [PARTITION_LOCK]);
    await client.query(
      `CREATE TABLE IF NOT EXISTS message_body_${name} PARTITION OF message_body
         FOR VALUES FROM (${day * DAY_MS}) TO (${(day + 1) * DAY_MS})`,
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
  return day;
}

/** The day that a partition is for. */
export function dayOf(nowMs: number): number {
  return Math.floor(nowMs / DAY_MS);
}

function newerDatabase(): OperatorFault {
  return new OperatorFault({
    code: 'HUB_DATABASE_NEWER',
    problem: 'The PostgreSQL database was written by a later version of the hub.',
    remedy: 'Start that version again, or restore the database from before its upgrade.',
  });
}
