/**
 * What each touched stream's receipt says, and what is kept for the next one, in a few statements
 * for all of a batch's streams.
 */
import type { ClientBase } from 'pg';
import type { Receipt, Stream } from '../protocols/uplink/messages.ts';
import { RECEIPT_REFUSED_MAX } from '../protocols/uplink/receipt.ts';
import { type StreamPlace, streamName, type TouchedStream } from './judge-batch.ts';
import { PostgresFindings } from './postgres-findings.ts';
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
import type { MessageKey } from './store.ts';

/** Sequences looked at when ranges were not all kept. */
const SEQUENCES_SCANNED_MAX = 4096;

type StreamPlaces = [agentIds: string[], epochs: number[], streams: number[]];

interface StateRow {
  readonly agentId: string;
  readonly epoch: number;
  readonly stream: Stream;
  readonly cumulative: number;
  readonly cumulativeSha256: Buffer;
  readonly have: Buffer;
  readonly isComplete: boolean;
}

export class PostgresReceipts {
  readonly #client: ClientBase;
  readonly #hubEpoch: number;
  readonly #nowMs: number;
  readonly #findings: PostgresFindings;

  constructor(client: ClientBase, hubEpoch: number, nowMs: number) {
    this.#client = client;
    this.#hubEpoch = hubEpoch;
    this.#nowMs = nowMs;
    this.#findings = new PostgresFindings(client);
  }

