/** `advisoryAnswer`: what became of a warning at this site, on stream 1. */
import { ADVISORY_ID_BYTES_MAX } from './advisory.ts';
import { IDENTITY_FIELDS, KEY_KIND, KIND_ADVISORY_ANSWER } from './identity.ts';
import type { AdvisoryAnswer } from './messages.ts';
import { field, map, optional, type Shape } from './shape.ts';
import { choice, constant, text, uint } from './shape-types.ts';

const BY_BYTES_MAX = 64;
const STATES: readonly AdvisoryAnswer['state'][] = ['seen', 'acknowledged'];
const APPLICABILITIES: readonly AdvisoryAnswer['applicability'][] = ['seenHere', 'notApplicable'];

export const advisoryAnswerShape: Shape<AdvisoryAnswer> = map<AdvisoryAnswer>({
  kind: field(KEY_KIND, constant(KIND_ADVISORY_ANSWER, 'advisoryAnswer')),
  ...IDENTITY_FIELDS,
  advisoryId: field(10, text(ADVISORY_ID_BYTES_MAX)),
  revision: field(11, uint(Number.MAX_SAFE_INTEGER, 1)),
  state: field(12, choice(STATES)),
  applicability: field(13, choice(APPLICABILITIES)),
  by: optional(14, text(BY_BYTES_MAX)),
  atMs: field(15, uint()),
});
