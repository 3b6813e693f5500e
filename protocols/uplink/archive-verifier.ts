/**
 * Checks an archive without a network: every signature, every chain, every receipt; and names every
 * hole, fork and tombstone. It believes no key of the archive by its word: a first key proves itself
 * by the id that is made from it, a later one by the rotation that the one before it has signed.
 */
import { inflateRawSync } from 'node:zlib';
import { hexOfBytes } from './address.ts';
import { AGENT_ID_BYTES, agentIdFromBytes, agentIdOf } from './agent-id.ts';
import type { ArchiveItem, ArchiveKey } from './archive.ts';
import { decodeLenient } from './cbor.ts';
import { INFLATED_BYTES_MAX, messageSha256 } from './cose.ts';
import { readEnvelope } from './envelope.ts';
import type { AgentMessage, Receipt, Stream, Tombstone } from './messages.ts';
import { openAdvisory, openAgentMessage, openReceipt } from './open.ts';
import { type KeyId, type VerificationKey, verificationKey } from './signature.ts';

/** Messages held against each other; of more, only signatures are checked (`unchained` counts). */
export const VERIFIED_MESSAGES_MAX = 2_000_000;
/** Findings that are told one by one; all are counted. */
export const FINDINGS_TOLD_MAX = 10_000;
const KEYS_MAX = 100_000;
/** Keys of a receipt and of an advisory (receipt.ts, advisory.ts). */
const KEY_AGENT_ID = 2;
const KEY_SECTOR = 4;
/** Of a hash: enough to tell two messages apart, for a quarter of the memory. */
const HASH_BYTES_KEPT = 16;

// biome-ignore format: one kind a line
export type ArchiveFindingKind =
  | 'hole'            // messages that no tombstone explains
  | 'tombstone'       // messages that the agent had to drop, by its signed word
  | 'fork'            // two messages under one sequence, or a chain that contradicts itself
  | 'refused'         // a signature, an encoding or a rule
  | 'unprovenKey'     // a key that neither its id nor a rotation proves; given keys do
  | 'receiptDiffers'  // a receipt speaks of another message than the one here
  | 'damaged'         // bytes that are no record
  | 'cut'; // the file ends within a record

export interface ArchiveFinding {
  readonly kind: ArchiveFindingKind;
  readonly agentId?: string;
  readonly epoch?: number;
  readonly stream?: Stream;
  readonly from?: number;
  readonly to?: number;
  /** Where in the file. */
  readonly offset?: number;
  readonly detail: string;
}

export interface StreamAccount {
  readonly agentId: string;
  readonly epoch: number;
  readonly stream: Stream;
  readonly messages: number;
  readonly from: number;
  readonly to: number;
  /** Highest sequence that a receipt here calls stored; 0 when none does. */
  readonly receiptedUpTo: number;
}

export interface ArchiveReport {
  readonly messages: number;
  readonly duplicates: number;
  readonly receipts: number;
  readonly advisories: number;
  readonly unchained: number;
  readonly streams: readonly StreamAccount[];
  readonly findings: readonly ArchiveFinding[];
  readonly findingsCount: Readonly<Record<ArchiveFindingKind, number>>;
  /** Nothing but tombstones was found. */
  readonly isSound: boolean;
}

interface Link {
  readonly sha256: string;
  readonly previous: string;
}

interface StreamState {
  readonly agentId: string;
  readonly epoch: number;
  readonly stream: Stream;
  readonly links: Map<number, Link>;
  readonly tombstones: Pick<Tombstone, 'from' | 'to' | 'lastSha256' | 'messages'>[];
  receiptedUpTo: number;
}

