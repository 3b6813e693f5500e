/** `receipt`: the hub's signed word that it has stored, one for each (agent, epoch, stream). */
import { epoch, KEY_KIND, KIND_RECEIPT, sha256, stream } from './identity.ts';
import type { Receipt, RefusedMessage, StoredRange } from './messages.ts';
import { field, map, row, type Shape } from './shape.ts';
import { agentId, constant, list, text, uint } from './shape-types.ts';

/** Ranges beyond the cumulative one; what doesn't fit is told by a later receipt. */
export const RECEIPT_RANGES_MAX = 32;
export const RECEIPT_REFUSED_MAX = 64;
const REASON_BYTES_MAX = 32;

const sequence = uint(Number.MAX_SAFE_INTEGER, 1);

export const receiptShape: Shape<Receipt> = map<Receipt>({
  kind: field(KEY_KIND, constant(KIND_RECEIPT, 'receipt')),
  agentId: field(2, agentId),
  epoch: field(3, epoch),
  stream: field(4, stream),
  cumulative: field(5, uint()),
  cumulativeSha256: field(6, sha256),
  have: field(
    10,
    list(
      RECEIPT_RANGES_MAX,
      row<StoredRange>({
        from: field(0, sequence),
        to: field(1, sequence),
        lastSha256: field(2, sha256),
      }),
    ),
  ),
  refused: field(
    11,
    list(
      RECEIPT_REFUSED_MAX,
      row<RefusedMessage>({
        sequence: field(0, sequence),
        reason: field(1, text(REASON_BYTES_MAX)),
      }),
    ),
  ),
  receiptSerial: field(12, uint(Number.MAX_SAFE_INTEGER, 1)),
  hubEpoch: field(13, epoch),
  hubTimeMs: field(14, uint()),
});
