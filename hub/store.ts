/**
 * What the hub keeps, as an interface: SQLite for one box, PostgreSQL for many. One commit is one
 * transaction over message keys, bodies, findings and receipt serials; receipts leave after it.
 */
import type { Receipt, Stream } from '../protocols/uplink/messages.ts';

/** Identity of a message; with the hash, the row of `message_key`. */
export interface MessageKey {
  readonly agentId: string;
  readonly epoch: number;
  readonly stream: Stream;
  readonly sequence: number;
}

/** A key that an agent announced under its old one; it counts once its message is stored. */
export interface AnnouncedKey {
  readonly keyNumber: number;
  readonly algorithm: 'Ed25519' | 'ES256';
  /** Raw. */
  readonly publicKey: Uint8Array;
}

/** Sequences that will never come, by their agent's signed word. */
export interface DroppedRange {
  /** `tombstone`: dropped unreceipted; `hubLost`: receipted, deleted, and lost by the hub. */
  readonly reason: 'tombstone' | 'hubLost';
  readonly streamOf: Stream;
  readonly epochOf: number;
  readonly from: number;
  readonly to: number;
  readonly messages: number;
}

export interface VerifiedMessage extends MessageKey {
  readonly kind: 'verified';
  /** `epochBegins`, `summary`, `alert`. */
  readonly messageKind: string;
  readonly sha256: Uint8Array;
  readonly previousSha256: Uint8Array;
  readonly signedAtMs: number;
  /** The signed bytes as they came. */
  readonly bytes: Uint8Array;
  readonly newKey?: AnnouncedKey;
  readonly tombstone?: DroppedRange;
  /** PKCS #10, DER: its agent asks for a new client certificate. */
  readonly certificateRequest?: Uint8Array;
}

/** A message that its own agent signed, but that the hub will never take. */
export interface RefusedMessageEntry extends MessageKey {
  readonly kind: 'refused';
  readonly reason: string;
  readonly detail: string;
}

/** What wasn't accepted and can't be answered: no signature holds, or no sequence is known. */
export interface FindingEntry {
  readonly kind: 'finding';
  readonly reason: string;
  /** From the signed message or else from the topic; empty when neither tells. */
  readonly agentId: string;
  readonly detail: string;
}

/** An agent said that it is there: its receipts are wanted again. */
export interface BirthEntry {
  readonly kind: 'birth';
  readonly agentId: string;
}

export type BatchEntry = VerifiedMessage | RefusedMessageEntry | FindingEntry | BirthEntry;

export interface CommitResult {
  /** To sign and publish now; a receipt for each (agent, epoch, stream) that was touched. */
  readonly receipts: readonly Receipt[];
  readonly stored: number;
  readonly duplicates: number;
  readonly forked: number;
}

export interface HubStore {
  /** Random; stays as long as this database does, and is new after a restore. */
  readonly hubEpoch: number;
  /** Rejects when nothing of the batch was stored: agents will send it again. */
  commit(batch: readonly BatchEntry[], nowMs: number): Promise<CommitResult>;
  /** Batches committed in the life of this database; may run ahead, never behind. */
  commitsCount(): Promise<number>;
  /** So many of them may be gone again after a crash of the database. */
  readonly commitsUncertain: number;
  /** A new random hubEpoch after a restore, unless another worker has made it; `from`: the old. */
  beginHubEpoch(from: number): Promise<void>;
  /** Finds agents that fell silent; answers those that are newly so. */
  watchSilence(nowMs: number, silentAfterMs: number): Promise<readonly string[]>;
  close(): Promise<void>;
}
