/**
 * Why bytes from outside were not accepted: the layer at which they failed and a word that never
 * changes (docs/wire-format.md lists all). Refusals are answers, not exceptions.
 */

/**
 * `signature`: doesn't verify. `encoding`: verifies, but isn't the one strict form of its content.
 * `rule`: well-formed, but breaks a rule of the format.
 */
export type Layer = 'signature' | 'encoding' | 'rule';

// biome-ignore format: one layer a group
export const SIGNATURE_REASONS = ['envelopeUnreadable', 'keyUnknown', 'signatureInvalid'] as const;
// biome-ignore format: one layer a group
export const ENCODING_REASONS = [
  'tooLarge', 'envelopeNotStrict', 'trailingBytes', 'payloadNotDeflate', 'inflatedTooLarge',
  'notWellFormed', 'notMinimal', 'indefiniteLength', 'tagInside', 'tooDeep', 'duplicateKey',
  'keysNotSorted', 'floatNotShortest', 'valueNotAllowed', 'textNotUtf8', 'integerTooLarge',
  'signatureNotCanonical',
] as const;
// biome-ignore format: one layer a group
export const RULE_REASONS = [
  'algorithmMismatch', 'signerMismatch', 'topicMismatch', 'kindUnknown', 'streamMismatch',
  'fieldMissing', 'fieldType', 'fieldLimit', 'notCanonical', 'epochNotBegun', 'forked', 'revoked',
  'timeReversed', 'newKeyUnproven',
] as const;

export type EncodingReason = (typeof ENCODING_REASONS)[number];
export type RuleReason = (typeof RULE_REASONS)[number];
export type RefusalReason = (typeof SIGNATURE_REASONS)[number] | EncodingReason | RuleReason;

/** What could still be read of a message that its own agent signed, so that a hub can name it. */
export interface SignedPlace {
  readonly agentId: string;
  readonly epoch: number;
  readonly stream: 1 | 2 | 3;
  readonly sequence: number;
}

export interface Refusal {
  readonly kind: 'refused';
  readonly layer: Layer;
  readonly reason: RefusalReason;
  /** Field or offset, for a person; text already safe to print. */
  readonly detail: string;
  /** Only of what verified. */
  readonly place?: SignedPlace;
}

export function refusal(layer: Layer, reason: RefusalReason, detail: string): Refusal {
  return { kind: 'refused', layer, reason, detail };
}
