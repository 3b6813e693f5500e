/**
 * `fieldtap export --to DIR`: what has no receipt yet, onto a stick. The file is an archive of
 * signed messages: nobody on the way can change one unseen. A file that is there already is gone on
 * with: its whole records stay, a torn end is cut off, and only what is not in it is appended.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { ReadOnlyBuffer } from '../../buffer/read-only-buffer.ts';
import {
  ARCHIVE_SUFFIX,
  type ArchiveKey,
  ArchiveReader,
  type ArchiveRecord,
  encodeArchiveRecord,
} from '../../protocols/uplink/archive.ts';
import { type Config, loadConfig } from '../config.ts';
import type { Clock } from '../platform/clock.ts';
import { SystemClock } from '../platform/clock.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { escapeText } from '../platform/wire-text.ts';
import { AGENT_FACTS_FILE } from '../uplink/credentials.ts';

export interface ExportOptions {
  readonly config: string;
  readonly to: string;
  /** Only messages signed in this span (ISO 8601); all that wait unless given. */
  readonly from?: string;
  readonly until?: string;
  readonly json: boolean;
}

/** Read at a time; a commit of the agent in between only adds behind. */
const BATCH_MESSAGES = 256;
/** A stick that is full in the middle of a record is worse than one that is nearly full. */
const SPARE_BYTES = 256 * 1024;

export interface Exported {
  readonly file: string;
  readonly messagesWritten: number;
  /** In the file already, from an earlier export. */
  readonly messagesThere: number;
  readonly bytesWritten: number;
  readonly bytesCutOff: number;
}

export async function exportMessages(options: ExportOptions): Promise<number> {
  const exported = await exportTo(options, new SystemClock());
  process.stdout.write(options.json ? `${JSON.stringify(exported)}\n` : exportText(exported));
  return 0;
}

export async function exportTo(options: ExportOptions, clock: Clock): Promise<Exported> {
  const config = loadConfig(options.config);
  const key = agentKeyOf(config);
  const span = spanOf(options);
  const path = join(options.to, `${key.signerId}${ARCHIVE_SUFFIX}`);
  const before = await readBefore(path, key.signerId);
  const descriptor = openArchive(path, options.to);
  const stick = new Stick(descriptor, options.to, before.wholeUpTo);
  try {
    stick.write({ kind: 'begins', writer: 'agent', writtenAtMs: clock.wallMs() });
    if (!before.hasKey) stick.write({ kind: 'key', key });
    const messagesWritten = writePending(config, stick, before.hashes, span);
    fsyncSync(descriptor);
    return {
      file: path,
      messagesWritten,
      messagesThere: before.hashes.size,
      bytesWritten: stick.bytesWritten,
      bytesCutOff: before.bytesCutOff,
    };
  } catch (error) {
    if (error instanceof OperatorFault) throw error;
    throw stickFault(options.to, error);
  } finally {
    closeSync(descriptor);
  }
}

function writePending(
  config: Config,
  stick: Stick,
  known: ReadonlySet<string>,
  span: { readonly fromMs: number; readonly untilMs: number },
): number {
  const buffer = new ReadOnlyBuffer(config.buffer.path);
  let written = 0;
  try {
    for (let afterId = 0; ; ) {
      const batch = buffer.pendingMessages(afterId, BATCH_MESSAGES);
      for (const { id, createdMs, message } of batch) {
        afterId = id;
        if (createdMs < span.fromMs || createdMs > span.untilMs) continue;
        if (known.has(hashOf(message))) continue;
        stick.write({ kind: 'message', bytes: message });
        written++;
      }
      if (batch.length < BATCH_MESSAGES) return written;
      stick.save();
    }
  } finally {
    buffer.close();
  }
}

/** Appends to the archive, and stops before the stick is full. */
class Stick {
  readonly #descriptor: number;
  readonly #folder: string;
  #at: number;
  #room = 0;
  bytesWritten = 0;

  constructor(descriptor: number, folder: string, at: number) {
    this.#descriptor = descriptor;
    this.#folder = folder;
    this.#at = at;
    ftruncateSync(descriptor, at);
    this.#measure();
  }

