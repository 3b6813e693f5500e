/**
 * The hub's store in PostgreSQL: one transaction a batch, a dozen statements whatever its size.
 */
import { randomInt } from 'node:crypto';
import { Client, types } from 'pg';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import { PostgresFindings } from './postgres-findings.ts';
import { dayOf, makeDayPartition, migratePostgres } from './postgres-schema.ts';
import { PostgresTransaction } from './postgres-transaction.ts';
import type { BatchEntry, CommitResult, HubStore } from './store.ts';

const HUB_EPOCH_LIMIT = 2 ** 48 - 1;
const CONNECT_MS_MAX = 10_000;
/** A statement that waits longer (a lock, a stalled disk) fails: its batch comes again. */
const STATEMENT_MS_MAX = 30_000;
/** Object identifier of `bigint` in pg_type; ours are all within 2^53. */
const OID_INT8 = 20;

export class PostgresStore implements HubStore {
  /** A sequence is logged 32 values ahead, with the next commit (CREATE SEQUENCE, Notes). */
  readonly commitsUncertain = 64;
  #client: Client | undefined;
  readonly #url: string;
  #hubEpoch = 0;
  #partitionDay: number | undefined;

  private constructor(url: string) {
    this.#url = url;
  }

  /** `url`: postgres://user@host/database, or with ?host=/run/postgresql for a socket. */
  static async open(url: string): Promise<PostgresStore> {
    const store = new PostgresStore(url);
    try {
      await store.#connected();
      return store;
    } catch (cause) {
      if (cause instanceof OperatorFault) throw cause;
      throw new OperatorFault({
        code: 'HUB_DATABASE_UNREACHABLE',
        problem: `The PostgreSQL database of database.url can't be used (${messageOf(cause)}).`,
        remedy: 'Check that it runs, and that the hub may connect and create tables in it.',
        cause,
      });
    }
  }

  get hubEpoch(): number {
    return this.#hubEpoch;
  }

  async commit(batch: readonly BatchEntry[], nowMs: number): Promise<CommitResult> {
    const client = await this.#connected();
    if (this.#partitionDay !== dayOf(nowMs)) {
      this.#partitionDay = await makeDayPartition(client, nowMs);
    }
    try {
      await client.query('BEGIN');
      const result = await new PostgresTransaction(client, this.#hubEpoch, nowMs).write(batch);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      // The link may be what failed: then the server rolls back by itself.
      await client.query('ROLLBACK').catch(() => this.#drop(client));
      throw error;
    }
  }

  async commitsCount(): Promise<number> {
    const client = await this.#connected();
    const found = await client.query<{ last_value: number }>('SELECT last_value FROM hub_commits');
    return found.rows[0].last_value;
  }

  async beginHubEpoch(from: number): Promise<void> {
    const client = await this.#connected();
    const remove = `DELETE FROM hub_state WHERE name = 'hubEpoch' AND value = $1`;
    await client.query(remove, [from]);
    this.#hubEpoch = await readHubEpoch(client);
  }

  async watchSilence(nowMs: number, silentAfterMs: number): Promise<readonly string[]> {
    const client = await this.#connected();
    return await new PostgresFindings(client).watchSilence(nowMs, silentAfterMs);
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end();
  }

  async #connected(): Promise<Client> {
    if (this.#client !== undefined) return this.#client;
    const client = openPostgres(this.#url);
    client.on('error', () => this.#drop(client));
    await client.connect();
    await migratePostgres(client);
    this.#hubEpoch = await readHubEpoch(client);
    this.#client = client;
    return client;
  }

  #drop(client: Client): void {
    if (this.#client === client) this.#client = undefined;
    client.end().catch(() => {});
  }
}

/** A client whose bigints are numbers. */
export function openPostgres(url: string): Client {
  return new Client({
    connectionString: url,
    application_name: 'fieldtap-hub',
    connectionTimeoutMillis: CONNECT_MS_MAX,
    statement_timeout: STATEMENT_MS_MAX,
    types: {
      getTypeParser: (oid: number, format?: 'text' | 'binary') =>
        oid === OID_INT8 ? Number : types.getTypeParser(oid, format),
    },
  });
}

async function readHubEpoch(client: Client): Promise<number> {
  await client.query(`INSERT INTO hub_state VALUES ('hubEpoch', $1) ON CONFLICT DO NOTHING`, [
    randomInt(1, HUB_EPOCH_LIMIT),
  ]);
  const found = await client.query<{ value: number }>(
    `SELECT value FROM hub_state WHERE name = 'hubEpoch'`,
  );
  return found.rows[0].value;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
