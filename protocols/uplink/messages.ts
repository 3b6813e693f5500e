/**
 * The messages of the one protocol we speak ourselves, as values with text names. The bytes are
 * made by the codecs beside this file; docs/wire-format.md and its CDDL are the contract.
 */
import type {
  ConversationCounts,
  InterfaceCoverage,
  Severity,
  TableUse,
  TrafficCounts,
} from '../interval-report.ts';

/** Streams of an agent; each has its own sequence and chain. */
export const STREAM_ALERTS = 1;
export const STREAM_SUMMARIES = 2;
export const STREAM_EVIDENCE = 3;
export type Stream = typeof STREAM_ALERTS | typeof STREAM_SUMMARIES | typeof STREAM_EVIDENCE;

export type Sharing = 'minimal' | 'standard' | 'full';
export type ClockSource = 'ptp' | 'ntp' | 'rtc' | 'none';

/** Identity of a message: (agentId, epoch, stream, sequence) and the hash of its predecessor. */
export interface MessageIdentity {
  /** 26 characters of lower-case base32. */
  readonly agentId: string;
  /** One life of a buffer; random 48-bit number, greater than 0. */
  readonly epoch: number;
  readonly stream: Stream;
  /** 1, 2, 3 ... without a hole within (epoch, stream). */
  readonly sequence: number;
  /** SHA-256 of the whole signed predecessor; 32 zero bytes before sequence 1. */
  readonly previousSha256: Uint8Array;
  /** Wall clock when signed, UTC milliseconds; order is by sequence, never by this. */
  readonly signedAtMs: number;
  readonly clockSource: ClockSource;
  /** Greatest believed error of `signedAtMs`; absent when unknown. */
  readonly clockErrorMs?: number;
}

/** Sequence 1 of every stream of an epoch. */
export interface EpochBegins extends MessageIdentity {
  readonly kind: 'epochBegins';
  readonly reason: 'new' | 'quarantined' | 'restored' | 'factoryReset';
  readonly previousEpoch?: number;
  readonly lastSequence?: number;
  readonly lastSha256?: Uint8Array;
}

/** Signed, periodic account of a site. Addresses are pseudonyms at sharing `minimal`. */
export interface Summary extends MessageIdentity {
  readonly kind: 'summary';
  readonly siteName?: string;
  readonly sector?: string;
  readonly sharing: Sharing;
  readonly programVersion: string;
  readonly fromUs: number;
  readonly toUs: number;
  readonly coverage: readonly InterfaceCoverage[];
  readonly traffic: TrafficCounts;
  readonly conversations: readonly ConversationCounts[];
  readonly conversationsFolded: number;
  readonly observationsCount: number;
  readonly detections: readonly DetectionDigest[];
  readonly health: AgentHealth;
  /** 1-based part and number of parts, when it had to be split at `messageBytesMax`. */
  readonly part?: { readonly number: number; readonly of: number };
}

/** One line a case in a summary; the alert itself travels on stream 1. */
export interface DetectionDigest {
  readonly detectionId: string;
  readonly code: string;
  readonly severity: Severity;
  readonly occurrencesCount: number;
  readonly lastSeenUs: number;
}

export interface AgentHealth {
  readonly uptimeSeconds: number;
  readonly residentBytes: number;
  readonly outboxMessages: number;
  readonly outboxBytes: number;
  readonly databaseBytes: number;
  readonly bytesWrittenToday?: number;
  readonly observationsFolded: number;
  readonly tables: readonly TableUse[];
}

/** A detection shown to a person, at the site and at the hub. */
export interface Alert extends MessageIdentity {
  readonly kind: 'alert';
  readonly change: 'raised' | 'repeated' | 'acknowledged' | 'closed';
  readonly sharing: Sharing;
  readonly detectionId: string;
  readonly code: string;
  readonly severity: Severity;
  readonly title: string;
  readonly techniques: readonly string[];
  readonly firstSeenUs: number;
  readonly lastSeenUs: number;
  readonly occurrencesCount: number;
  readonly client?: string;
  readonly server?: string;
  readonly unitId?: number;
  readonly records: readonly string[];
  readonly framesSha256?: Uint8Array;
  readonly explanation: string;
  readonly remedy: string;
}

/** What an agent signs; all but the header is payload. */
export type AgentMessage = EpochBegins | Summary | Alert;

/** `from`..`to` are stored, and `lastSha256` is the hash of message `to`. */
export interface StoredRange {
  readonly from: number;
  readonly to: number;
  readonly lastSha256: Uint8Array;
}

export interface RefusedMessage {
  readonly sequence: number;
  /** Stable word: `signatureInvalid`, `payloadUndecodable`, `forked`, `tooLarge`, `revoked`... */
  readonly reason: string;
}

/** The hub's signed word that it has stored; the only thing that allows deletion. */
export interface Receipt {
  readonly kind: 'receipt';
  readonly agentId: string;
  readonly epoch: number;
  readonly stream: Stream;
  /** Every sequence up to here is stored; 0 when none is. */
  readonly cumulative: number;
  /** SHA-256 of message `cumulative`; 32 zero bytes for 0. */
  readonly cumulativeSha256: Uint8Array;
  readonly have: readonly StoredRange[];
  readonly refused: readonly RefusedMessage[];
  /** Rises with each receipt to this agent within a hubEpoch; the highest counts. */
  readonly receiptSerial: number;
  /** Random; a hub restored from a backup shows a new one. */
  readonly hubEpoch: number;
  readonly hubTimeMs: number;
}
