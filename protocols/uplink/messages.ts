/**
 * The messages of the one protocol we speak ourselves, as values with text names. The bytes are
 * made by the codecs beside this file; docs/wire-format.md and its CDDL are the contract.
 */
import type {
  ConversationCounts,
  Severity,
  SourceCoverage,
  TableUse,
  TrafficCounts,
} from '../interval-report.ts';
import type { Algorithm } from './signature.ts';

/** Streams of an agent; each has its own sequence and chain. */
export const STREAM_ALERTS = 1;
export const STREAM_SUMMARIES = 2;
export const STREAM_EVIDENCE = 3;
export type Stream = typeof STREAM_ALERTS | typeof STREAM_SUMMARIES | typeof STREAM_EVIDENCE;

export type Sharing = 'minimal' | 'standard' | 'full';
/** `hub`: the gateway's clock is behind the hub's signed time, which is taken instead. */
export type ClockSource = 'ptp' | 'ntp' | 'rtc' | 'hub' | 'none';

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
  readonly coverage: readonly SourceCoverage[];
  readonly traffic: TrafficCounts;
  readonly conversations: readonly ConversationCounts[];
  readonly conversationsFolded: number;
  readonly observationsCount: number;
  readonly detections: readonly DetectionDigest[];
  readonly health: AgentHealth;
  /** 1-based part and number of parts, when it had to be split at `messageBytesMax`. */
  readonly part?: { readonly number: number; readonly of: number };
  /** Times without sight; absent when there were none. */
  readonly blind?: readonly BlindInterval[];
  readonly blindFolded?: number;
  /** Changes since the last summary with a receipt; absent when there were none. */
  readonly assetChanges?: readonly AssetChange[];
  readonly assetChangesFolded?: number;
}

/** From `fromUs` to `toUs` nothing could be seen, on one source or on all. */
export interface BlindInterval {
  /** Absent: all of them. */
  readonly interfaceName?: string;
  readonly fromUs: number;
  readonly toUs: number;
  readonly cause: 'linkDown' | 'workerRestart' | 'overload' | 'suspended' | 'bufferFault';
}

/** One asset that is new, has changed or is gone; facts in the words of the sharing level. */
export interface AssetChange {
  /** 16 hex digits, the same for one asset for ever. */
  readonly assetId: string;
  readonly change: 'new' | 'changed' | 'gone';
  readonly address?: string;
  readonly unitId?: number;
  readonly lastSeenUs: number;
  /** Names such as `vendor`, `product`, `revision`, `role`. */
  readonly facts: readonly { readonly fact: string; readonly value: string }[];
}

/**
 * A summary told as the difference from one that the hub has receipted, for expensive links.
 * `conversations` holds only those that the base doesn't have, or that can't be told by `known`.
 */
export interface SummaryDelta extends Omit<Summary, 'kind'> {
  readonly kind: 'summaryDelta';
  /** A whole `summary` without parts, of the same epoch and stream. */
  readonly baseSequence: number;
  readonly baseSha256: Uint8Array;
  readonly known: readonly KnownConversation[];
}