  /** `serials`: each agent's last one, whose row is locked; raised here. */
  async write(
    streams: readonly TouchedStream[],
    serials: Map<string, number>,
  ): Promise<readonly Receipt[]> {
    if (streams.length === 0) return [];
    const named = placesOf(streams.map(({ place }) => place));
    const before = await this.#rangesOf(named);
    const tombstones = await this.#tombstonesOf(named);
    const refused = await this.#refusedOf(named);
    const receipts: Receipt[] = [];
    const kept: StreamRanges[] = [];
    for (const { place, fresh, received } of streams) {
      const name = streamName(place);
      const known = before.get(name) ?? NO_RANGES;
      const ranges = extendRanges(known, fresh, tombstones.get(name));
      const { cumulative, cumulativeSha256, have } = ranges;
      kept.push(ranges);
      // Only a stream with ranges beyond a hole has an open gap.
      if (known.have.length > 0 && cumulative > known.cumulative) {
        await this.#findings.closeGaps(place, cumulative, this.#nowMs);
      }
      if (have.length > 0) {
        const missing = `${cumulative + 1} to ${have[0].from - 1} missing`;
        const first = { ...place, sequence: cumulative + 1 };
        await this.#findings.add('gap', 'missing', first, missing, this.#nowMs);
      }
      const lastSerial = serials.get(place.agentId) ?? 0;
      const receiptSerial = Math.max(lastSerial + 1, serialFloor(this.#nowMs));
      serials.set(place.agentId, receiptSerial);
      receipts.push({
        kind: 'receipt',
        ...place,
        cumulative,
        cumulativeSha256,
        have: rangesToTell(have, received),
        refused: refused.get(name) ?? [],
        receiptSerial,
        hubEpoch: this.#hubEpoch,
        hubTimeMs: this.#nowMs,
      });
    }
    await this.#keep(streams, kept);
    await this.#keepSerials(serials);
    return receipts;
  }

  /** As they were kept; where more ranges were there than are kept, the next ones are looked up. */
  async #rangesOf(named: StreamPlaces): Promise<ReadonlyMap<string, StreamRanges>> {
    const found = await this.#client.query<StateRow>(
      `SELECT stream_state.* FROM stream_state
       JOIN unnest($1::text[], $2::bigint[], $3::smallint[]) AS named ("agentId", epoch, stream)
         USING ("agentId", epoch, stream)`,
      named,
    );
    const ranges = new Map<string, StreamRanges>();
    for (const row of found.rows) {
      const kept = { ...row, have: unpackRanges(row.have) };
      const isEnough = kept.isComplete || kept.have.length > RANGES_KEPT_MAX / 2;
      ranges.set(streamName(row), isEnough ? kept : await this.#lookedUp(row, kept));
    }
    return ranges;
  }

  async #lookedUp(place: StreamPlace, ranges: StreamRanges): Promise<StreamRanges> {
    const { agentId, epoch, stream } = place;
    const from = ranges.have.at(-1)?.to ?? ranges.cumulative;
    const { rows } = await this.#client.query<StoredSequence>(
      `SELECT sequence, sha256 FROM message_key WHERE "agentId" = $1 AND epoch = $2 AND stream = $3
         AND sequence > $4 ORDER BY sequence LIMIT $5`,
      [agentId, epoch, stream, from, SEQUENCES_SCANNED_MAX],
    );
    return extendRanges({ ...ranges, isComplete: rows.length < SEQUENCES_SCANNED_MAX }, rows);
  }

  async #tombstonesOf(named: StreamPlaces): Promise<Map<string, TombstonedRange[]>> {
    const found = await this.#client.query<StreamPlace & TombstonedRange>(
      `SELECT "agentId", epoch, stream, "fromSequence" AS "from", "toSequence" AS "to"
       FROM tombstone
       JOIN unnest($1::text[], $2::bigint[], $3::smallint[]) AS named ("agentId", epoch, stream)
         USING ("agentId", epoch, stream)`,
      named,
    );
    return grouped(found.rows);
  }

  async #refusedOf(named: StreamPlaces) {
    const found = await this.#client.query<MessageKey & { reason: string }>(
      `SELECT refused."agentId", refused.epoch, refused.stream, refused.sequence, reason
       FROM refused_message AS refused
       JOIN unnest($1::text[], $2::bigint[], $3::smallint[]) AS named ("agentId", epoch, stream)
         USING ("agentId", epoch, stream)
       WHERE NOT EXISTS (SELECT 1 FROM message_key AS known WHERE known."agentId" =
         refused."agentId" AND known.epoch = refused.epoch AND known.stream = refused.stream
         AND known.sequence = refused.sequence)
       ORDER BY refused.sequence`,
      named,
    );
    const rows = grouped(found.rows);
    return new Map(
      [...rows].map(([name, entries]) => [
        name,
        entries.slice(0, RECEIPT_REFUSED_MAX).map(({ sequence, reason }) => ({ sequence, reason })),
      ]),
    );
  }

  async #keep(streams: readonly TouchedStream[], kept: readonly StreamRanges[]): Promise<void> {
    await this.#client.query(
      `INSERT INTO stream_state
       SELECT agent, epoch, stream, cumulative, sha256, $8::bigint, have, complete
       FROM unnest($1::text[], $2::bigint[], $3::smallint[], $4::bigint[], $5::bytea[],
         $6::bytea[], $7::boolean[])
         AS kept (agent, epoch, stream, cumulative, sha256, have, complete)
       ON CONFLICT ("agentId", epoch, stream) DO UPDATE SET cumulative = excluded.cumulative,
         "cumulativeSha256" = excluded."cumulativeSha256", have = excluded.have,
         "isComplete" = excluded."isComplete", "lastReceivedAtMs" = excluded."lastReceivedAtMs"`,
      [
        ...placesOf(streams.map(({ place }) => place)),
        kept.map(({ cumulative }) => cumulative),
        kept.map(({ cumulativeSha256 }) => Buffer.from(cumulativeSha256)),
        kept.map(({ have }) => packRanges(have)),
        kept.map(({ isComplete }) => isComplete),
        this.#nowMs,
      ],
    );
  }

  async #keepSerials(serials: ReadonlyMap<string, number>): Promise<void> {
    await this.#client.query(
      `UPDATE receipt_serial SET "receiptSerial" = serial
       FROM unnest($1::text[], $2::bigint[]) AS named (agent, serial) WHERE "agentId" = agent`,
      [[...serials.keys()], [...serials.values()]],
    );
  }
}

/** Columns for `unnest`. */
export function placesOf(
  places: readonly { readonly agentId: string; readonly epoch: number; readonly stream: number }[],
): StreamPlaces {
  return [
    places.map(({ agentId }) => agentId),
    places.map(({ epoch }) => epoch),
    places.map(({ stream }) => stream),
  ];
}

function grouped<Row extends StreamPlace>(rows: readonly Row[]): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const name = streamName(row);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [row]);
    else group.push(row);
  }
  return groups;
}
