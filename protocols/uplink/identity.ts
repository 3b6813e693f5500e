/** The fields that every message of an agent begins with: keys 1 to 9. */
import {
  type ClockSource,
  type MessageIdentity,
  STREAM_ALERTS,
  STREAM_EVIDENCE,
  STREAM_SUMMARIES,
  type Stream,
} from './messages.ts';
import { type FieldTable, field, map, optional, type Shape, ShapeFault } from './shape.ts';
import { agentId, bytes, choice, uint } from './shape-types.ts';

export const SHA256_BYTES = 32;
/** Epochs are random 48-bit numbers greater than 0. */
export const EPOCH_MAX = 2 ** 48 - 1;

/** Payload key 1 of every message: what it is. */
export const KEY_KIND = 1;
export const KIND_EPOCH_BEGINS = 1;
export const KIND_SUMMARY = 2;
export const KIND_ALERT = 3;
export const KIND_RECEIPT = 4;
export const KIND_TOMBSTONE = 5;
export const KIND_STATEMENT = 6;
export const KIND_ADVISORY_ANSWER = 7;
export const KIND_KEY_ROTATION = 8;
export const KIND_EVIDENCE = 9;
export const KIND_REQUEST = 10;
export const KIND_ADVISORY = 11;
export const KIND_SUMMARY_DELTA = 12;
export const KIND_RENEWAL = 13;
export const KIND_CERTIFICATE = 14;

const CLOCK_SOURCES: readonly ClockSource[] = ['none', 'rtc', 'ntp', 'ptp', 'hub'];

export const epoch = uint(EPOCH_MAX, 1);
export const sha256 = bytes(SHA256_BYTES);

export const stream: Shape<Stream> = {
  about: { type: 'uint', min: STREAM_ALERTS, max: STREAM_EVIDENCE },
  toWire: (value) => value,
  fromWire(wire) {
    if (wire === STREAM_ALERTS || wire === STREAM_SUMMARIES || wire === STREAM_EVIDENCE) {
      return wire;
    }
    throw new ShapeFault(typeof wire === 'number' ? 'fieldLimit' : 'fieldType');
  },
};

export const IDENTITY_FIELDS: FieldTable<MessageIdentity> = {
  agentId: field(2, agentId),
  epoch: field(3, epoch),
  stream: field(4, stream),
  sequence: field(5, uint(Number.MAX_SAFE_INTEGER, 1)),
  previousSha256: field(6, sha256),
  signedAtMs: field(7, uint()),
  clockSource: field(8, choice(CLOCK_SOURCES)),
  clockErrorMs: optional(9, uint()),
};

/** Reads the identity alone, whatever the rest holds. */
export const identityShape: Shape<MessageIdentity> = map(IDENTITY_FIELDS);
