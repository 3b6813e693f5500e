/** The valid test vectors: what each shows, and the message behind it. */
import type {
  Advisory,
  AgentMessage,
  HubRequest,
  Receipt,
  RenewedCertificate,
} from '../protocols/uplink/messages.ts';
import {
  sampleAdvisory,
  sampleAdvisoryAnswer,
  sampleEvidence,
  sampleKeyRotation,
  sampleNextSigner,
  sampleRenewalRequest,
  sampleRenewedCertificate,
  sampleRequest,
  sampleStatement,
  sampleSummaryDelta,
  sampleTombstone,
} from '../protocols/uplink/sample-hub-messages.ts';
import { sampleEs256Signer, sampleSigner } from '../protocols/uplink/sample-keys.ts';
import {
  busySummary,
  sampleAlert,
  sampleBytes,
  sampleConversation,
  sampleEpochBegins,
  sampleReceipt,
  sampleSummary,
} from '../protocols/uplink/sample-messages.ts';
import type { Signer } from '../protocols/uplink/signature.ts';

export interface ValidCase<T> {
  readonly name: string;
  readonly signer: Signer;
  readonly message: T;
}

const agent = sampleSigner('agent');
const tpm = sampleEs256Signer('agent');
const hub = sampleSigner('hub');
const hubTpm = sampleEs256Signer('hub');
const { signerId } = agent;

const summary = (sequence: number) => sampleSummary(signerId, sequence);
const alert = (sequence: number) => sampleAlert(signerId, sequence);
const receipt = (serial: number) => sampleReceipt(signerId, serial);
const [coverage] = summary(2).coverage;
const conversation = sampleConversation();

// biome-ignore format: one case a line
export const SUMMARY_CASES: readonly ValidCase<AgentMessage>[] = [
  { name: 'an epoch begins on the stream of summaries', signer: agent, message: sampleEpochBegins(signerId, 2) },
  { name: 'an epoch after a damaged buffer', signer: agent, message: { ...sampleEpochBegins(signerId, 2), epoch: 223_456_789_012, reason: 'quarantined', previousEpoch: 123_456_789_012, lastSequence: 4711, lastSha256: sampleBytes('2/4711', 32) } },
  { name: 'one conversation, sharing standard', signer: agent, message: summary(30) },
  { name: 'a quiet minute: every list empty', signer: agent, message: { ...summary(4), conversations: [], coverage: [], observationsCount: 0 } },
  { name: '50 conversations and 5 detections, sharing minimal', signer: agent, message: busySummary(signerId, 6) },
  { name: 'IPv6, an OPC UA conversation without a matched pair', signer: agent, message: { ...summary(8), sharing: 'full', conversations: [{ protocol: 'opcua', transport: 'tcp', clientIpAddress: '2001:db8::5', serverIpAddress: 'fe80::1', serverPort: 4840, requests: 3, responses: 0, exceptions: 0, unmatchedRequests: 3, writes: 0, anomalies: 1, services: [{ service: 'Read', count: 3 }], bytesMissed: 1460, firstSeenUs: 1_790_000_000_500_000, lastSeenUs: 1_790_000_000_900_000, roleConfidence: 0.5 }] } },
  { name: 'a serial line has a name instead of an address', signer: agent, message: { ...summary(10), conversations: [{ ...conversation, transport: 'rtu', clientIpAddress: 'line:/dev/serial/by-id/usb-0', serverIpAddress: 'line:/dev/serial/by-id/usb-0', serverPort: 0 }] } },
  { name: 'two interfaces, one down, frames dropped', signer: agent, message: { ...summary(12), coverage: [{ ...coverage, framesDropped: 17, coveredMs: 59_000 }, { ...coverage, interfaceName: 'eth2', framesSeen: 0, bytesSeen: 0, linkUp: false, coveredMs: 0 }] } },
  { name: 'part 2 of 3, names beyond ASCII', signer: agent, message: { ...summary(14), siteName: 'Kläranlage Süd – 水', sector: 'water', part: { number: 2, of: 3 } } },
  { name: 'a clock that knows nothing, in 1970', signer: agent, message: { ...omitClockError(summary(16)), signedAtMs: 61_000, clockSource: 'none' } },
  { name: 'a clock behind the hub takes the time of the hub', signer: agent, message: { ...summary(24), clockSource: 'hub' } },
  { name: 'the largest numbers', signer: agent, message: { ...summary(18), epoch: 2 ** 48 - 1, sequence: 2 ** 53 - 1, observationsCount: 2 ** 53 - 1 } },
  { name: 'signed with ES256', signer: tpm, message: summary(20) },
  { name: '50 conversations signed with ES256', signer: tpm, message: busySummary(signerId, 22) },
];

