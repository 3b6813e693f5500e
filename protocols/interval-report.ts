/**
 * What the capture worker tells the main thread each interval: counts, the rare facts one by one,
 * and detections. Plain data that survives a structured clone, every list bounded by a limit here.
 */
import type { Protocol } from './flow.ts';

/** Lists of a report; what exceeds them is folded into the counts beside them. */
export const CONVERSATIONS_PER_REPORT_MAX = 500;
export const OBSERVATIONS_PER_REPORT_MAX = 512;
export const DETECTIONS_PER_REPORT_MAX = 64;
export const ASSET_CHANGES_PER_REPORT_MAX = 64;
/** Facts of one change; further ones follow in the next report. */
export const FACTS_PER_CHANGE_MAX = 16;

export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'info';

/** Coverage of one interface in the interval: the sensor's own blindness. */
export interface InterfaceCoverage {
  readonly interfaceName: string;
  readonly framesSeen: number;
  /** Lost by the kernel because the ring was full. */
  readonly framesDropped: number;
  readonly framesTruncated: number;
  readonly bytesSeen: number;
  readonly linkUp: boolean;
  /** Milliseconds of the interval during which frames could have been seen. */
  readonly coveredMs: number;
  readonly intervalMs: number;
}

/** Of a tapped serial line also what became no frame; summaries don't carry that yet. */
export interface SourceCoverage extends InterfaceCoverage {
  /** Copies of other frames, which were left out: a doubled mirror, PRP, HSR. Absent: none. */
  readonly framesDuplicate?: number;
  /** Bytes that belonged to no frame. */
  readonly bytesNotFramed?: number;
  /** Bytes that the driver lost, as far as it counts them. */
  readonly bytesMissed?: number;
}

export interface FunctionCodeCount {
  readonly functionCode: number;
  readonly requests: number;
  readonly responses: number;
  readonly exceptions: number;
}

export interface ServiceCount {
  readonly service: string;
  readonly count: number;
}

/** All traffic of one (client, server, protocol, unitId) in the interval. */
export interface ConversationCounts {
  readonly protocol: Protocol;
  readonly transport: string;
  readonly clientIpAddress: string;
  readonly serverIpAddress: string;
  readonly serverPort: number;
  readonly unitId?: number;
  readonly requests: number;
  readonly responses: number;
  readonly exceptions: number;
  readonly unmatchedRequests: number;
  readonly writes: number;
  readonly anomalies: number;
  /** Upper bounds of the histogram bins that hold the percentile; absent without a matched pair. */
  readonly rttUs?: { readonly p50: number; readonly p95: number; readonly max: number };
  readonly functionCodes?: readonly FunctionCodeCount[];
  readonly services?: readonly ServiceCount[];
  readonly bytesMissed: number;
  readonly firstSeenUs: number;
  readonly lastSeenUs: number;
  readonly roleConfidence: number;
}

export type ObservationKind =
  | 'write'
  | 'call'
  | 'exception'
  | 'newAsset'
  | 'newClient'
  | 'newFunctionCode'
  | 'newService'
  | 'newNode'
  | 'login'
  | 'loginFailed'
  | 'gap'
  | 'malformed'
  | 'interfaceState'
  | 'clockStepped'
  /** What the sensor can't see, when it begins and when it ends (`details.state`). */
  | 'mirrorOneSided'
  | 'mirrorDoubled'
  | 'framesDropped'
  | 'noTraffic'
  | 'coverageLost'
  | 'onlyEncrypted'
  /** What our own `fieldtap probe` sent, at somebody's explicit word. */
  | 'probe';