  write(record: ArchiveRecord): void {
    const bytes = encodeArchiveRecord(record);
    if (bytes.byteLength + SPARE_BYTES > this.#room) throw this.#fullFault();
    for (let done = 0; done < bytes.byteLength; ) {
      done += writeSync(this.#descriptor, bytes, done, bytes.byteLength - done, this.#at + done);
    }
    this.#at += bytes.byteLength;
    this.#room -= bytes.byteLength;
    this.bytesWritten += bytes.byteLength;
  }

  save(): void {
    fsyncSync(this.#descriptor);
    this.#measure();
  }

  #measure(): void {
    const { bavail, bsize } = statfsSync(this.#folder);
    this.#room = bavail * bsize;
  }

  #fullFault(): OperatorFault {
    return new OperatorFault({
      code: 'EXPORT_STICK_FULL',
      problem: `"${this.#folder}" is full; what was written so far is whole.`,
      remedy: 'Take this stick to the hub, and export the rest onto another one.',
    });
  }
}

interface Before {
  readonly wholeUpTo: number;
  readonly bytesCutOff: number;
  readonly hashes: ReadonlySet<string>;
  readonly hasKey: boolean;
}

/** What an earlier export, perhaps a torn one, left in this file. */
async function readBefore(path: string, agentId: string): Promise<Before> {
  const hashes = new Set<string>();
  let hasKey = false;
  let bytesCutOff = 0;
  if (!existsSync(path)) return { wholeUpTo: 0, bytesCutOff, hashes, hasKey };
  const reader = new ArchiveReader();
  const take = (items: ReturnType<ArchiveReader['push']>): void => {
    for (const item of items) {
      if (item.kind === 'message') hashes.add(hashOf(item.bytes));
      else if (item.kind === 'damaged' && item.reason === 'cut') bytesCutOff = item.bytes;
      else if (item.kind === 'key') {
        if (item.key.role === 'agent' && item.key.signerId !== agentId) throw otherAgent(path);
        hasKey ||= item.key.role === 'agent';
      }
    }
  };
  try {
    for await (const piece of createReadStream(path)) take(reader.push(piece));
    take(reader.end());
  } catch (error) {
    if (error instanceof OperatorFault) throw error;
    throw stickFault(path, error);
  }
  return { wholeUpTo: reader.wholeUpTo, bytesCutOff, hashes, hasKey };
}

function agentKeyOf({ uplink }: Config): ArchiveKey {
  if (uplink === undefined) throw noUplink();
  const path = join(uplink.credentials, AGENT_FACTS_FILE);
  try {
    const facts: Record<string, unknown> = JSON.parse(readFileSync(path, 'utf8'));
    const { agentId, keyNumber, algorithm, publicKeyHex } = facts;
    if (typeof agentId !== 'string' || typeof publicKeyHex !== 'string') throw new Error('no key');
    return {
      role: 'agent',
      signerId: agentId,
      keyNumber: Number(keyNumber),
      algorithm: algorithm === 'ES256' ? 'ES256' : 'Ed25519',
      publicKeyHex,
    };
  } catch (cause) {
    throw new OperatorFault({
      code: 'EXPORT_NO_IDENTITY',
      problem: `"${path}" can't be read, so it is not known whose messages these are.`,
      remedy: 'Start the agent once with this configuration, and run this as its user or root.',
      cause,
    });
  }
}

function spanOf({ from, until }: ExportOptions): { fromMs: number; untilMs: number } {
  const timeOf = (text: string | undefined, otherwise: number): number => {
    const timeMs = text === undefined ? otherwise : Date.parse(text);
    if (!Number.isNaN(timeMs)) return timeMs;
    throw new OperatorFault({
      code: 'EXPORT_SPAN_UNREADABLE',
      problem: `"${escapeText(text ?? '')}" is no time.`,
      remedy: 'Write it as 2026-11-25 or 2026-11-25T08:00Z.',
    });
  };
  return {
    fromMs: timeOf(from, Number.NEGATIVE_INFINITY),
    untilMs: timeOf(until, Number.POSITIVE_INFINITY),
  };
}

function openArchive(path: string, folder: string): number {
  try {
    return openSync(path, existsSync(path) ? 'r+' : 'wx+', 0o644);
  } catch (cause) {
    throw stickFault(folder, cause);
  }
}

function exportText(exported: Exported): string {
  const { file, messagesWritten, messagesThere, bytesWritten, bytesCutOff } = exported;
  const lines = [
    `${escapeText(file)}: ${messagesWritten} messages written (${bytesWritten} bytes), ` +
      `${messagesThere} were there already`,
    ...(messagesWritten + messagesThere === 0
      ? ["Nothing has to be carried: all that this gateway signed has the hub's receipt."]
      : []),
    ...(bytesCutOff > 0 ? [`A torn record of ${bytesCutOff} bytes at its end was cut off.`] : []),
    'Nothing is deleted here: that happens when the hub\'s receipts come back ("fieldtap import").',
    'At the hub: fieldtap-hub import FILE',
  ];
  return `${lines.join('\n')}\n`;
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}

function stickFault(place: string, cause: unknown): OperatorFault {
  return new OperatorFault({
    code: 'EXPORT_STICK_UNUSABLE',
    problem: `"${place}" can't be written (${cause instanceof Error ? cause.message : cause}).`,
    remedy: 'Check that the stick is mounted there and writable, and run the command again.',
    cause,
  });
}

function otherAgent(path: string): OperatorFault {
  return new OperatorFault({
    code: 'EXPORT_OTHER_AGENT',
    problem: `"${path}" holds messages of another agent.`,
    remedy: 'Give another folder; a file belongs to one agent.',
  });
}

function noUplink(): OperatorFault {
  return new OperatorFault({
    code: 'EXPORT_NO_UPLINK',
    problem: 'This configuration has no uplink, so nothing is signed for a hub.',
    remedy: 'Add uplink with the broker and the credentials of the hub; it need not be reachable.',
  });
}
