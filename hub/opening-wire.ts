/**
 * Messages on their way to a verifying thread and back. Many small arrays are dear to copy between
 * threads (a view even takes the whole memory behind it along), so all bytes of a job go as one
 * array that changes hands, and what the asking thread has already doesn't come back.
 */
import type { Delivered, OpenedEntry } from './open-message.ts';
import type { VerifiedMessage } from './store.ts';

const SHA256_BYTES = 32;

export interface OpeningJob {
  readonly jobNumber: number;
  readonly topics: readonly (string | undefined)[];
  /** Where each message ends in `bytes`. */
  readonly ends: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

type SentEntry = Exclude<OpenedEntry, VerifiedMessage> | SentVerified;
type SentVerified = Omit<VerifiedMessage, 'bytes' | 'sha256' | 'previousSha256'>;

export interface OpeningAnswer {
  readonly jobNumber: number;
  readonly entries: readonly SentEntry[];
  /** `sha256` and `previousSha256` of each entry; zeros where it was refused. */
  readonly hashes: Uint8Array<ArrayBuffer>;
}

export function packJob(jobNumber: number, messages: readonly Delivered[]): OpeningJob {
  let end = 0;
  const ends = messages.map((message) => (end += message.bytes.byteLength));
  const bytes = new Uint8Array(end);
  for (const [index, message] of messages.entries()) {
    bytes.set(message.bytes, ends[index] - message.bytes.byteLength);
  }
  return { jobNumber, topics: messages.map(({ topic }) => topic), ends, bytes };
}

export function unpackJob({ topics, ends, bytes }: OpeningJob): Delivered[] {
  return topics.map((topic, index) => ({
    topic,
    bytes: bytes.subarray(ends[index - 1] ?? 0, ends[index]),
  }));
}

export function packAnswer(jobNumber: number, entries: readonly OpenedEntry[]): OpeningAnswer {
  const hashes = new Uint8Array(entries.length * 2 * SHA256_BYTES);
  const sent = entries.map((entry, index): SentEntry => {
    if (entry.kind !== 'verified') return entry;
    const { bytes, sha256, previousSha256, ...rest } = entry;
    hashes.set(sha256, index * 2 * SHA256_BYTES);
    hashes.set(previousSha256, (index * 2 + 1) * SHA256_BYTES);
    return rest;
  });
  return { jobNumber, entries: sent, hashes };
}

/** `messages`: those of the job, whose bytes the entries get back. */
export function unpackAnswer(
  { entries, hashes }: OpeningAnswer,
  messages: readonly Delivered[],
): OpenedEntry[] {
  return entries.map((entry, index): OpenedEntry => {
    if (entry.kind !== 'verified') return entry;
    const at = index * 2 * SHA256_BYTES;
    const sha256 = hashes.subarray(at, at + SHA256_BYTES);
    const previousSha256 = hashes.subarray(at + SHA256_BYTES, at + 2 * SHA256_BYTES);
    return { ...entry, sha256, previousSha256, bytes: messages[index].bytes };
  });
}
