/**
 * Counts from outside: what the agent signed, by its own database,
 * held against what the hub stored, by plain queries on both files. It knows the tables, and
 * nothing of the programs that wrote them.
 */
import { createHash } from 'node:crypto';

/** Runs one statement; the caller brings the SQLite. */
export type Query = <Row>(sql: string) => readonly Row[];

export interface Account {
  /** Sequences of all streams that the agent has signed. */
  readonly signed: number;
  /** Rows of message_key. */
  readonly stored: number;
  /** Bodies by the kind that the hub wrote beside them: `summary`, `alert`, `epochBegins`. */
  readonly storedByKind: Readonly<Record<string, number>>;
  readonly waiting: number;
  readonly epochs: number;
  /** A sentence for everything that is lost, doubled or doesn't fit the chain; empty when good. */
  readonly faults: readonly string[];
}

/** Columns of `message_key`, which are a contract (DESIGN section 5). */
export const MESSAGE_KEY_COLUMNS = ['agentId', 'epoch', 'stream', 'sequence', 'sha256'];

interface Head {
  readonly epoch: number;
  readonly stream: number;
  readonly lastSequence: number;
  readonly lastSha256: Uint8Array;
}

interface Place {
  readonly epoch: number;
  readonly stream: number;
  readonly sequence: number;
}

interface Stored extends Place {
  readonly agentId: string;
  readonly sha256: Uint8Array;
  readonly kind: string | null;
  readonly previousSha256: Uint8Array | null;
  readonly bytes: Uint8Array | null;
}

export function compareDatabases(agent: Query, hub: Query): Account {
  const heads = agent<Head>('SELECT epoch, stream, lastSequence, lastSha256 FROM stream_head');
  const waiting = agent<Place>('SELECT epoch, stream, sequence FROM outbox');
  const rows = hub<Stored>(
    `SELECT agentId, epoch, stream, sequence, sha256, kind, previousSha256, bytes
     FROM message_key LEFT JOIN message_body USING (agentId, epoch, stream, sequence)
     ORDER BY epoch, stream, sequence`,
  );
  const [bodies] = hub<{ count: number }>('SELECT count(*) AS count FROM message_body');
  const faults = [
    ...heads.flatMap((head) => streamFaults(head, rows, waiting)),
    ...strayFaults(heads, rows),
    ...doubledFaults(rows),
  ];
  if (bodies.count !== rows.length) faults.push(`${bodies.count} bodies for ${rows.length} keys`);
  const storedByKind: Record<string, number> = {};
  for (const { kind } of rows) storedByKind[kind ?? '?'] = (storedByKind[kind ?? '?'] ?? 0) + 1;
  return {
    signed: heads.reduce((sum, head) => sum + head.lastSequence, 0),
    stored: rows.length,
    storedByKind,
    waiting: waiting.length,
    epochs: new Set(heads.map(({ epoch }) => epoch)).size,
    faults,
  };
}

/** Every sequence is at the hub or waits; what is at the hub is one chain. */
function streamFaults(
  head: Head,
  rows: readonly Stored[],
  waiting: readonly Place[],
): readonly string[] {
  const isOfHead = (place: Place): boolean =>
    place.epoch === head.epoch && place.stream === head.stream;
  const stored = new Map(rows.filter(isOfHead).map((row) => [row.sequence, row]));
  const left = new Set(waiting.filter(isOfHead).map(({ sequence }) => sequence));
  const faults: string[] = [];
  for (let sequence = 1; sequence <= head.lastSequence; sequence++) {
    const row = stored.get(sequence);
    const name = `epoch ${head.epoch}, stream ${head.stream}, sequence ${sequence}`;
    if (row === undefined) {
      if (!left.has(sequence)) faults.push(`${name} was signed and is lost`);
      continue;
    }
    faults.push(...chainFaults(name, row, stored.get(sequence - 1)));
  }
  const last = stored.get(head.lastSequence);
  if (last !== undefined && !isSame(last.sha256, head.lastSha256)) {
    faults.push(`epoch ${head.epoch}, stream ${head.stream}: the last message is another one`);
  }
  return faults;
}

function chainFaults(name: string, row: Stored, previous: Stored | undefined): readonly string[] {
  const { bytes, sha256, previousSha256, sequence } = row;
  if (bytes === null || previousSha256 === null) return [`${name} has a key and no body`];
  const faults: string[] = [];
  if (!isSame(createHash('sha256').update(bytes).digest(), sha256)) {
    faults.push(`${name}: the hash of the body is not that of the key`);
  }
  if (sequence > 1 && previous !== undefined && !isSame(previousSha256, previous.sha256)) {
    faults.push(`${name} does not follow sequence ${sequence - 1}`);
  }
  return faults;
}

/** What the hub has and nobody signed. */
function strayFaults(heads: readonly Head[], rows: readonly Stored[]): readonly string[] {
  return rows
    .filter(
      (row) =>
        !heads.some(
          ({ epoch, stream, lastSequence }) =>
            row.epoch === epoch && row.stream === stream && row.sequence <= lastSequence,
        ),
    )
    .map(({ epoch, stream, sequence }) => `${epoch}/${stream}/${sequence} was never signed`);
}

/** The same message under two keys. */
function doubledFaults(rows: readonly Stored[]): readonly string[] {
  const seen = new Set<string>();
  const faults: string[] = [];
  for (const { epoch, stream, sequence, sha256 } of rows) {
    const hex = Buffer.from(sha256).toString('hex');
    if (seen.has(hex)) faults.push(`${epoch}/${stream}/${sequence} is stored twice`);
    seen.add(hex);
  }
  return faults;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
