/**
 * Plausible messages for tests, vectors and measurements. `busySummary` is the golden input of the
 * size figures: 50 conversations and 5 detections with every field filled.
 */
import { createHash } from 'node:crypto';
import type { ConversationCounts } from '../interval-report.ts';
import { hexOfBytes } from './address.ts';
import type {
  AgentMessage,
  Alert,
  EpochBegins,
  MessageIdentity,
  Receipt,
  Stream,
  Summary,
} from './messages.ts';

export const SAMPLE_EPOCH = 123_456_789_012;
const SIGNED_AT_MS = 1_790_000_060_123;
const FROM_US = 1_790_000_000_000_000;
const ZERO_SHA256 = new Uint8Array(32);

/** Bytes that look random and are the same on every run. */
export function sampleBytes(name: string, length: number): Uint8Array {
  const bytes = createHash('shake128', { outputLength: length }).update(name).digest();
  return Uint8Array.from(bytes);
}

export function sampleIdentity(agentId: string, stream: Stream, sequence: number): MessageIdentity {
  return {
    agentId,
    epoch: SAMPLE_EPOCH,
    stream,
    sequence,
    previousSha256: sequence === 1 ? ZERO_SHA256 : sampleBytes(`${stream}/${sequence - 1}`, 32),
    signedAtMs: SIGNED_AT_MS,
    clockSource: 'ntp',
    clockErrorMs: 12,
  };
}

export function sampleEpochBegins(agentId: string, stream: Stream): EpochBegins {
  return { kind: 'epochBegins', ...sampleIdentity(agentId, stream, 1), reason: 'new' };
}

/** One conversation of a small pump station at sharing `standard`. */
export function sampleConversation(): ConversationCounts {
  return {
    protocol: 'modbus',
    transport: 'tcp',
    clientIpAddress: '10.0.0.5',
    serverIpAddress: '10.0.1.9',
    serverPort: 502,
    unitId: 3,
    requests: 60,
    responses: 59,
    exceptions: 1,
    unmatchedRequests: 0,
    writes: 2,
    anomalies: 0,
    rttUs: { p50: 1024, p95: 4096, max: 8192 },
    functionCodes: [
      { functionCode: 3, requests: 58, responses: 57, exceptions: 1 },
      { functionCode: 16, requests: 2, responses: 2, exceptions: 0 },
    ],
    bytesMissed: 0,
    firstSeenUs: FROM_US + 12_345,
    lastSeenUs: FROM_US + 59_012_345,
    roleConfidence: 0.9,
  };
}

export function sampleSummary(agentId: string, sequence: number): Summary {
  return {
    kind: 'summary',
    ...sampleIdentity(agentId, 2, sequence),
    sharing: 'standard',
    programVersion: '0.1.0',
    fromUs: FROM_US,
    toUs: FROM_US + 60_000_000,
    coverage: [
      {
        interfaceName: 'eth1',
        framesSeen: 123_456,
        framesDropped: 0,
        framesTruncated: 0,
        bytesSeen: 12_345_678,
        linkUp: true,
        coveredMs: 60_000,
        intervalMs: 60_000,
      },
    ],
    traffic: {
      frames: 123_456,
      bytes: 12_345_678,
      bytesMissed: 0,
      gaps: 0,
      modbusRequests: 23_456,
      modbusResponses: 23_450,
      modbusExceptions: 3,
      modbusTransactions: 23_457,
      modbusMalformed: 0,
      opcuaTransportMessages: 2345,
      opcuaTransactions: 1100,
      opcuaMalformed: 0,
      opcuaEncryptedMessages: 0,
    },
    conversations: [sampleConversation()],
    conversationsFolded: 0,
    observationsCount: 17,
    detections: [],
    health: {
      uptimeSeconds: 86_400,
      residentBytes: 112_345_678,
      outboxMessages: 2,
      outboxBytes: 4096,
      databaseBytes: 12_345_678,
      observationsFolded: 0,
      tables: [{ table: 'flows', used: 12, max: 8192, evicted: 0, refused: 0 }],
    },
  };
}

