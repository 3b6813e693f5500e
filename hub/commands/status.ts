/**
 * `fieldtap-hub status`: what the database holds, per agent and stream, with every hole. It reads
 * only, beside a running hub or without one.
 */
import Database from 'better-sqlite3';
import { OperatorFault } from '../../agent/platform/operator-fault.ts';
import { loadHubConfig } from '../config.ts';

/** Holes listed per stream; what exceeds them is in `missingCount`. */
const HOLES_MAX = 1000;

export interface StreamStatus {
  readonly agentId: string;
  readonly epoch: number;
  readonly stream: number;
  /** Messages stored, each sequence once. */
  readonly stored: number;
  readonly highestSequence: number;
  readonly missingCount: number;
  readonly missing: readonly { readonly from: number; readonly to: number }[];
  /** Bodies beyond one per stored key; anything but 0 is a fault of the hub. */
  readonly doubled: number;
  /** Wall clock of the hub when the last one came. */
  readonly lastReceivedAtMs: number;
}

export interface HubStatus {
  readonly streams: readonly StreamStatus[];
  readonly findings: readonly {
    readonly kind: string;
    readonly reason: string;
    readonly agentId: string;
    readonly occurrencesCount: number;
  }[];
}

export function status(options: { readonly config: string; readonly json: boolean }): void {
  const { path } = loadHubConfig(options.config).database;
  const answer = readHubStatus(path);
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : statusText(answer));
}

export function readHubStatus(path: string): HubStatus {
  const database = openReadOnly(path);
  try {
    return { streams: readStreams(database), findings: readFindings(database) };
  } finally {
    database.close();
  }
}

function openReadOnly(path: string): Database.Database {
  try {
    return new Database(path, { readonly: true, fileMustExist: true });
  } catch (cause) {
    throw new OperatorFault({
      code: 'HUB_DATABASE_UNREADABLE',
      problem: `The hub's database "${path}" can't be read (${String(cause)}).`,
      remedy: 'Check database.path, and that this user may read the file and its folder.',
      cause,
    });
  }
}

type StreamRow = Omit<StreamStatus, 'missing' | 'missingCount'>;

function readStreams(database: Database.Database): StreamStatus[] {
  const rows = database
    .prepare<[], StreamRow>(
      `SELECT k.agentId, k.epoch, k.stream, count(*) AS stored, max(k.sequence) AS highestSequence,
              (SELECT count(*) FROM message_body b WHERE b.agentId = k.agentId
                 AND b.epoch = k.epoch AND b.stream = k.stream) - count(*) AS excess,
              coalesce((SELECT max(b.receivedAtMs) FROM message_body b WHERE b.agentId = k.agentId
                 AND b.epoch = k.epoch AND b.stream = k.stream), 0) AS lastReceivedAtMs
         FROM message_key k GROUP BY k.agentId, k.epoch, k.stream`,
    )
    .all();
  const holes = database.prepare<[string, number, number], { from: number; to: number }>(
    `SELECT "from", "to" FROM (
       SELECT lag(sequence, 1, 0) OVER (ORDER BY sequence) + 1 AS "from", sequence - 1 AS "to"
         FROM message_key WHERE agentId = ? AND epoch = ? AND stream = ?)
      WHERE "to" >= "from" LIMIT ${HOLES_MAX}`,
  );
  return rows.map((row) => {
    const { agentId, epoch, stream, stored, highestSequence, lastReceivedAtMs } = row;
    const excess = 'excess' in row && typeof row.excess === 'number' ? row.excess : 0;
    return {
      agentId,
      epoch,
      stream,
      stored,
      highestSequence,
      missingCount: highestSequence - stored,
      missing: holes.all(agentId, epoch, stream),
      doubled: Math.max(0, excess),
      lastReceivedAtMs,
    };
  });
}

function readFindings(database: Database.Database): HubStatus['findings'] {
  return database
    .prepare<[], HubStatus['findings'][number]>(
      `SELECT kind, reason, agentId, sum(occurrencesCount) AS occurrencesCount FROM finding
        WHERE closedAtMs IS NULL GROUP BY kind, reason, agentId ORDER BY kind, reason, agentId`,
    )
    .all();
}

const STREAM_NAMES: Readonly<Record<number, string>> = {
  1: 'alerts',
  2: 'summaries',
  3: 'evidence',
};

function statusText({ streams, findings }: HubStatus): string {
  const lines = streams.map((each) => {
    const name = STREAM_NAMES[each.stream] ?? `stream ${each.stream}`;
    const holes = each.missingCount === 0 ? 'no holes' : `${each.missingCount} MISSING`;
    const last = new Date(each.lastReceivedAtMs).toISOString();
    return (
      `${each.agentId}  epoch ${each.epoch}  ${name.padEnd(9)} ${each.stored} stored, ` +
      `up to ${each.highestSequence}, ${holes}, last ${last}`
    );
  });
  if (lines.length === 0) lines.push('no message has been stored yet');
  for (const { kind, reason, agentId, occurrencesCount } of findings) {
    lines.push(`${kind.toUpperCase()}  ${agentId}  ${reason}  ${occurrencesCount} times`);
  }
  return `${lines.join('\n')}\n`;
}
