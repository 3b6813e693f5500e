/**
 * The way of a message through the hub: size cap, verify, topic equals signed agent, batch, one
 * transaction, and only then the receipt. What fails is named, counted and, when its own agent had
 * signed it, answered in the receipt.
 */
import type { Clock } from '../agent/platform/clock.ts';
import type { Log } from '../agent/platform/log.ts';
import { escapeTextShort } from '../agent/platform/wire-text.ts';
import type { Receipt } from '../protocols/uplink/messages.ts';
import { type OpenedAgentMessage, openAgentMessage } from '../protocols/uplink/open.ts';
import type { Refusal } from '../protocols/uplink/refusal.ts';
import type { KeyId, VerificationKey } from '../protocols/uplink/signature.ts';
import { decodeStatus, STATUS_BIRTH } from '../protocols/uplink/status.ts';
import { parseTopic } from '../protocols/uplink/topics.ts';
import type { AgentRegistry } from './agent-registry.ts';
import type { BatchEntry, HubStore } from './store.ts';

/** Messages of one transaction. */
export const BATCH_MESSAGES_MAX = 256;
/** How long the first message of a batch waits for others. */
const BATCH_DELAY_MS = 20;
/** Messages taken from the broker and not yet committed; then the link is told to wait. */
export const WAITING_MESSAGES_MAX = 4 * BATCH_MESSAGES_MAX;
/** A birth is unsigned: it brings an agent's receipts again at most so often. */
const BIRTH_INTERVAL_MS = 1000;
const BIRTHS_REMEMBERED_MAX = 10_000;
const TOPIC_SHOWN_MAX = 96;
const LOG_WINDOW_MS = 10_000;
const LOG_LINES_PER_WINDOW_MAX = 50;

/** Since start; every message that came is in exactly one of them, but for births. */
export interface IngestCounts {
  received: number;
  stored: number;
  duplicates: number;
  forked: number;
  refused: number;
  births: number;
  commitFailures: number;
}

export interface IngestParts {
  readonly store: HubStore;
  readonly registry: AgentRegistry;
  readonly clock: Clock;
  readonly log: Log;
  /** Called after the commit; must not throw. */
  readonly publishReceipt: (receipt: Receipt) => void;
}

export class Ingest {
  readonly counts: IngestCounts = {
    received: 0,
    stored: 0,
    duplicates: 0,
    forked: 0,
    refused: 0,
    births: 0,
    commitFailures: 0,
  };
  readonly #parts: IngestParts;
  #waiting: BatchEntry[] = [];
  #cancelTimer: (() => void) | undefined;
  #committing: Promise<void> | undefined;
  #whenRoom: (() => void)[] = [];
  readonly #births = new Map<string, number>();
  #logWindowStartMs = 0;
  #logLines = 0;

  constructor(parts: IngestParts) {
    this.#parts = parts;
  }

