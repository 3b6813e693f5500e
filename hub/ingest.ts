/**
 * The way of a message through the hub: size cap, verify, topic equals signed agent, batch, one
 * transaction, and only then the receipt. What fails is named, counted and, when its own agent had
 * signed it, answered in the receipt.
 */
import type { Clock } from '../agent/platform/clock.ts';
import type { Log } from '../agent/platform/log.ts';
import { escapeTextShort } from '../agent/platform/wire-text.ts';
import type { Receipt } from '../protocols/uplink/messages.ts';
import { decodeStatus, STATUS_BIRTH } from '../protocols/uplink/status.ts';
import { parseTopic } from '../protocols/uplink/topics.ts';
import type { AgentRegistry } from './agent-registry.ts';
import { BirthLimit } from './birth-limit.ts';
import { type Delivered, type OpenedEntry, openDelivered } from './open-message.ts';
import type { BatchEntry, BirthEntry, HubStore, MessageKey } from './store.ts';
import type { TableUse } from './table-use.ts';

/** Messages of one transaction. */
export const BATCH_MESSAGES_MAX = 256;
/** How long the first message of a batch waits for others. */
const BATCH_DELAY_MS = 20;
/** Messages taken from the broker and not yet committed; then the link is told to wait. */
export const WAITING_MESSAGES_MAX = 4 * BATCH_MESSAGES_MAX;
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
  /** A stored message asks for a certificate; called after the commit, must not throw. */
  readonly renew?: (agentId: string, certificateRequest: Uint8Array) => void;
  /** Threads that verify (opening-pool.ts); without them this thread does. Must not reject. */
  readonly open?: (messages: readonly Delivered[]) => Promise<readonly OpenedEntry[]>;
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
  #waiting: (Delivered | BirthEntry)[] = [];
  #cancelTimer: (() => void) | undefined;
  #committing: Promise<void> | undefined;
  #whenRoom: (() => void)[] = [];
  readonly #births = new BirthLimit();
  readonly #revokedTold = new BirthLimit('revokedTold');
  #logWindowStartMs = 0;
  #logLines = 0;

  constructor(parts: IngestParts) {
    this.#parts = parts;
  }

  /** One delivered message; resolves when the next may come. Never throws on bytes. */
  async receive(topic: string, bytes: Uint8Array): Promise<void> {
    const entry = this.#taken(topic, bytes);
    if (entry !== undefined) this.#waiting.push(entry);
    if (this.#waiting.length >= BATCH_MESSAGES_MAX) void this.#commitWaiting();
    else if (entry !== undefined) this.#startTimer();
    if (this.#waiting.length < WAITING_MESSAGES_MAX) return;
    await new Promise<void>((resolve) => this.#whenRoom.push(resolve));
  }

  get tables(): readonly TableUse[] {
    const { length: used } = this.#waiting;
    const waiting = { table: 'messagesWaiting', used, max: WAITING_MESSAGES_MAX, evicted: 0 };
    return [waiting, this.#births.use, this.#revokedTold.use];
  }

  /** Brings the receipts of all these agents again, as their births would. */
  reissue(agentIds: readonly string[]): void {
    for (const agentId of agentIds) this.#waiting.push({ kind: 'birth', agentId });
    this.#startTimer();
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

  /** While one batch is being stored, the next one is being verified. */
  async #commitBatches(): Promise<void> {
    let next = this.#openWaiting();
    while (next !== undefined) {
      const batch = await next;
      next = this.#waiting.length >= BATCH_MESSAGES_MAX ? this.#openWaiting() : undefined;
      await this.#commit(batch);
      for (const resume of this.#whenRoom.splice(0)) resume();
      if (next === undefined && this.#waiting.length >= BATCH_MESSAGES_MAX) {
        next = this.#openWaiting();
      }
    }
  }

  /** Verifies the messages that wait longest; births keep their place among them. */
  #openWaiting(): Promise<readonly BatchEntry[]> | undefined {
    const taken = this.#waiting.splice(0, BATCH_MESSAGES_MAX);
    if (taken.length === 0) return undefined;
    const births = taken.filter((entry) => 'kind' in entry);
    const messages = taken.filter((entry) => 'bytes' in entry);
    const { registry, open } = this.#parts;
    const opening =
      open === undefined
        ? Promise.resolve(messages.map((message) => openDelivered(message, registry)))
        : open(messages);
    return opening.then((entries) => {
      for (const [at, entry] of entries.entries()) this.#countRefused(entry, messages[at].topic);
      return [...entries.map((entry) => this.#tellRevoked(entry)), ...births];
    });
  }

  /** A revoked key is told so once a second: it could fill tables with refusals otherwise. */
  #tellRevoked(entry: OpenedEntry): OpenedEntry {
    if (entry.kind !== 'refused' || entry.reason !== 'revoked') return entry;
    const { agentId, reason, detail } = entry;
    const isDue = this.#revokedTold.isDue(agentId, this.#parts.clock.monotonicMs());
    return isDue ? entry : { kind: 'finding', reason, agentId, detail };
  }

  async #commit(batch: readonly BatchEntry[]): Promise<void> {
    const { store, clock, log, publishReceipt } = this.#parts;
    try {
      const result = await store.commit(batch, clock.wallMs());
      this.counts.stored += result.stored;
      this.counts.duplicates += result.duplicates;
      this.counts.forked += result.forked;
      for (const entry of batch) {
        if (entry.kind !== 'verified') continue;
        const { agentId, newKey, certificateRequest } = entry;
        if (newKey !== undefined) this.#parts.registry.addKey(agentId, newKey);
        if (certificateRequest !== undefined) this.#parts.renew?.(agentId, certificateRequest);
      }
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

  #taken(topic: string, bytes: Uint8Array): Delivered | BirthEntry | undefined {
    const delivered = parseTopic(topic);
    if (delivered?.kind === 'status') return this.#birth(delivered.agentId, bytes);
    this.counts.received += 1;
    return { topic, bytes };
  }

  #countRefused(entry: OpenedEntry, topic = ''): void {
    if (entry.kind === 'verified') return;
    this.counts.refused += 1;
    const { reason, detail } = entry;
    const place = entry.kind === 'refused' ? placeOf(entry) : {};
    this.#logRefusal({ topic: escapeTextShort(topic, TOPIC_SHOWN_MAX), reason, detail, ...place });
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

  #birth(agentId: string, bytes: Uint8Array): BirthEntry | undefined {
    if (decodeStatus(bytes) !== STATUS_BIRTH) return undefined;
    if (!this.#parts.registry.isEnrolled(agentId)) return undefined;
    if (!this.#births.isDue(agentId, this.#parts.clock.monotonicMs())) return undefined;
    this.counts.births += 1;
    return { kind: 'birth', agentId };
  }
}

function placeOf({ agentId, epoch, stream, sequence }: MessageKey): MessageKey {
  return { agentId, epoch, stream, sequence };
}
