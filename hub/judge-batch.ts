/**
 * What becomes of each message of a batch, given what the store holds around it: new, a duplicate
 * or a fork. Pure, and in the order of the batch, so that one message of it can be the next one's
 * predecessor.
 */
import { STREAMS } from '../protocols/uplink/topics.ts';
import type { StoredSequence } from './received-ranges.ts';
import type { BatchEntry, MessageKey, RefusedMessageEntry, VerifiedMessage } from './store.ts';

/** What is stored under a sequence of a stream, as far as the batch touches it. */
export interface KnownMessage {
  readonly sha256: Uint8Array;
  /** Only where its predecessor is in the batch. */
  readonly previousSha256?: Uint8Array;
}

/** A stream that gets a receipt. */
export interface TouchedStream {
  readonly place: StreamPlace;
  /** What this batch added to it. */
  readonly fresh: StoredSequence[];
  /** Sequences that came, duplicates too: the receipt answers them. */
  readonly received: number[];
}

export type StreamPlace = Pick<MessageKey, 'agentId' | 'epoch' | 'stream'>;

export interface JudgedBatch {
  readonly fresh: readonly VerifiedMessage[];
  readonly refused: readonly RefusedMessageEntry[];
  /** Each stream that gets a receipt, by `streamName`. */
  readonly touched: Map<string, TouchedStream>;
  readonly duplicates: number;
  readonly forked: number;
}

/** `known`: by `messageName`; taken over and added to. */
export function judgeBatch(
  batch: readonly BatchEntry[],
  known: Map<string, KnownMessage>,
): JudgedBatch {
  const fresh: VerifiedMessage[] = [];
  const refused: RefusedMessageEntry[] = [];
  const touched = new Map<string, TouchedStream>();
  let duplicates = 0;
  let forked = 0;
  for (const entry of batch) {
    if (entry.kind !== 'verified' && entry.kind !== 'refused') continue;
    const stream = touch(touched, entry);
    if (entry.kind === 'refused') {
      refused.push(entry);
      continue;
    }
    stream.received.push(entry.sequence);
    const there = known.get(messageName(entry, entry.sequence));
    if (there !== undefined && equal(there.sha256, entry.sha256)) {
      duplicates += 1;
      continue;
    }
    const detail = there === undefined ? brokenLink(entry, known) : 'another message has its place';
    if (detail !== undefined) {
      forked += 1;
      const { agentId, epoch, stream, sequence } = entry;
      refused.push({ kind: 'refused', agentId, epoch, stream, sequence, reason: 'forked', detail });
      continue;
    }
    known.set(messageName(entry, entry.sequence), entry);
    fresh.push(entry);
    stream.fresh.push(entry);
    const { tombstone } = entry;
    if (tombstone === undefined) continue;
    touch(touched, { ...entry, epoch: tombstone.epochOf, stream: tombstone.streamOf });
  }
  return { fresh, refused, touched, duplicates, forked };
}

/** Adds a stream to those that get a receipt, unless it is among them. */
export function touch(touched: Map<string, TouchedStream>, place: StreamPlace): TouchedStream {
  const name = streamName(place);
  const there = touched.get(name);
  if (there !== undefined) return there;
  const { agentId, epoch, stream } = place;
  const made: TouchedStream = { place: { agentId, epoch, stream }, fresh: [], received: [] };
  touched.set(name, made);
  return made;
}

/**
 * All streams of the epochs of these. An agent may have receipts for a stream of which nothing is
 * stored: the database came back from a backup, and only that stream's receipt tells it. Those of
 * which something is stored come last, because the last receipt stays at the broker.
 */
export function wholeEpochs(places: readonly StreamPlace[]): readonly StreamPlace[] {
  const known = new Set(places.map(streamName));
  const siblings = places
    .flatMap((place) => STREAMS.map((stream) => ({ ...place, stream })))
    .filter((place) => !known.has(streamName(place)));
  return [...siblings, ...places];
}

/** Sequences from `from` to `to` of one stream, of which a batch has some. */
export interface Stretch {
  readonly place: StreamPlace;
  readonly from: number;
  to: number;
}

/** Nearer than this to a stretch, a sequence is looked up with it. */
const STRETCH_GAP_MAX = 16;

/** Where a batch lies, in few stretches: an agent's messages come nearly in their order. */
export function stretchesOf(messages: readonly VerifiedMessage[]): readonly Stretch[] {
  const stretches: Stretch[] = [];
  const last = new Map<string, Stretch>();
  for (const message of messages.toSorted((a, b) => a.sequence - b.sequence)) {
    const name = streamName(message);
    const before = last.get(name);
    if (before !== undefined && message.sequence - before.to <= STRETCH_GAP_MAX) {
      before.to = message.sequence;
      continue;
    }
    const stretch = { place: message, from: message.sequence, to: message.sequence };
    stretches.push(stretch);
    last.set(name, stretch);
  }
  return stretches;
}

export function streamName({ agentId, epoch, stream }: StreamPlace): string {
  return `${agentId}/${epoch}/${stream}`;
}

export function messageName(key: StreamPlace, sequence: number): string {
  return `${key.agentId}/${key.epoch}/${key.stream}/${sequence}`;
}

/** Whether the chain contradicts what is stored on either side of this message. */
function brokenLink(
  message: VerifiedMessage,
  known: ReadonlyMap<string, KnownMessage>,
): string | undefined {
  const before = known.get(messageName(message, message.sequence - 1));
  if (before !== undefined && !equal(before.sha256, message.previousSha256)) {
    return 'it names another predecessor than the stored one';
  }
  const after = known.get(messageName(message, message.sequence + 1));
  if (after?.previousSha256 !== undefined && !equal(after.previousSha256, message.sha256)) {
    return 'the stored successor names another predecessor';
  }
  return undefined;
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
