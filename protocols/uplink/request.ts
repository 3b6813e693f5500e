/** `request`: what the hub asks an agent for, on `dn/c`: data only, never a command to run. */
import { DETECTION_ID_BYTES } from './alert.ts';
import { epoch, KEY_KIND, KIND_REQUEST, stream } from './identity.ts';
import type { EvidenceRequest, HubRequest, ResendRange } from './messages.ts';
import { field, map, row, type Shape } from './shape.ts';
import { agentId, constant, hex, list, uint } from './shape-types.ts';

export const REQUEST_ID_BYTES = 8;
export const REQUEST_RANGES_MAX = 32;
export const REQUEST_EVIDENCE_MAX = 16;

const sequence = uint(Number.MAX_SAFE_INTEGER, 1);

export const requestShape: Shape<HubRequest> = map<HubRequest>({
  kind: field(KEY_KIND, constant(KIND_REQUEST, 'request')),
  agentId: field(2, agentId),
  requestSerial: field(3, uint(Number.MAX_SAFE_INTEGER, 1)),
  hubEpoch: field(4, epoch),
  hubTimeMs: field(5, uint()),
  resend: field(
    10,
    list(
      REQUEST_RANGES_MAX,
      row<ResendRange>({
        epoch: field(0, epoch),
        stream: field(1, stream),
        from: field(2, sequence),
        to: field(3, sequence),
      }),
    ),
  ),
  evidence: field(
    11,
    list(
      REQUEST_EVIDENCE_MAX,
      row<EvidenceRequest>({
        requestId: field(0, hex(REQUEST_ID_BYTES)),
        detectionId: field(1, hex(DETECTION_ID_BYTES)),
      }),
    ),
  ),
});
