/** What a power cut has left of a buffer, held against what was said before it. */
import { createHash } from 'node:crypto';
import Sqlite from 'better-sqlite3';
import { openAsAgent } from './power-writer.ts';

/** One line of power-writer.ts: what is on the disk, and since when. */
export interface Said {
  readonly what: string;
  /** CLOCK_MONOTONIC. */
  readonly atNs: bigint;
}

/** Whole lines only: the last one may have been cut. */
export function saidIn(output: string): readonly Said[] {
  return output
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => {
      const [what, at] = line.split(' @');
      return at === undefined ? [] : [{ what, atNs: BigInt(at) }];
    });
}

/** Opens the file as the agent does after a power cut. Sentences for what is wrong and missing. */
export function faultsAfter(path: string, said: readonly Said[]): string[] {
  const faults: string[] = [];
  const buffer = openAsAgent(path);
  if (buffer.lastQuarantinedPath !== undefined) faults.push('the file was set aside');
  buffer.close();
  const database = new Sqlite(path, { readonly: true });
  try {
    const epochs = database.prepare('SELECT count(*) FROM epoch').pluck().get();
    if (epochs !== 1) faults.push(`${epochs} epochs: an honest disk was taken for a restored one`);
    const found = foundIn(database, faults);
    return [...faults, ...said.map(({ what }) => what).filter((what) => !found.has(what))];
  } finally {
    database.close();
  }
}

interface MessageRow {
  readonly epoch: number;
  readonly stream: number;
  readonly sequence: number;
  readonly message: Buffer;
  readonly sha256: Buffer;
}

function foundIn(database: Sqlite.Database, faults: string[]): Set<string> {
  const found = new Set<string>();
  const messages = database.prepare<[], MessageRow>(
    'SELECT epoch, stream, sequence, message, sha256 FROM outbox',
  );
  for (const { epoch, stream, sequence, message, sha256 } of messages.iterate()) {
    const isWhole = createHash('sha256').update(message).digest().equals(sha256);
    if (!isWhole) faults.push(`message ${stream}/${sequence} is torn`);
    found.add(`message ${epoch} ${stream} ${sequence}`);
    found.add(`published ${epoch} ${sequence}`);
  }
  for (const id of database.prepare('SELECT detectionId FROM evidence_block').pluck().all()) {
    found.add(`case ${String(id)}`);
  }
  return found;
}
