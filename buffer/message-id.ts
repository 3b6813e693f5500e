/**
 * The row id of a message is its place, so that the outbox needs no index: ranges of a stream, of
 * an epoch or of sequences are ranges of ids.
 *
 *    | stream: 2 bits | ordinal of the epoch: 15 bits | sequence: 36 bits |
 *
 * 53 bits together: a safe integer.
 */
const ORDINAL_UNIT = 2 ** 36;
const STREAM_UNIT = 2 ** 51;
const ORDINALS_MAX = 2 ** 15 - 1;
const SEQUENCES_MAX = ORDINAL_UNIT - 1;

/** `ordinal`: of the epoch within this file, 1 for the first. */
export function messageId(stream: number, ordinal: number, sequence: number): number {
  if (ordinal > ORDINALS_MAX || sequence > SEQUENCES_MAX) {
    throw new RangeError(`epoch number ${ordinal}, sequence ${sequence}: the file is worn out`);
  }
  return stream * STREAM_UNIT + ordinal * ORDINAL_UNIT + sequence;
}

/** Lowest id that belongs to the stream, in whatever epoch. */
export function firstIdOf(stream: number): number {
  return stream * STREAM_UNIT;
}
