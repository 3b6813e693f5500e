/**
 * What a summary costs on the link, on the fixed golden input of 50 conversations and 5 detections
 * with every field filled: for the promise in docs/benchmarks.md, its test and its measurement.
 */
import { messageSha256 } from '../../protocols/uplink/cose.ts';
import type { Summary } from '../../protocols/uplink/messages.ts';
import { sealAgentMessage } from '../../protocols/uplink/open.ts';
import { sampleSigner } from '../../protocols/uplink/sample-keys.ts';
import {
  busySummary,
  sampleIdentity,
  steadySummary,
} from '../../protocols/uplink/sample-messages.ts';
import { SummaryBases } from './summary-bases.ts';
import { inSeconds } from './summary-signer.ts';

const BASE_SEQUENCE = 40;
const signer = sampleSigner('agent');

/** A busy minute, whole and signed. */
export function wholeBytes(): number {
  return sealAgentMessage(signer, busySummary(signer.signerId, BASE_SEQUENCE)).byteLength;
}

/** The steady minute after it on the metered profile: what is signed in its place. */
export function meteredBytes(): number {
  const sparing = (summary: Summary): Summary => ({ ...summary, ...inSeconds(summary) });
  const base = sparing(busySummary(signer.signerId, BASE_SEQUENCE));
  const bases = new SummaryBases();
  const { epoch } = base;
  const sha256 = messageSha256(sealAgentMessage(signer, base));
  bases.signed({ epoch, sequence: BASE_SEQUENCE, sha256, content: base });
  bases.receipted({
    kind: 'receipt',
    agentId: signer.signerId,
    epoch,
    stream: 2,
    cumulative: BASE_SEQUENCE,
    cumulativeSha256: sha256,
    have: [],
    refused: [],
    receiptSerial: 1,
    hubEpoch: 1,
    hubTimeMs: 1,
  });
  const steady = sparing(steadySummary(busySummary(signer.signerId, 1), BASE_SEQUENCE + 1));
  const delta = bases.delta(steady, epoch);
  if (delta === undefined) throw new Error('there is a base, so there is a difference');
  const identity = sampleIdentity(signer.signerId, 2, BASE_SEQUENCE + 1);
  return sealAgentMessage(signer, { ...delta, ...identity }).byteLength;
}