  /** One delivered message; resolves when the next may come. Never throws on bytes. */
  async receive(topic: string, bytes: Uint8Array): Promise<void> {
    const entry = this.#entryOf(topic, bytes);
    if (entry !== undefined) this.#waiting.push(entry);
    if (this.#waiting.length >= BATCH_MESSAGES_MAX) void this.#commitWaiting();
    else if (entry !== undefined) this.#startTimer();
    if (this.#waiting.length < WAITING_MESSAGES_MAX) return;
    await new Promise<void>((resolve) => this.#whenRoom.push(resolve));
  }

  /** Commits all that waits. */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#committing !== undefined) await this.#commitWaiting();
  }

  #startTimer(): void {
    this.#cancelTimer ??= this.#parts.clock.after(BATCH_DELAY_MS, () => void this.#commitWaiting());
  }

  /** One transaction at a time; what doesn't fill another one waits for more. */
  #commitWaiting(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#committing ??= this.#commitBatches().finally(() => {
      this.#committing = undefined;
      if (this.#waiting.length > 0) this.#startTimer();
    });
    return this.#committing;
  }

  async #commitBatches(): Promise<void> {
    do {
      const batch = this.#waiting.splice(0, BATCH_MESSAGES_MAX);
      await this.#commit(batch);
      for (const resume of this.#whenRoom.splice(0)) resume();
    } while (this.#waiting.length >= BATCH_MESSAGES_MAX);
  }

  async #commit(batch: readonly BatchEntry[]): Promise<void> {
    const { store, clock, log, publishReceipt } = this.#parts;
    try {
      const result = await store.commit(batch, clock.wallMs());
      this.counts.stored += result.stored;
      this.counts.duplicates += result.duplicates;
      this.counts.forked += result.forked;
      for (const receipt of result.receipts) publishReceipt(receipt);
      if (result.forked > 0) log.warn({ forked: result.forked }, 'HUB_MESSAGES_FORKED');
    } catch (cause) {
      this.counts.commitFailures += 1;
      log.error(
        { messages: batch.length, cause: cause instanceof Error ? cause.message : String(cause) },
        'HUB_COMMIT_FAILED: nothing of this batch is stored; its agents will send it again',
      );
    }
  }

  #entryOf(topic: string, bytes: Uint8Array): BatchEntry | undefined {
    const delivered = parseTopic(topic);
    if (delivered?.kind === 'status') return this.#birth(delivered.agentId, bytes);
    this.counts.received += 1;
    const agentOfTopic = delivered?.kind === 'stream' ? delivered.agentId : '';
    let isRevoked = false;
    const keyOf = (keyId: KeyId): VerificationKey | undefined => {
      const found = this.#parts.registry.lookup(keyId);
      isRevoked = found.kind === 'revoked';
      return found.kind === 'known' ? found.key : undefined;
    };
    const opened = openAgentMessage(bytes, keyOf, topic);
    if (opened.kind === 'opened') return verified(opened, bytes);
    return this.#refused(opened, isRevoked, topic, agentOfTopic);
  }

  #refused(
    refusal: Refusal,
    isRevoked: boolean,
    topic: string,
    agentId: string,
  ): BatchEntry | undefined {
    this.counts.refused += 1;
    const { layer, place } = refusal;
    const reason = isRevoked ? 'revoked' : refusal.reason;
    const detail = `${layer}: ${refusal.detail}`;
    this.#logRefusal({ topic: escapeTextShort(topic, TOPIC_SHOWN_MAX), reason, detail, ...place });
    if (place === undefined) return { kind: 'finding', reason, agentId, detail };
    return { kind: 'refused', ...place, reason, detail };
  }

  /** A flood of forgeries must not fill the disk with lines; the counts tell the rest. */
  #logRefusal(fields: Readonly<Record<string, unknown>>): void {
    const nowMs = this.#parts.clock.monotonicMs();
    if (nowMs - this.#logWindowStartMs >= LOG_WINDOW_MS) {
      this.#logWindowStartMs = nowMs;
      this.#logLines = 0;
    }
    this.#logLines += 1;
    if (this.#logLines > LOG_LINES_PER_WINDOW_MAX) return;
    const refusedSoFar = this.counts.refused;
    this.#parts.log.warn({ ...fields, refusedSoFar }, 'HUB_MESSAGE_REFUSED');
  }

  #birth(agentId: string, bytes: Uint8Array): BatchEntry | undefined {
    if (decodeStatus(bytes) !== STATUS_BIRTH) return undefined;
    if (!this.#parts.registry.isEnrolled(agentId)) return undefined;
    const nowMs = this.#parts.clock.monotonicMs();
    const lastMs = this.#births.get(agentId);
    if (lastMs !== undefined && nowMs - lastMs < BIRTH_INTERVAL_MS) return undefined;
    if (this.#births.size >= BIRTHS_REMEMBERED_MAX) this.#births.clear();
    this.#births.set(agentId, nowMs);
    this.counts.births += 1;
    return { kind: 'birth', agentId };
  }
}

function verified(opened: OpenedAgentMessage, bytes: Uint8Array): BatchEntry {
  const { message, sha256 } = opened;
  return {
    kind: 'verified',
    agentId: message.agentId,
    epoch: message.epoch,
    stream: message.stream,
    sequence: message.sequence,
    messageKind: message.kind,
    sha256,
    previousSha256: message.previousSha256,
    signedAtMs: message.signedAtMs,
    bytes,
  };
}