// biome-ignore format: one case a line
export const ALERT_CASES: readonly ValidCase<AgentMessage>[] = [
  { name: 'an epoch begins on the stream of alerts', signer: agent, message: sampleEpochBegins(signerId, 1) },
  { name: 'raised', signer: agent, message: alert(30) },
  { name: 'repeated', signer: agent, message: { ...alert(4), change: 'repeated', occurrencesCount: 40, lastSeenUs: 1_790_003_600_000_000 } },
  { name: 'acknowledged', signer: agent, message: { ...alert(6), change: 'acknowledged' } },
  { name: 'closed', signer: agent, message: { ...alert(8), change: 'closed' } },
  { name: 'pseudonyms, sharing minimal', signer: agent, message: { ...alert(10), sharing: 'minimal', client: '0123456789abcdef', server: 'fedcba9876543210' } },
  { name: 'Modbus with unit 0 and no evidence', signer: agent, message: { ...withoutEvidence(alert(12)), code: 'MODBUS_FUNCTION_ZERO', severity: 'medium', techniques: [], unitId: 0, records: [] } },
  { name: 'an address with its port stays text', signer: agent, message: { ...alert(14), server: '10.0.1.20:4840' } },
  { name: 'seen once: first and last time are one', signer: agent, message: { ...alert(16), lastSeenUs: alert(16).firstSeenUs, occurrencesCount: 1 } },
  { name: 'text beyond ASCII and with a line break', signer: agent, message: { ...alert(18), title: 'Passwort im Klartext – 密码', explanation: 'first\nsecond' } },
  { name: 'every list as long as it may be', signer: agent, message: { ...alert(20), techniques: Array.from({ length: 16 }, (_, index) => `T08${10 + index}`), records: Array.from({ length: 32 }, (_, index) => `0-${index}`) } },
  { name: 'signed with ES256', signer: tpm, message: alert(22) },
  { name: 'closed, signed with ES256', signer: tpm, message: { ...alert(24), change: 'closed' } },
];

// biome-ignore format: one case a line
export const RECEIPT_CASES: readonly ValidCase<Receipt>[] = [
  { name: 'all up to 17 is stored', signer: hub, message: receipt(1) },
  { name: 'nothing is stored', signer: hub, message: { ...receipt(2), cumulative: 0, cumulativeSha256: new Uint8Array(32) } },
  { name: 'alerts', signer: hub, message: { ...receipt(3), stream: 1, cumulative: 5, cumulativeSha256: sampleBytes('1/5', 32) } },
  { name: 'one range behind a hole', signer: hub, message: { ...receipt(4), have: [{ from: 19, to: 24, lastSha256: sampleBytes('2/24', 32) }] } },
  { name: 'a fresh one before the backlog', signer: hub, message: { ...receipt(5), cumulative: 0, cumulativeSha256: new Uint8Array(32), have: [{ from: 1000, to: 1000, lastSha256: sampleBytes('2/1000', 32) }] } },
  { name: 'refused ones are named', signer: hub, message: { ...receipt(6), refused: [{ sequence: 18, reason: 'forked' }, { sequence: 19, reason: 'fieldLimit' }] } },
  { name: 'ranges and refused ones', signer: hub, message: { ...receipt(7), have: [{ from: 19, to: 20, lastSha256: sampleBytes('2/20', 32) }], refused: [{ sequence: 18, reason: 'forked' }] } },
  { name: 'as many ranges as fit', signer: hub, message: { ...receipt(8), have: Array.from({ length: 32 }, (_, index) => ({ from: 20 + index * 3, to: 21 + index * 3, lastSha256: sampleBytes(`2/${21 + index * 3}`, 32) })) } },
  { name: 'a hub restored from a backup has a new hubEpoch', signer: hub, message: { ...receipt(1), hubEpoch: 11_111, cumulative: 3, cumulativeSha256: sampleBytes('2/3', 32) } },
  { name: 'signed with ES256', signer: hubTpm, message: receipt(10) },
  { name: 'ranges, signed with ES256', signer: hubTpm, message: { ...receipt(11), have: [{ from: 30, to: 31, lastSha256: sampleBytes('2/31', 32) }] } },
];

