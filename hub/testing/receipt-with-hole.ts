/** A receipt of an agent whose second message is missing, as the tables that keep it see it. */
import type { Receipt } from '../../protocols/uplink/messages.ts';

const NO_HASH = new Uint8Array(32);

export function receiptWithHole(agentId: string): Receipt {
  return {
    kind: 'receipt',
    agentId,
    epoch: 1,
    stream: 2,
    cumulative: 1,
    cumulativeSha256: NO_HASH,
    have: [{ from: 3, to: 3, lastSha256: NO_HASH }],
    refused: [],
    receiptSerial: 1,
    hubEpoch: 1,
    hubTimeMs: 1,
  };
}