/** The busy minute of a water plant at sharing `minimal`: pseudonyms instead of addresses. */
export function busySummary(agentId: string, sequence: number): Summary {
  const plain = sampleSummary(agentId, sequence);
  return {
    ...plain,
    sharing: 'minimal',
    siteName: 'Waterworks North',
    sector: 'water',
    conversations: Array.from({ length: 50 }, (_, index) => busyConversation(index)),
    conversationsFolded: 7,
    detections: DETECTION_CODES.map((code, index) => ({
      detectionId: hexOfBytes(sampleBytes(`detection ${index}`, 8)),
      code,
      severity: index === 0 ? 'high' : 'medium',
      occurrencesCount: 1 + index * 3,
      lastSeenUs: FROM_US + 7_654_321 * index,
    })),
    health: {
      ...plain.health,
      bytesWrittenToday: 1_234_567,
      losses: [
        { name: 'observationsEvicted', count: 1200 },
        { name: 'evidenceEvicted', count: 12 },
      ],
      tables: ['flows', 'pendingTransactions', 'conversations', 'chunks', 'nodes'].map(
        (table, index) => ({ table, used: 100 * index + 7, max: 8192, evicted: 0, refused: 0 }),
      ),
    },
    coverage: plain.coverage.map((each) => ({
      ...each,
      framesDuplicate: 17,
      bytesNotFramed: 3,
      bytesMissed: 1460,
    })),
    blind: [
      {
        interfaceName: 'eth1',
        fromUs: FROM_US + 7_000_000,
        toUs: FROM_US + 7_400_000,
        cause: 'linkDown',
      },
      { fromUs: FROM_US + 9_000_000, toUs: FROM_US + 9_900_000, cause: 'workerRestart' },
    ],
    blindFolded: 1,
    assetChanges: [
      {
        assetId: hexOfBytes(sampleBytes('asset 1', 8)),
        change: 'new',
        address: hexOfBytes(sampleBytes('server 4', 8)),
        lastSeenUs: FROM_US + 30_000_000,
        facts: [
          { fact: 'role', value: 'modbus server' },
          { fact: 'vendor', value: 'Example Pumps' },
        ],
      },
    ],
    assetChangesFolded: 2,
  };
}

/** The minute after `base` at a steady plant: the same conversations, some counts differ. */
export function steadySummary(base: Summary, sequence: number): Summary {
  const minuteUs = 60_000_000;
  return {
    ...base,
    sequence,
    previousSha256: sampleBytes(`2/${sequence - 1}`, 32),
    signedAtMs: base.signedAtMs + 60_000,
    fromUs: base.fromUs + minuteUs,
    toUs: base.toUs + minuteUs,
    conversations: base.conversations.map((each, index) => {
      const more = chance(`steady ${index}`, 5) - 2;
      const [first, ...others] = each.functionCodes ?? [];
      return {
        ...each,
        requests: each.requests + more,
        responses: each.responses + more,
        ...(first !== undefined && {
          functionCodes: [
            { ...first, requests: first.requests + more, responses: first.responses + more },
            ...others,
          ],
        }),
        ...(each.services !== undefined && {
          services: each.services.map((service, at) =>
            at === 0 ? { ...service, count: service.count + more } : service,
          ),
        }),
        firstSeenUs: each.firstSeenUs + minuteUs + chance(`steady first ${index}`, 400_000),
        lastSeenUs: each.lastSeenUs + minuteUs - chance(`steady last ${index}`, 400_000),
      };
    }),
    detections: base.detections.map((each) => ({
      ...each,
      occurrencesCount: each.occurrencesCount + 1,
      lastSeenUs: each.lastSeenUs + minuteUs,
    })),
    health: { ...base.health, uptimeSeconds: base.health.uptimeSeconds + 60 },
    blind:
      base.blind?.map((each) => ({
        ...each,
        fromUs: each.fromUs + minuteUs,
        toUs: each.toUs + minuteUs,
      })) ?? [],
  };
}

const DETECTION_CODES = [
  'OPCUA_PASSWORD_CLEAR_TEXT',
  'MODBUS_FUNCTION_ZERO',
  'MODBUS_WRITE_NEW_CLIENT',
  'OPCUA_LOGIN_FAILED_REPEATED',
  'ASSET_NEW',
] as const;

