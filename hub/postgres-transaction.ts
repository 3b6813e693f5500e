/**
 * One batch in PostgreSQL, between BEGIN and COMMIT. Workers meet at `receipt_serial`: its row is
 * an agent's lock, taken in the order of agentIds, so that no two workers wait for each other.
 */
import type { ClientBase } from 'pg';
import { RECEIPT_REFUSED_MAX } from '../protocols/uplink/receipt.ts';
import { droppedText, findingPlace } from './findings-table.ts';
import {
  judgeBatch,
  type KnownMessage,
  messageName,
  type StreamPlace,
  touch,
  wholeEpochs,
} from './judge-batch.ts';
import { PostgresFindings } from './postgres-findings.ts';
import { PostgresReceipts, placesOf } from './postgres-receipts.ts';
import type {
  BatchEntry,
  CommitResult,
  DroppedRange,
  MessageKey,
  VerifiedMessage,
} from './store.ts';

const STREAMS_REISSUED_MAX = 12;

/** The statements of one batch, between BEGIN and COMMIT. */
export class PostgresTransaction {
  readonly #client: ClientBase;
  readonly #nowMs: number;
  readonly #findings: PostgresFindings;
  readonly #receipts: PostgresReceipts;

  constructor(client: ClientBase, hubEpoch: number, nowMs: number) {
    this.#client = client;
    this.#nowMs = nowMs;
    this.#findings = new PostgresFindings(client);
    this.#receipts = new PostgresReceipts(client, hubEpoch, nowMs);
  }

