/** `statement`: the signed word about a loss that no count in a summary can tell, on stream 1. */
import { epoch, IDENTITY_FIELDS, KEY_KIND, KIND_STATEMENT, stream } from './identity.ts';
import type { Statement } from './messages.ts';
import { field, map, optional, type Shape } from './shape.ts';
import { choice, constant, text, uint } from './shape-types.ts';

const TEXT_BYTES_MAX = 1024;
const CODES: readonly Statement['code'][] = ['bufferLost', 'hubLost', 'blind', 'clockStepped'];
const sequence = uint(Number.MAX_SAFE_INTEGER, 1);

export const statementShape: Shape<Statement> = map<Statement>({
  kind: field(KEY_KIND, constant(KIND_STATEMENT, 'statement')),
  ...IDENTITY_FIELDS,
  code: field(10, choice(CODES)),
  fromUs: optional(11, uint()),
  toUs: optional(12, uint()),
  epochOf: optional(13, epoch),
  streamOf: optional(14, stream),
  from: optional(15, sequence),
  to: optional(16, sequence),
  count: optional(17, uint()),
  text: field(18, text(TEXT_BYTES_MAX)),
});