/** A rare fact, kept one by one (FIELDS.md section 4). Text from the wire is not yet escaped. */
export interface Observation {
  readonly kind: ObservationKind;
  readonly timeUs: number;
  readonly protocol?: Protocol;
  readonly clientIpAddress?: string;
  readonly serverIpAddress?: string;
  readonly serverPort?: number;
  readonly unitId?: number;
  readonly functionCode?: number;
  readonly service?: string;
  readonly address?: number;
  readonly quantity?: number;
  readonly nodeId?: string;
  /** What else belongs to this kind; never a secret (FIELDS.md 2.8). */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

export interface DetectionEvidence {
  /** Record ids of the transactions that show it. */
  readonly records: readonly string[];
  /** SHA-256 over the masked frames, in order. */
  readonly framesSha256?: string;
  /** The masked frames themselves, at most 64 KiB together; absent once they left the ring. */
  readonly frames?: readonly Uint8Array[];
  /** Secrets in the frames were overwritten with 0x2A before hashing. */
  readonly evidenceMasked?: boolean;
  /** The frame history no longer had all of it. */
  readonly evidenceTruncated?: boolean;
}

export interface Detection {
  /** 16 hex digits over (code, client, server, unitId, first time): one case, one id. */
  readonly detectionId: string;
  /** Never changes: `OPCUA_PASSWORD_CLEAR_TEXT`. */
  readonly code: string;
  readonly severity: Severity;
  readonly title: string;
  /** ATT&CK for ICS ids: "consistent with", never "is". */
  readonly techniques: readonly string[];
  readonly firstSeenUs: number;
  readonly lastSeenUs: number;
  readonly occurrencesCount: number;
  readonly client?: string;
  readonly server?: string;
  readonly unitId?: number;
  readonly evidence: DetectionEvidence;
  /** What was seen, in one or two sentences. */
  readonly explanation: string;
  /** What to do next. */
  readonly remedy: string;
}

export interface DetectionChange {
  /** `raised`: new case. `repeated`: the same case again; one alert per case and hour. */
  readonly change: 'raised' | 'repeated';
  readonly detection: Detection;
}

/** A device that is new, or that told something new. Text from the wire is not yet escaped. */
export interface AssetChange {
  readonly change: 'new' | 'changed';
  readonly assetId: string;
  /** IP address; of a unit, its gateway's. */
  readonly address: string;
  readonly macAddress?: string;
  readonly unitId?: number;
  /** `client`, `server`; none for a device that is known by ARP alone. */
  readonly roles: readonly string[];
  /** Only what is new. */
  readonly facts: readonly {
    readonly name: string;
    readonly value: string | number;
    readonly source: string;
    readonly confidence: number;
  }[];
  readonly lastSeenUs: number;
}

/** A piece of what is known, to be kept on disk under its kind and key; the newest one counts. */
export interface StateRow {
  readonly kind: 'asset' | 'macAddress' | 'conversation' | 'registers' | 'node';
  readonly key: string;
  /** Of the form of `body`; another version is not read back. */
  readonly version: number;
  /** JSON. */
  readonly body: string;
}

export interface TableUse {
  readonly table: string;
  readonly used: number;
  readonly max: number;
  readonly evicted: number;
  readonly refused: number;
}

export interface TrafficCounts {
  readonly frames: number;
  readonly bytes: number;
  readonly bytesMissed: number;
  readonly gaps: number;
  readonly modbusRequests: number;
  readonly modbusResponses: number;
  readonly modbusExceptions: number;
  readonly modbusTransactions: number;
  readonly modbusMalformed: number;
  readonly opcuaTransportMessages: number;
  readonly opcuaTransactions: number;
  readonly opcuaMalformed: number;
  readonly opcuaEncryptedMessages: number;
}

/** All counts at zero. */
export const NO_TRAFFIC: TrafficCounts = {
  frames: 0,
  bytes: 0,
  bytesMissed: 0,
  gaps: 0,
  modbusRequests: 0,
  modbusResponses: 0,
  modbusExceptions: 0,
  modbusTransactions: 0,
  modbusMalformed: 0,
  opcuaTransportMessages: 0,
  opcuaTransactions: 0,
  opcuaMalformed: 0,
  opcuaEncryptedMessages: 0,
};

/** Counts are those of the interval, not since start. */
export interface IntervalReport {
  /** Rises by one each report of this process. */
  readonly reportNumber: number;
  /** Capture time, UTC microseconds. */
  readonly fromUs: number;
  readonly toUs: number;
  readonly coverage: readonly SourceCoverage[];
  readonly traffic: TrafficCounts;
  /** Busiest first. */
  readonly conversations: readonly ConversationCounts[];
  readonly conversationsFolded: number;
  readonly observations: readonly Observation[];
  /** Facts that were counted but not kept: over the limit, or no credit to send them. */
  readonly observationsFolded: number;
  readonly detections: readonly DetectionChange[];
  readonly tables: readonly TableUse[];
  /** At most ASSET_CHANGES_PER_REPORT_MAX, new devices first; further ones follow. */
  readonly assetChanges?: readonly AssetChange[];
  /** What changed in the state that outlives a restart, where it is due. */
  readonly state?: readonly StateRow[];
}
