/** `alert`: one detection shown to a person, on stream 1. */
import { IDENTITY_FIELDS, KEY_KIND, KIND_ALERT, sha256 } from './identity.ts';
import type { Alert, Sharing } from './messages.ts';
import { field, map, optional, type Shape } from './shape.ts';
import {
  address,
  baseUs,
  choice,
  constant,
  hex,
  list,
  sinceBaseUs,
  text,
  uint,
} from './shape-types.ts';

export const DETECTION_ID_BYTES = 8;
export const CODE_BYTES_MAX = 64;
export const ALERT_RECORDS_MAX = 32;

const TITLE_BYTES_MAX = 256;
const ADVICE_BYTES_MAX = 2048;
const RECORD_ID_BYTES_MAX = 64;
const TECHNIQUES_MAX = 16;
const TECHNIQUE_BYTES_MAX = 16;

export const SHARINGS: readonly Sharing[] = ['minimal', 'standard', 'full'];
export const SEVERITIES: readonly Alert['severity'][] = [
  'info',
  'low',
  'medium',
  'high',
  'critical',
];
const CHANGES: readonly Alert['change'][] = ['raised', 'repeated', 'acknowledged', 'closed'];

export const alertShape: Shape<Alert> = map<Alert>({
  kind: field(KEY_KIND, constant(KIND_ALERT, 'alert')),
  ...IDENTITY_FIELDS,
  change: field(10, choice(CHANGES)),
  sharing: field(11, choice(SHARINGS)),
  detectionId: field(12, hex(DETECTION_ID_BYTES)),
  code: field(13, text(CODE_BYTES_MAX)),
  severity: field(14, choice(SEVERITIES)),
  title: field(15, text(TITLE_BYTES_MAX)),
  techniques: field(16, list(TECHNIQUES_MAX, text(TECHNIQUE_BYTES_MAX), 'cut')),
  firstSeenUs: field(17, baseUs),
  lastSeenUs: field(18, sinceBaseUs),
  occurrencesCount: field(19, uint()),
  client: optional(20, address),
  server: optional(21, address),
  unitId: optional(22, uint(255)),
  records: field(23, list(ALERT_RECORDS_MAX, text(RECORD_ID_BYTES_MAX), 'cut')),
  framesSha256: optional(24, sha256),
  explanation: field(25, text(ADVICE_BYTES_MAX)),
  remedy: field(26, text(ADVICE_BYTES_MAX)),
});