/** 0..limit-1, the same on every run. */
function chance(name: string, limit: number): number {
  const [first, second, third] = sampleBytes(name, 3);
  return ((first << 16) | (second << 8) | third) % limit;
}

function busyConversation(index: number): ConversationCounts {
  const isModbus = index < 38;
  const name = `conversation ${index}`;
  const requests = 20 + chance(name, 600);
  const lost = chance(`${name} lost`, 3);
  const p50 = 256 << chance(`${name} rtt`, 4);
  return {
    protocol: isModbus ? 'modbus' : 'opcua',
    transport: 'tcp',
    clientIpAddress: hexOfBytes(sampleBytes(`client ${index % 3}`, 8)),
    serverIpAddress: hexOfBytes(sampleBytes(`server ${chance(`${name} server`, 30)}`, 8)),
    serverPort: isModbus ? 502 : 4840,
    ...(isModbus && { unitId: 1 + chance(`${name} unit`, 20) }),
    requests,
    responses: requests - lost,
    exceptions: chance(`${name} exceptions`, 10) === 0 ? 3 : 0,
    unmatchedRequests: lost,
    writes: chance(`${name} writes`, 4) === 0 ? 12 : 0,
    anomalies: 0,
    rttUs: { p50, p95: p50 * 4, max: p50 * 16 },
    ...(isModbus
      ? {
          functionCodes: [
            { functionCode: 3, requests: requests - 7, responses: requests - 7, exceptions: 0 },
            { functionCode: 4, requests: 7, responses: 7 - lost, exceptions: 0 },
          ],
        }
      : {
          services: [
            { service: 'Publish', count: requests - 5 },
            { service: 'Read', count: 5 },
          ],
        }),
    bytesMissed: 0,
    firstSeenUs: FROM_US + chance(`${name} first`, 1_000_000),
    lastSeenUs: FROM_US + 59_000_000 + chance(`${name} last`, 1_000_000),
    roleConfidence: index % 4 === 0 ? 0.9 : 1,
  };
}

export function sampleAlert(agentId: string, sequence: number): Alert {
  return {
    kind: 'alert',
    ...sampleIdentity(agentId, 1, sequence),
    change: 'raised',
    sharing: 'standard',
    detectionId: '9f2c00aa11bb22cc',
    code: 'OPCUA_PASSWORD_CLEAR_TEXT',
    severity: 'high',
    title: 'A password crossed the network in clear text',
    techniques: ['T0859'],
    firstSeenUs: FROM_US + 4_000_000,
    lastSeenUs: FROM_US + 9_500_000,
    occurrencesCount: 2,
    client: '10.0.0.6',
    server: '10.0.1.20',
    records: ['0-18', '0-23'],
    framesSha256: sampleBytes('frames', 32),
    explanation:
      'A client signed in with a user name and password on a channel without encryption.',
    remedy: 'Change this password and set the endpoint to SignAndEncrypt.',
  };
}

export function sampleReceipt(agentId: string, receiptSerial: number): Receipt {
  return {
    kind: 'receipt',
    agentId,
    epoch: SAMPLE_EPOCH,
    stream: 2,
    cumulative: 17,
    cumulativeSha256: sampleBytes('2/17', 32),
    have: [],
    refused: [],
    receiptSerial,
    hubEpoch: 98_765_432_109,
    hubTimeMs: SIGNED_AT_MS + 250,
  };
}

/** A chain as an agent makes it: `seal` gives the bytes whose hash the next one carries. */
export function sampleChain(
  agentId: string,
  length: number,
  seal: (message: AgentMessage) => Uint8Array,
): { readonly message: AgentMessage; readonly bytes: Uint8Array }[] {
  const chain: { message: AgentMessage; bytes: Uint8Array }[] = [];
  let previousSha256 = ZERO_SHA256;
  for (let sequence = 1; sequence <= length; sequence++) {
    const message: AgentMessage =
      sequence === 1
        ? sampleEpochBegins(agentId, 2)
        : { ...sampleSummary(agentId, sequence), previousSha256 };
    const bytes = seal(message);
    previousSha256 = Uint8Array.from(createHash('sha256').update(bytes).digest());
    chain.push({ message, bytes });
  }
  return chain;
}