/** Differences from row `row` (from 0) of the base's conversations; lists stand in its order. */
export interface KnownConversation {
  readonly row: number;
  readonly requests: number;
  readonly responses: number;
  readonly exceptions: number;
  readonly unmatchedRequests: number;
  readonly writes: number;
  readonly anomalies: number;
  readonly rttUs?: { readonly p50: number; readonly p95: number; readonly max: number };
  readonly functionCodes?: readonly {
    readonly requests: number;
    readonly responses: number;
    readonly exceptions: number;
  }[];
  readonly services?: readonly number[];
  readonly bytesMissed: number;
  /** Times as they are, not as differences. */
  readonly firstSeenUs: number;
  readonly lastSeenUs: number;
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
  /** What the buffer had to give up since it was made: `observationsEvicted`, `evidenceEvicted`. */
  readonly losses?: readonly { readonly name: string; readonly count: number }[];
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

/** Messages without a receipt that had to make room; on the stream that they were on. */
export interface Tombstone extends MessageIdentity {
  readonly kind: 'tombstone';
  /** Epoch of the messages, which may be a former one. */
  readonly epochOf: number;
  readonly from: number;
  readonly to: number;
  /** SHA-256 of message `to`, so that the chain goes on over the hole. */
  readonly lastSha256: Uint8Array;
  /** How many of from..to were dropped; the others have a receipt. */
  readonly messages: number;
  readonly bytes: number;
  readonly reason: 'quota';
}

/** The signed word about a loss, on stream 1. What isn't known is absent. */
export interface Statement extends MessageIdentity {
  readonly kind: 'statement';
  /**
   * `bufferLost`: the disk lost what was on it. `hubLost`: the hub no longer has what it receipted.
   * `blind`: nothing was seen. `clockStepped`: the wall clock jumped from `fromUs` to `toUs`.
   */
  readonly code: 'bufferLost' | 'hubLost' | 'blind' | 'clockStepped';
  readonly fromUs?: number;
  readonly toUs?: number;
  readonly epochOf?: number;
  readonly streamOf?: Stream;
  readonly from?: number;
  readonly to?: number;
  readonly count?: number;
  readonly text: string;
}

/** What became of an advisory at this site, on stream 1. */
export interface AdvisoryAnswer extends MessageIdentity {
  readonly kind: 'advisoryAnswer';
  readonly advisoryId: string;
  readonly revision: number;
  readonly state: 'seen' | 'acknowledged';
  /** `notApplicable` also where the advisory has no indicators. */
  readonly applicability: 'seenHere' | 'notApplicable';
  /** Who acknowledged it. */
  readonly by?: string;
  readonly atMs: number;
}

/** A new key follows; signed by the old one, on stream 1. */
export interface KeyRotation extends MessageIdentity {
  readonly kind: 'keyRotation';
  /** Greater than the number of the key that signs. */
  readonly newKeyNumber: number;
  readonly newAlgorithm: Algorithm;
  /** Raw. */
  readonly newPublicKey: Uint8Array;
  /** By the new key, over its own facts (key-rotation.ts). */
  readonly newSignature: Uint8Array;
}

/** Frames of a detection that the hub asked for, on stream 3. */
export interface Evidence extends MessageIdentity {
  readonly kind: 'evidence';
  /** 16 hex digits of the request. */
  readonly requestId: string;
  readonly detectionId: string;
  readonly part: { readonly number: number; readonly of: number };
  /** Part of a pcap file with masked frames; empty where `absence` says why. */
  readonly pcap: Uint8Array;
  readonly absence?: 'gone' | 'notShared';
}

/** Asks for a new client certificate before the old one expires, on stream 1. */
export interface RenewalRequest extends MessageIdentity {
  readonly kind: 'renewalRequest';
  /** PKCS #10, DER; its CN is the agentId, and its key is new and has never left the gateway. */
  readonly certificateRequest: Uint8Array;
}

/** What an agent signs; all but the header is payload. */
export type AgentMessage =
  | EpochBegins
  | Summary
  | SummaryDelta
  | Alert
  | Tombstone
  | Statement
  | AdvisoryAnswer
  | KeyRotation
  | Evidence
  | RenewalRequest;

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

/** Sequences that the hub wants once more. */
export interface ResendRange {
  readonly epoch: number;
  readonly stream: Stream;
  readonly from: number;
  readonly to: number;
}

export interface EvidenceRequest {
  /** 16 hex digits, chosen by the hub. */
  readonly requestId: string;
  readonly detectionId: string;
}

/** What the hub asks for, signed by the receipt key, on `dn/c`. */
export interface HubRequest {
  readonly kind: 'request';
  readonly agentId: string;
  /** Rises with each request to this agent within a hubEpoch; a lower one is old. */
  readonly requestSerial: number;
  readonly hubEpoch: number;
  readonly hubTimeMs: number;
  readonly resend: readonly ResendRange[];
  readonly evidence: readonly EvidenceRequest[];
}

/** The hub's answer to a `renewalRequest`, signed by the receipt key, retained on `dn/k`. */
export interface RenewedCertificate {
  readonly kind: 'certificate';
  readonly agentId: string;
  readonly hubEpoch: number;
  readonly hubTimeMs: number;
  /** X.509, DER. */
  readonly certificate: Uint8Array;
}

/** A warning, signed by the advisory key, retained on `ft/v1/adv/{sector}`. */
export interface Advisory {
  readonly kind: 'advisory';
  /** Letters, digits, `.`, `_`, `-`. */
  readonly advisoryId: string;
  /** Rises with each change; a lower one than known is never believed. */
  readonly revision: number;
  /** `all`: every sector. */
  readonly sector: string;
  readonly issuedMs: number;
  readonly expiresMs: number;
  /** Traffic Light Protocol 2.0. */
  readonly tlp: 'clear' | 'green' | 'amber' | 'amberStrict' | 'red';
  readonly headline: string;
  readonly advice: string;
  readonly indicators?: AdvisoryIndicators;
}

/** What to look for; every list may be empty. */
export interface AdvisoryIndicators {
  readonly addresses: readonly string[];
  readonly functionCodes: readonly number[];
  readonly unitIds: readonly number[];
  readonly nodeIds: readonly string[];
}

/** What a hub signs. */
export type HubMessage = Receipt | HubRequest | Advisory | RenewedCertificate;
