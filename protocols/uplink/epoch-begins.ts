/** `epochBegins`: sequence 1 of every stream of an epoch, and why there is a new one. */
import { epoch, IDENTITY_FIELDS, KEY_KIND, KIND_EPOCH_BEGINS, sha256 } from './identity.ts';
import type { EpochBegins } from './messages.ts';
import { field, map, optional, type Shape } from './shape.ts';
import { choice, constant, uint } from './shape-types.ts';

const REASONS: readonly EpochBegins['reason'][] = [
  'new',
  'quarantined',
  'restored',
  'factoryReset',
];

export const epochBeginsShape: Shape<EpochBegins> = map<EpochBegins>({
  kind: field(KEY_KIND, constant(KIND_EPOCH_BEGINS, 'epochBegins')),
  ...IDENTITY_FIELDS,
  reason: field(10, choice(REASONS)),
  previousEpoch: optional(11, epoch),
  lastSequence: optional(12, uint()),
  lastSha256: optional(13, sha256),
});