export class ArchiveVerifier {
  readonly #keys = new Map<string, VerificationKey>();
  readonly #streams = new Map<string, StreamState>();
  readonly #findings: ArchiveFinding[] = [];
  readonly #count: Record<ArchiveFindingKind, number> = {
    hole: 0,
    tombstone: 0,
    fork: 0,
    refused: 0,
    unprovenKey: 0,
    receiptDiffers: 0,
    damaged: 0,
    cut: 0,
  };
  readonly #receipts: { readonly receipt: Receipt; readonly offset: number }[] = [];
  #messages = 0;
  #duplicates = 0;
  #advisories = 0;
  #unchained = 0;
  #linksCount = 0;

  /** `trusted`: keys known from elsewhere, such as a hub's list of agents. */
  constructor(trusted: readonly ArchiveKey[] = []) {
    for (const key of trusted) this.#addKey(key);
  }

  /** In the order of the file. Never throws. */
  take(item: ArchiveItem): void {
    switch (item.kind) {
      case 'begins':
        return;
      case 'key':
        this.#takeKey(item.key);
        return;
      case 'message':
        this.#takeMessage(item.bytes, item.offset);
        return;
      case 'receipt':
        this.#takeReceipt(item.bytes, item.offset);
        return;
      case 'advisory':
        this.#takeAdvisory(item.bytes, item.offset);
        return;
      case 'damaged':
        this.#find({
          kind: item.reason === 'cut' ? 'cut' : 'damaged',
          offset: item.offset,
          detail: `${item.bytes} bytes`,
        });
        return;
      default:
        item satisfies never;
    }
  }

  /** To be called once, behind the last record. */
  report(): ArchiveReport {
    for (const state of this.#streams.values()) this.#judgeStream(state);
    for (const { receipt, offset } of this.#receipts) this.#judgeReceipt(receipt, offset);
    const streams = [...this.#streams.values()]
      .filter(({ links }) => links.size > 0)
      .map(({ agentId, epoch, stream, links, receiptedUpTo }) => {
        const sequences = [...links.keys()];
        const from = sequences.reduce((lowest, one) => Math.min(lowest, one));
        const to = sequences.reduce((highest, one) => Math.max(highest, one));
        return { agentId, epoch, stream, messages: links.size, from, to, receiptedUpTo };
      });
    const { tombstone: _, ...bad } = this.#count;
    return {
      messages: this.#messages,
      duplicates: this.#duplicates,
      receipts: this.#receipts.length,
      advisories: this.#advisories,
      unchained: this.#unchained,
      streams,
      findings: this.#findings,
      findingsCount: this.#count,
      isSound: Object.values(bad).every((count) => count === 0),
    };
  }

  #takeKey(key: ArchiveKey): void {
    const { signerId, keyNumber, algorithm, publicKeyHex } = key;
    if (this.#keys.has(`${signerId}/${keyNumber}`)) return;
    const raw = Uint8Array.from(Buffer.from(publicKeyHex, 'hex'));
    if (keyNumber === 1 && algorithm === 'Ed25519' && agentIdOf(raw) === signerId) {
      this.#addKey(key);
      return;
    }
    // A rotated key is proved by its rotation, which comes later in the file; an advisory key by
    // nothing in it, so that what it signs is told as unproven.
  }

  #addKey({ signerId, keyNumber, algorithm, publicKeyHex }: ArchiveKey): void {
    if (this.#keys.size >= KEYS_MAX) return;
    const key = verificationKey(algorithm, Uint8Array.from(Buffer.from(publicKeyHex, 'hex')));
    if (key !== undefined) this.#keys.set(`${signerId}/${keyNumber}`, key);
  }

  readonly #keyOf = ({ signerId, keyNumber }: KeyId): VerificationKey | undefined =>
    this.#keys.get(`${signerId}/${keyNumber}`);

  #takeMessage(bytes: Uint8Array, offset: number): void {
    this.#messages += 1;
    const opened = openAgentMessage(bytes, this.#keyOf);
    if (opened.kind === 'refused') {
      const { layer, reason, detail, place } = opened;
      const text = `${layer} ${reason}: ${detail}`;
      const kind = reason === 'keyUnknown' ? 'unprovenKey' : 'refused';
      const { sequence, ...where } = place ?? {};
      const range = sequence === undefined ? {} : { from: sequence, to: sequence };
      this.#find({ kind, ...where, ...range, offset, detail: text });
      return;
    }
    const { message } = opened;
    if (message.kind === 'keyRotation') this.#rotate(message);
    const state = this.#stateOf(message.agentId, message.epoch, message.stream);
    if (message.kind === 'tombstone') {
      this.#stateOf(message.agentId, message.epochOf, message.stream).tombstones.push(message);
    }
    this.#chain(state, message, kept(messageSha256(bytes)), offset);
  }

  #rotate(message: Extract<AgentMessage, { kind: 'keyRotation' }>): void {
    this.#addKey({
      role: 'agent',
      signerId: message.agentId,
      keyNumber: message.newKeyNumber,
      algorithm: message.newAlgorithm,
      publicKeyHex: hexOfBytes(message.newPublicKey),
    });
  }

  #chain(state: StreamState, message: AgentMessage, sha256: string, offset: number): void {
    const { sequence } = message;
    const there = state.links.get(sequence);
    if (there !== undefined) {
      if (there.sha256 === sha256) this.#duplicates += 1;
      else this.#fork(state, sequence, 'another message has this sequence', offset);
      return;
    }
    if (this.#linksCount >= VERIFIED_MESSAGES_MAX) {
      this.#unchained += 1;
      return;
    }
    this.#linksCount += 1;
    state.links.set(sequence, { sha256, previous: kept(message.previousSha256) });
  }

  #takeReceipt(bytes: Uint8Array, offset: number): void {
    const opened = openReceipt(bytes, this.#keyOf, peek(bytes).agentId);
    if (opened.kind === 'opened') {
      this.#receipts.push({ receipt: opened.receipt, offset });
      return;
    }
    const { layer, reason, detail } = opened;
    this.#find({ kind: 'refused', offset, detail: `receipt, ${layer} ${reason}: ${detail}` });
  }

  #takeAdvisory(bytes: Uint8Array, offset: number): void {
    this.#advisories += 1;
    const opened = openAdvisory(bytes, this.#keyOf, peek(bytes).sector);
    if (opened.kind !== 'refused') return;
    const { layer, reason, detail } = opened;
    const kind = reason === 'keyUnknown' ? 'unprovenKey' : 'refused';
    this.#find({ kind, offset, detail: `advisory, ${layer} ${reason}: ${detail}` });
  }

  #judgeStream(state: StreamState): void {
    const { agentId, epoch, stream, links, tombstones } = state;
    const where = { agentId, epoch, stream };
    for (const { from, to, messages } of tombstones) {
      const detail = `${messages} dropped by the agent unreceipted, by its signed word`;
      this.#find({ kind: 'tombstone', ...where, from, to, detail });
    }
    let before = 0;
    for (const sequence of [...links.keys()].sort((a, b) => a - b)) {
      const link = links.get(sequence);
      const previous = links.get(sequence - 1);
      if (previous !== undefined && previous.sha256 !== link?.previous) {
        this.#fork(state, sequence, 'it names another predecessor than the one here');
      }
      this.#judgeHole(state, before + 1, sequence - 1, link?.previous ?? '');
      before = sequence;
    }
  }

  /** `previous`: what the message behind the hole names as the last one of it. */
  #judgeHole(state: StreamState, from: number, to: number, previous: string): void {
    if (to < from) return;
    const { agentId, epoch, stream, tombstones } = state;
    let at = from;
    while (at <= to) {
      const covering = tombstones.find((dropped) => dropped.from <= at && at <= dropped.to);
      if (covering === undefined) break;
      if (covering.to === to && kept(covering.lastSha256) !== previous) {
        this.#fork(state, to + 1, 'its predecessor is another one than its tombstone says');
      }
      at = covering.to + 1;
    }
    if (at > to) return;
    const detail = `${to - at + 1} messages are not in this archive`;
    this.#find({ kind: 'hole', agentId, epoch, stream, from: at, to, detail });
  }

  #judgeReceipt(receipt: Receipt, offset: number): void {
    const { agentId, epoch, stream, cumulative, cumulativeSha256, have } = receipt;
    const state = this.#stateOf(agentId, epoch, stream);
    const told = [{ from: 1, to: cumulative, lastSha256: cumulativeSha256 }, ...have];
    for (const { from, to, lastSha256 } of told) {
      if (to === 0) continue;
      state.receiptedUpTo = Math.max(state.receiptedUpTo, to);
      const link = state.links.get(to);
      if (link === undefined || link.sha256 === kept(lastSha256)) continue;
      const detail = 'the receipt has another hash for this message';
      this.#find({ kind: 'receiptDiffers', agentId, epoch, stream, from, to, offset, detail });
    }
  }

  #fork(
    { agentId, epoch, stream }: StreamState,
    at: number,
    detail: string,
    offset?: number,
  ): void {
    const place = { agentId, epoch, stream, from: at, to: at };
    this.#find({ kind: 'fork', ...place, ...(offset !== undefined && { offset }), detail });
  }

  #find(finding: ArchiveFinding): void {
    this.#count[finding.kind] += 1;
    if (this.#findings.length < FINDINGS_TOLD_MAX) this.#findings.push(finding);
  }

  #stateOf(agentId: string, epoch: number, stream: Stream): StreamState {
    const name = `${agentId}/${epoch}/${stream}`;
    const there = this.#streams.get(name);
    if (there !== undefined) return there;
    const links = new Map<number, Link>();
    const made = { agentId, epoch, stream, links, tombstones: [], receiptedUpTo: 0 };
    this.#streams.set(name, made);
    return made;
  }
}

/** Whom unverified bytes speak to: the topic to verify them with, as their topic isn't kept. */
function peek(bytes: Uint8Array): { readonly agentId: string; readonly sector: string } {
  const envelope = readEnvelope(bytes);
  const payload = envelope && inflateLenient(envelope.payload);
  const wire = payload && decodeLenient(payload);
  const fields: ReadonlyMap<unknown, unknown> = wire instanceof Map ? wire : new Map();
  const id = fields.get(KEY_AGENT_ID);
  const sector = fields.get(KEY_SECTOR);
  const isId = id instanceof Uint8Array && id.byteLength === AGENT_ID_BYTES;
  return {
    agentId: isId ? agentIdFromBytes(id) : '',
    sector: typeof sector === 'string' ? sector : '',
  };
}

function inflateLenient(deflated: Uint8Array): Uint8Array | undefined {
  try {
    return inflateRawSync(deflated, { maxOutputLength: INFLATED_BYTES_MAX });
  } catch {
    return undefined;
  }
}

function kept(sha256: Uint8Array): string {
  return Buffer.from(sha256.buffer, sha256.byteOffset, HASH_BYTES_KEPT).toString('base64');
}
