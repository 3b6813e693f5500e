/** `evidence`: the frames of a detection that the hub asked for, as a pcap file, on stream 3. */
import { DETECTION_ID_BYTES } from './alert.ts';
import { IDENTITY_FIELDS, KEY_KIND, KIND_EVIDENCE } from './identity.ts';
import type { Evidence } from './messages.ts';
import { REQUEST_ID_BYTES } from './request.ts';
import { field, map, optional, row, type Shape } from './shape.ts';
import { blob, choice, constant, hex, uint } from './shape-types.ts';

/** Of one part; a part also has to fit a message. */
export const EVIDENCE_PART_BYTES_MAX = 48 * 1024;
const PARTS_MAX = 255;
const ABSENCES: readonly NonNullable<Evidence['absence']>[] = ['gone', 'notShared'];

export const evidenceShape: Shape<Evidence> = map<Evidence>({
  kind: field(KEY_KIND, constant(KIND_EVIDENCE, 'evidence')),
  ...IDENTITY_FIELDS,
  requestId: field(10, hex(REQUEST_ID_BYTES)),
  detectionId: field(11, hex(DETECTION_ID_BYTES)),
  part: field(
    12,
    row<Evidence['part']>({
      number: field(0, uint(PARTS_MAX, 1)),
      of: field(1, uint(PARTS_MAX, 1)),
    }),
  ),
  pcap: field(13, blob(EVIDENCE_PART_BYTES_MAX)),
  absence: optional(14, choice(ABSENCES)),
});
