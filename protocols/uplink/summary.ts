/** `summary`: the periodic account of a site, on stream 2. */
import type {
  ConversationCounts,
  FunctionCodeCount,
  ServiceCount,
  SourceCoverage,
  TableUse,
  TrafficCounts,
} from '../interval-report.ts';
import { CONVERSATIONS_PER_REPORT_MAX, DETECTIONS_PER_REPORT_MAX } from '../interval-report.ts';
import { CODE_BYTES_MAX, DETECTION_ID_BYTES, SEVERITIES, SHARINGS } from './alert.ts';
import { IDENTITY_FIELDS, KEY_KIND, KIND_SUMMARY } from './identity.ts';
import type {
  AgentHealth,
  AssetChange,
  BlindInterval,
  DetectionDigest,
  MessageIdentity,
  Summary,
} from './messages.ts';
import { columns, type FieldTable, field, map, optional, row, type Shape } from './shape.ts';
import {
  address,
  baseUs,
  bool,
  choice,
  constant,
  hex,
  list,
  number,
  sinceBaseUs,
  text,
  uint,
} from './shape-types.ts';

const NAME_BYTES_MAX = 64;
const SITE_NAME_BYTES_MAX = 256;
const INTERFACES_MAX = 16;
const TABLES_MAX = 64;
const LOSSES_MAX = 32;
const FACT_BYTES_MAX = 32;
const FACT_VALUE_BYTES_MAX = 128;
const FACTS_MAX = 16;
export const CONVERSATIONS_MAX = CONVERSATIONS_PER_REPORT_MAX;
export const FUNCTION_CODES_MAX = 256;
export const SERVICES_MAX = 128;
/** What doesn't fit is counted beside it. */
export const BLIND_MAX = 32;
export const ASSET_CHANGES_MAX = 64;
const PARTS_MAX = 255;

const name = text(NAME_BYTES_MAX);
const count = uint();

const coverage = columns<SourceCoverage>(INTERFACES_MAX, {
  interfaceName: field(0, name),
  framesSeen: field(1, count),
  framesDropped: field(2, count),
  framesTruncated: field(3, count),
  bytesSeen: field(4, count),
  linkUp: field(5, bool),
  coveredMs: field(6, count),
  intervalMs: field(7, count),
  framesDuplicate: optional(8, count),
  bytesNotFramed: optional(9, count),
  bytesMissed: optional(10, count),
});

const traffic = row<TrafficCounts>({
  frames: field(0, count),
  bytes: field(1, count),
  bytesMissed: field(2, count),
  gaps: field(3, count),
  modbusRequests: field(4, count),
  modbusResponses: field(5, count),
  modbusExceptions: field(6, count),
  modbusTransactions: field(7, count),
  modbusMalformed: field(8, count),
  opcuaTransportMessages: field(9, count),
  opcuaTransactions: field(10, count),
  opcuaMalformed: field(11, count),
  opcuaEncryptedMessages: field(12, count),
});

const functionCode = row<FunctionCodeCount>({
  functionCode: field(0, uint(255)),
  requests: field(1, count),
  responses: field(2, count),
  exceptions: field(3, count),
});

const service = row<ServiceCount>({ service: field(0, name), count: field(1, count) });

const rttUs = row<NonNullable<ConversationCounts['rttUs']>>({
  p50: field(0, count),
  p95: field(1, count),
  max: field(2, count),
});

const conversations = columns<ConversationCounts>(CONVERSATIONS_PER_REPORT_MAX, {
  protocol: field(0, choice<ConversationCounts['protocol']>(['modbus', 'opcua'])),
  transport: field(1, name),
  clientIpAddress: field(2, address),
  serverIpAddress: field(3, address),
  serverPort: field(4, uint(65_535)),
  unitId: optional(5, uint(255)),
  requests: field(6, count),
  responses: field(7, count),
  exceptions: field(8, count),
  unmatchedRequests: field(9, count),
  writes: field(10, count),
  anomalies: field(11, count),
  rttUs: optional(12, rttUs),
  functionCodes: optional(13, list(FUNCTION_CODES_MAX, functionCode, 'cut')),
  services: optional(14, list(SERVICES_MAX, service, 'cut')),
  bytesMissed: field(15, count),
  firstSeenUs: field(16, sinceBaseUs),
  lastSeenUs: field(17, sinceBaseUs),
  roleConfidence: field(18, number(0, 1)),
});