  async write(batch: readonly BatchEntry[]): Promise<CommitResult> {
    const agents = new Set<string>();
    const verified: VerifiedMessage[] = [];
    for (const entry of batch) {
      if (entry.kind !== 'finding') agents.add(entry.agentId);
      if (entry.kind === 'verified') verified.push(entry);
    }
    const serials = await this.#lock([...agents].sort());
    const judged = judgeBatch(batch, await this.#knownAround(verified));
    const { touched } = judged;
    for (const entry of batch) {
      if (entry.kind === 'finding') {
        const place = { agentId: entry.agentId, epoch: 0, stream: 1, sequence: 0 } as const;
        const { reason, detail } = entry;
        await this.#findings.add('refused', reason, place, detail, this.#nowMs);
      }
      if (entry.kind !== 'birth') continue;
      const streams = await this.#streamsOf(entry.agentId);
      for (const place of wholeEpochs(streams)) touch(touched, place);
    }
    await this.#insert(judged.fresh);
    for (const message of judged.fresh) {
      if (message.tombstone !== undefined) await this.#bury(message, message.tombstone);
    }
    for (const entry of judged.refused) {
      await this.#refuse(entry, entry.reason, entry.detail);
    }
    const receipts = await this.#receipts.write([...touched.values()], serials);
    // A sequence and not a row: workers would wait for each other at a row.
    await this.#client.query(`SELECT nextval('hub_commits')`);
    const { duplicates, forked } = judged;
    return { receipts, stored: judged.fresh.length, duplicates, forked };
  }

  /** Locks each agent's row until the end of the transaction; answers its last serial. */
  async #lock(agentIds: readonly string[]): Promise<Map<string, number>> {
    const found = await this.#client.query<{ agentId: string; receiptSerial: number }>(
      `INSERT INTO receipt_serial SELECT agent, 0 FROM unnest($1::text[]) AS agent ORDER BY agent
       ON CONFLICT ("agentId") DO UPDATE SET "receiptSerial" = receipt_serial."receiptSerial"
       RETURNING "agentId", "receiptSerial"`,
      [agentIds],
    );
    return new Map(found.rows.map(({ agentId, receiptSerial }) => [agentId, receiptSerial]));
  }

  async #knownAround(messages: readonly VerifiedMessage[]): Promise<Map<string, KnownMessage>> {
    const known = new Map<string, KnownMessage>();
    if (messages.length === 0) return known;
    const around = messages.flatMap((message) =>
      [message.sequence - 1, message.sequence, message.sequence + 1].map((sequence) => ({
        ...message,
        sequence,
      })),
    );
    const keys = await this.#client.query<MessageKey & { sha256: Buffer }>(
      `SELECT known.* FROM message_key AS known JOIN (SELECT DISTINCT * FROM
         unnest($1::text[], $2::bigint[], $3::smallint[], $4::bigint[])
           AS named ("agentId", epoch, stream, sequence)) AS named
         USING ("agentId", epoch, stream, sequence)`,
      [...placesOf(around), around.map(({ sequence }) => sequence)],
    );
    for (const row of keys.rows) known.set(messageName(row, row.sequence), row);
    const successors = messages
      .map((message) => ({ ...message, sequence: message.sequence + 1 }))
      .filter((next) => known.has(messageName(next, next.sequence)));
    if (successors.length === 0) return known;
    const bodies = await this.#client.query<MessageKey & { previousSha256: Buffer }>(
      `SELECT "agentId", epoch, stream, sequence, "previousSha256" FROM message_body JOIN
         unnest($1::text[], $2::bigint[], $3::smallint[], $4::bigint[])
           AS named ("agentId", epoch, stream, sequence)
         USING ("agentId", epoch, stream, sequence)`,
      [...placesOf(successors), successors.map(({ sequence }) => sequence)],
    );
    for (const row of bodies.rows) {
      const name = messageName(row, row.sequence);
      const key = known.get(name);
      if (key !== undefined) known.set(name, { ...key, previousSha256: row.previousSha256 });
    }
    return known;
  }

  /**
   * Keys first; bodies only for keys that were new, in the same statement. Bytes go as one string
   * each with where every part ends: an array of `bytea` would be text, twice as long.
   */
  async #insert(fresh: readonly VerifiedMessage[]): Promise<void> {
    if (fresh.length === 0) return;
    let end = 0;
    const ends = fresh.map(({ bytes }) => (end += bytes.byteLength));
    await this.#client.query({
      name: 'insert',
      text: `WITH given AS (
         SELECT agent, epoch, stream, sequence, kind, signed,
           substring($7::bytea FROM (32 * (place - 1) + 1)::integer FOR 32) AS sha256,
           substring($8::bytea FROM (32 * (place - 1) + 1)::integer FOR 32) AS previous,
           substring($9::bytea FROM before + 1 FOR ends - before) AS bytes
         FROM unnest($1::text[], $2::bigint[], $3::smallint[], $4::bigint[], $5::text[],
             $6::bigint[], $10::integer[], $11::integer[]) WITH ORDINALITY
           AS given (agent, epoch, stream, sequence, kind, signed, before, ends, place)
       ), fresh AS (
         INSERT INTO message_key SELECT agent, epoch, stream, sequence, sha256 FROM given
         ON CONFLICT DO NOTHING RETURNING "agentId", epoch, stream, sequence, sha256
       )
       INSERT INTO message_body
         SELECT agent, given.epoch, given.stream, given.sequence, kind, previous, signed,
           $12::bigint, bytes
         FROM given JOIN fresh ON fresh."agentId" = agent AND fresh.epoch = given.epoch
           AND fresh.stream = given.stream AND fresh.sequence = given.sequence
           AND fresh.sha256 = given.sha256`,
      values: [
        ...placesOf(fresh),
        fresh.map(({ sequence }) => sequence),
        fresh.map(({ messageKind }) => messageKind),
        fresh.map(({ signedAtMs }) => signedAtMs),
        Buffer.concat(fresh.map(({ sha256 }) => sha256)),
        Buffer.concat(fresh.map(({ previousSha256 }) => previousSha256)),
        Buffer.concat(fresh.map(({ bytes }) => bytes)),
        [0, ...ends.slice(0, -1)],
        ends,
        this.#nowMs,
      ],
    });
  }

  async #bury({ agentId }: VerifiedMessage, dropped: DroppedRange): Promise<void> {
    const { reason, epochOf, streamOf, from, to } = dropped;
    await this.#client.query(
      'INSERT INTO tombstone VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING',
      [agentId, epochOf, streamOf, from, to],
    );
    const place = { agentId, epoch: epochOf, stream: streamOf, sequence: from };
    await this.#findings.add('gap', reason, place, droppedText(dropped), this.#nowMs);
  }

  async #refuse(key: MessageKey, reason: string, detail: string): Promise<void> {
    const { agentId, epoch, stream, sequence } = key;
    const kind = reason === 'forked' ? 'forked' : 'refused';
    await this.#findings.add(kind, reason, findingPlace(key, reason), detail, this.#nowMs);
    await this.#client.query(
      `INSERT INTO refused_message VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT ("agentId", epoch, stream, sequence)
         DO UPDATE SET reason = excluded.reason, "refusedAtMs" = excluded."refusedAtMs"`,
      [agentId, epoch, stream, sequence, reason, this.#nowMs],
    );
    await this.#client.query(
      `DELETE FROM refused_message WHERE "agentId" = $1 AND epoch = $2 AND stream = $3
         AND sequence IN (SELECT sequence FROM refused_message WHERE "agentId" = $1 AND epoch = $2
           AND stream = $3 ORDER BY "refusedAtMs" DESC OFFSET $4)`,
      [agentId, epoch, stream, RECEIPT_REFUSED_MAX],
    );
  }

  async #streamsOf(agentId: string): Promise<readonly StreamPlace[]> {
    const found = await this.#client.query<StreamPlace>(
      `SELECT "agentId", epoch, stream FROM stream_state
       WHERE "agentId" = $1 ORDER BY "lastReceivedAtMs" DESC LIMIT $2`,
      [agentId, STREAMS_REISSUED_MAX],
    );
    return found.rows;
  }
}
