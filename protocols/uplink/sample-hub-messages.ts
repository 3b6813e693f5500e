/** Plausible messages of every kind beside summary, alert and receipt: for tests and vectors. */

import { keyRotationContent } from './key-rotation.ts';
import type {
  Advisory,
  AdvisoryAnswer,
  Evidence,
  HubRequest,
  KeyRotation,
  RenewalRequest,
  RenewedCertificate,
  Statement,
  SummaryDelta,
  Tombstone,
} from './messages.ts';
import { sampleSigner } from './sample-keys.ts';
import { SAMPLE_EPOCH, sampleBytes, sampleIdentity, sampleSummary } from './sample-messages.ts';
import type { Signer } from './signature.ts';

const NOW_MS = 1_790_000_060_123;
const HUB_EPOCH = 98_765_432_109;

export function sampleTombstone(agentId: string, sequence: number): Tombstone {
  return {
    kind: 'tombstone',
    ...sampleIdentity(agentId, 2, sequence),
    epochOf: SAMPLE_EPOCH,
    from: 18,
    to: 97,
    lastSha256: sampleBytes('2/97', 32),
    messages: 80,
    bytes: 214_512,
    reason: 'quota',
  };
}

export function sampleStatement(agentId: string, sequence: number): Statement {
  return {
    kind: 'statement',
    ...sampleIdentity(agentId, 1, sequence),
    code: 'hubLost',
    epochOf: SAMPLE_EPOCH,
    streamOf: 2,
    from: 12,
    to: 17,
    count: 6,
    text: 'The hub no longer has messages 12 to 17, which it had receipted.',
  };
}

export function sampleAdvisoryAnswer(agentId: string, sequence: number): AdvisoryAnswer {
  return {
    kind: 'advisoryAnswer',
    ...sampleIdentity(agentId, 1, sequence),
    advisoryId: 'FT-2026-014',
    revision: 2,
    state: 'acknowledged',
    applicability: 'seenHere',
    by: 'night shift',
    atMs: NOW_MS - 5000,
  };
}

/** `newSigner`: of the same agent, with a higher key number. */
export function sampleKeyRotation(newSigner: Signer, sequence: number): KeyRotation {
  return {
    kind: 'keyRotation',
    ...sampleIdentity(newSigner.signerId, 1, sequence),
    ...keyRotationContent(newSigner),
  };
}

/** Another Ed25519 key of the sample agent, as its key number `keyNumber`. */
export function sampleNextSigner(keyNumber: number): Signer {
  const { signerId } = sampleSigner('agent');
  return { ...sampleSigner(`agent, key ${keyNumber}`), signerId, keyNumber };
}

/** Bytes in the place of PKCS #10: the message carries them, whoever issues judges them. */
export function sampleRenewalRequest(agentId: string, sequence: number): RenewalRequest {
  return {
    kind: 'renewalRequest',
    ...sampleIdentity(agentId, 1, sequence),
    certificateRequest: sampleBytes('certificate request', 250),
  };
}

export function sampleRenewedCertificate(agentId: string): RenewedCertificate {
  return {
    kind: 'certificate',
    agentId,
    hubEpoch: HUB_EPOCH,
    hubTimeMs: NOW_MS,
    certificate: sampleBytes('certificate', 450),
  };
}

export function sampleEvidence(agentId: string, sequence: number): Evidence {
  return {
    kind: 'evidence',
    ...sampleIdentity(agentId, 3, sequence),
    requestId: '00112233445566aa',
    detectionId: '9f2c00aa11bb22cc',
    part: { number: 1, of: 1 },
    pcap: Uint8Array.of(0xd4, 0xc3, 0xb2, 0xa1, ...sampleBytes('pcap', 60)),
  };
}

export function sampleSummaryDelta(agentId: string, sequence: number): SummaryDelta {
  const { kind: _, ...summary } = sampleSummary(agentId, sequence);
  return {
    ...summary,
    kind: 'summaryDelta',
    conversations: [],
    baseSequence: 17,
    baseSha256: sampleBytes('2/17', 32),
    known: [
      {
        row: 0,
        requests: 2,
        responses: 3,
        exceptions: -1,
        unmatchedRequests: 0,
        writes: 0,
        anomalies: 0,
        rttUs: { p50: 0, p95: -2048, max: 0 },
        functionCodes: [
          { requests: 2, responses: 3, exceptions: -1 },
          { requests: 0, responses: 0, exceptions: 0 },
        ],
        bytesMissed: 0,
        firstSeenUs: summary.fromUs + 1_000_000,
        lastSeenUs: summary.toUs - 1_000_000,
      },
    ],
  };
}

export function sampleRequest(agentId: string, requestSerial: number): HubRequest {
  return {
    kind: 'request',
    agentId,
    requestSerial,
    hubEpoch: HUB_EPOCH,
    hubTimeMs: NOW_MS,
    resend: [{ epoch: SAMPLE_EPOCH, stream: 2, from: 18, to: 20 }],
    evidence: [{ requestId: '00112233445566aa', detectionId: '9f2c00aa11bb22cc' }],
  };
}

export function sampleAdvisory(revision: number): Advisory {
  return {
    kind: 'advisory',
    advisoryId: 'FT-2026-014',
    revision,
    sector: 'water',
    issuedMs: NOW_MS,
    expiresMs: NOW_MS + 30 * 86_400_000,
    tlp: 'amber',
    headline: 'Function code 90 is being tried against pump controllers',
    advice:
      'Look for requests with function code 90 from addresses that are no engineering station.',
    indicators: {
      addresses: ['203.0.113.7', '2001:db8::7'],
      functionCodes: [90],
      unitIds: [],
      nodeIds: ['ns=2;s=Pump1.Stop'],
    },
  };
}