const { requests, firstSeenUs, lastSeenUs } = conversation;
// biome-ignore format: one row a line
const fullSummary: AgentMessage = {
  ...busySummary(signerId, 40),
  coverage: [{ ...coverage, framesDuplicate: 7, bytesNotFramed: 3, bytesMissed: 1460 }],
  health: {
    ...busySummary(signerId, 40).health,
    losses: [{ name: 'evidenceEvicted', count: 12 }],
  },
  blind: [
    { interfaceName: 'eth1', fromUs: firstSeenUs, toUs: lastSeenUs, cause: 'linkDown' },
    { fromUs: firstSeenUs, toUs: firstSeenUs + requests, cause: 'workerRestart' },
  ],
  blindFolded: 1,
  assetChanges: [
    { assetId: '00aa11bb22cc33dd', change: 'new', address: 'fedcba9876543210', lastSeenUs, facts: [{ fact: 'vendor', value: 'Example Pumps' }] },
    { assetId: '00aa11bb22cc33de', change: 'gone', address: '10.0.1.9', unitId: 3, lastSeenUs, facts: [] },
  ],
  assetChangesFolded: 2,
};

/** Losses, answers, keys, evidence and differences: what agents say beside summaries and alerts. */
// biome-ignore format: one case a line
export const LOSS_CASES: readonly ValidCase<AgentMessage>[] = [
  { name: 'a summary with every field filled', signer: agent, message: fullSummary },
  { name: 'a tombstone for summaries', signer: agent, message: sampleTombstone(signerId, 98) },
  { name: 'a tombstone of a former epoch, some had receipts', signer: agent, message: { ...sampleTombstone(signerId, 60), stream: 1, epochOf: 77, messages: 3 } },
  { name: 'the hub lost what it had receipted', signer: agent, message: sampleStatement(signerId, 3) },
  { name: 'the disk lost the buffer', signer: agent, message: { ...shortStatement(5), code: 'bufferLost', epochOf: 77, text: 'The buffer was damaged.' } },
  { name: 'the clock stepped back', signer: agent, message: { ...shortStatement(8), code: 'clockStepped', fromUs: lastSeenUs, toUs: firstSeenUs, text: 'back by a minute' } },
  { name: 'blind while the worker was started again', signer: agent, message: { ...shortStatement(10), code: 'blind', fromUs: firstSeenUs, toUs: lastSeenUs, text: 'worker restart' } },
  { name: 'an advisory was acknowledged', signer: agent, message: sampleAdvisoryAnswer(signerId, 12) },
  { name: 'an advisory was seen and does not apply', signer: agent, message: { ...withoutBy(sampleAdvisoryAnswer(signerId, 14)), state: 'seen', applicability: 'notApplicable' } },
  { name: 'a new key, Ed25519', signer: agent, message: sampleKeyRotation(sampleNextSigner(3), 16) },
  { name: 'a new key, ES256', signer: agent, message: sampleKeyRotation(tpm, 18) },
  { name: 'a new client certificate is asked for', signer: agent, message: sampleRenewalRequest(signerId, 20) },
  { name: 'a new client certificate, signed with ES256', signer: tpm, message: sampleRenewalRequest(signerId, 22) },
  { name: 'evidence in one part', signer: agent, message: sampleEvidence(signerId, 5) },
  { name: 'evidence that is no longer there', signer: agent, message: { ...sampleEvidence(signerId, 7), pcap: new Uint8Array(0), absence: 'gone' } },
  { name: 'part 2 of 3 of evidence', signer: agent, message: { ...sampleEvidence(signerId, 9), part: { number: 2, of: 3 } } },
  { name: 'a summary told as a difference', signer: agent, message: sampleSummaryDelta(signerId, 30) },
  { name: 'a difference with a new conversation', signer: agent, message: { ...sampleSummaryDelta(signerId, 32), conversations: [{ ...conversation, unitId: 4 }] } },
  { name: 'a difference signed with ES256', signer: tpm, message: sampleSummaryDelta(signerId, 34) },
];