const detections = columns<DetectionDigest>(DETECTIONS_PER_REPORT_MAX, {
  detectionId: field(0, hex(DETECTION_ID_BYTES)),
  code: field(1, text(CODE_BYTES_MAX)),
  severity: field(2, choice(SEVERITIES)),
  occurrencesCount: field(3, count),
  lastSeenUs: field(4, sinceBaseUs),
});

const health = map<AgentHealth>({
  uptimeSeconds: field(1, count),
  residentBytes: field(2, count),
  outboxMessages: field(3, count),
  outboxBytes: field(4, count),
  databaseBytes: field(5, count),
  bytesWrittenToday: optional(6, count),
  observationsFolded: field(7, count),
  tables: field(
    8,
    columns<TableUse>(TABLES_MAX, {
      table: field(0, name),
      used: field(1, count),
      max: field(2, count),
      evicted: field(3, count),
      refused: field(4, count),
    }),
  ),
  losses: optional(
    9,
    columns<{ readonly name: string; readonly count: number }>(LOSSES_MAX, {
      name: field(0, name),
      count: field(1, count),
    }),
  ),
});

const BLIND_CAUSES: readonly BlindInterval['cause'][] = [
  'linkDown',
  'workerRestart',
  'overload',
  'suspended',
  'bufferFault',
];

const blind = columns<BlindInterval>(BLIND_MAX, {
  interfaceName: optional(0, name),
  fromUs: field(1, sinceBaseUs),
  toUs: field(2, sinceBaseUs),
  cause: field(3, choice(BLIND_CAUSES)),
});

const ASSET_ID_BYTES = 8;
const CHANGES: readonly AssetChange['change'][] = ['new', 'changed', 'gone'];

const assetChanges = columns<AssetChange>(ASSET_CHANGES_MAX, {
  assetId: field(0, hex(ASSET_ID_BYTES)),
  change: field(1, choice(CHANGES)),
  address: optional(2, address),
  unitId: optional(3, uint(255)),
  lastSeenUs: field(4, sinceBaseUs),
  facts: field(
    5,
    list(
      FACTS_MAX,
      row<AssetChange['facts'][number]>({
        fact: field(0, text(FACT_BYTES_MAX)),
        value: field(1, text(FACT_VALUE_BYTES_MAX)),
      }),
      'cut',
    ),
  ),
});

/** What a summary says beside who it is; `summaryDelta` has the same. */
export const CONTENT_FIELDS: FieldTable<Omit<Summary, keyof MessageIdentity | 'kind'>> = {
  sharing: field(10, choice(SHARINGS)),
  siteName: optional(11, text(SITE_NAME_BYTES_MAX)),
  sector: optional(12, name),
  programVersion: field(13, name),
  fromUs: field(14, baseUs),
  toUs: field(15, sinceBaseUs),
  coverage: field(16, coverage),
  traffic: field(17, traffic),
  conversations: field(18, conversations),
  conversationsFolded: field(19, count),
  observationsCount: field(20, count),
  detections: field(21, detections),
  health: field(22, health),
  part: optional(
    23,
    row<NonNullable<Summary['part']>>({
      number: field(0, uint(PARTS_MAX, 1)),
      of: field(1, uint(PARTS_MAX, 1)),
    }),
  ),
  blind: optional(24, blind),
  blindFolded: optional(25, count),
  assetChanges: optional(26, assetChanges),
  assetChangesFolded: optional(27, count),
};

export const summaryShape: Shape<Summary> = map<Summary>({
  kind: field(KEY_KIND, constant(KIND_SUMMARY, 'summary')),
  ...IDENTITY_FIELDS,
  ...CONTENT_FIELDS,
});
