/** `tombstone`: our signed word, on their own stream, that unreceipted messages were dropped. */
import { epoch, IDENTITY_FIELDS, KEY_KIND, KIND_TOMBSTONE, sha256 } from './identity.ts';
import type { Tombstone } from './messages.ts';
import { field, map, type Shape } from './shape.ts';
import { choice, constant, uint } from './shape-types.ts';

const REASONS: readonly Tombstone['reason'][] = ['quota'];
const sequence = uint(Number.MAX_SAFE_INTEGER, 1);

export const tombstoneShape: Shape<Tombstone> = map<Tombstone>({
  kind: field(KEY_KIND, constant(KIND_TOMBSTONE, 'tombstone')),
  ...IDENTITY_FIELDS,
  epochOf: field(10, epoch),
  from: field(11, sequence),
  to: field(12, sequence),
  lastSha256: field(13, sha256),
  messages: field(14, sequence),
  bytes: field(15, uint()),
  reason: field(16, choice(REASONS)),
});