// biome-ignore format: one case a line
export const REQUEST_CASES: readonly ValidCase<HubRequest>[] = [
  { name: 'a range and the frames of a detection', signer: hub, message: sampleRequest(signerId, 1) },
  { name: 'nothing any more', signer: hub, message: { ...sampleRequest(signerId, 2), resend: [], evidence: [] } },
  { name: 'as many ranges as fit', signer: hub, message: { ...sampleRequest(signerId, 3), resend: Array.from({ length: 32 }, (_, index) => ({ epoch: 77, stream: 1, from: 1 + index * 2, to: 1 + index * 2 })) } },
  { name: 'signed with ES256', signer: hubTpm, message: sampleRequest(signerId, 4) },
];

// biome-ignore format: one case a line
export const CERTIFICATE_CASES: readonly ValidCase<RenewedCertificate>[] = [
  { name: 'a renewed client certificate', signer: hub, message: sampleRenewedCertificate(signerId) },
  { name: 'the longest', signer: hub, message: { ...sampleRenewedCertificate(signerId), certificate: sampleBytes('long certificate', 4096) } },
  { name: 'signed with ES256', signer: hubTpm, message: sampleRenewedCertificate(signerId) },
];

// biome-ignore format: one case a line
export const ADVISORY_CASES: readonly ValidCase<Advisory>[] = [
  { name: 'with indicators', signer: hub, message: sampleAdvisory(1) },
  { name: 'a second revision for every sector', signer: hub, message: { ...sampleAdvisory(2), sector: 'all' } },
  { name: 'advice alone', signer: hub, message: withoutIndicators(sampleAdvisory(3)) },
  { name: 'text beyond ASCII with line breaks, TLP amber+strict', signer: hub, message: { ...sampleAdvisory(4), tlp: 'amberStrict', headline: 'Warnung – 警告', advice: 'Erstens\nZweitens' } },
  { name: 'signed with ES256', signer: hubTpm, message: sampleAdvisory(5) },
];

function shortStatement(sequence: number) {
  const {
    epochOf: _,
    streamOf: __,
    from: ___,
    to: ____,
    count: _____,
    ...rest
  } = sampleStatement(signerId, sequence);
  return rest;
}

function withoutBy<T extends { by?: string }>(answer: T): Omit<T, 'by'> {
  const { by: _, ...rest } = answer;
  return rest;
}

function withoutIndicators({ indicators: _, ...rest }: Advisory): Advisory {
  return rest;
}

function omitClockError<T extends { clockErrorMs?: number }>(message: T): Omit<T, 'clockErrorMs'> {
  const { clockErrorMs: _, ...rest } = message;
  return rest;
}

function withoutEvidence<T extends { framesSha256?: Uint8Array }>(
  alert: T,
): Omit<T, 'framesSha256'> {
  const { framesSha256: _, ...rest } = alert;
  return rest;
}
