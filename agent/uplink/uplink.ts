/**
 * The agent's voice: folds reports into signed summaries, signs an alert for each new case, keeps
 * the link up with backoff, and deletes only what the hub's signed receipts name. The outbox on the
 * disk is the truth; this class may be killed at any moment.
 */
import type { AppendResult, SiteBuffer } from '../../buffer/site-buffer.ts';
import type { Digest } from '../../protocols/decoded.ts';
import type { IntervalReport } from '../../protocols/interval-report.ts';
import {
  type AgentHealth,
  type ClockSource,
  type Sharing,
  STREAM_ALERTS,
  STREAM_SUMMARIES,
} from '../../protocols/uplink/messages.ts';
import { type KeyLookup, openReceipt } from '../../protocols/uplink/open.ts';
import type { Signer } from '../../protocols/uplink/signature.ts';
import { streamTopic } from '../../protocols/uplink/topics.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import type { OperatorFault } from '../platform/operator-fault.ts';
import type { Random } from '../platform/random.ts';
import type { UplinkLink } from './link.ts';
import { LinkKeeper } from './link-keeper.ts';
import { MessageSealer } from './message-sealer.ts';
import { DEFAULT_WINDOW, Publisher, type WindowSettings } from './publisher.ts';
import { forkFault, refusedFault, rejectedFault } from './receipt-faults.ts';
import { SharingPolicy } from './sharing.ts';
import { type SummaryContext, SummaryFold } from './summarize.ts';

export const SUMMARY_INTERVAL_MS_MIN = 1000;
const ALERTS_PER_PASS = 64;
/** Looks for messages whose receipt is overdue. */
const TICK_MS = 1000;
/** Of the two seconds that a stop may take: waiting for receipts, then for the broker. */
const DRAIN_MS = 1000;
const CLOSE_MS = 500;

export interface UplinkSettings {
  readonly broker: string;
  readonly siteName: string;
  readonly sector?: string;
  readonly sharing: Sharing;
  readonly programVersion: string;
  /** At least SUMMARY_INTERVAL_MS_MIN. */
  readonly summaryIntervalMs: number;
  /** How far the wall clock can be trusted; `none` where nobody has looked. */
  readonly clockSource?: ClockSource;
  readonly window?: WindowSettings;
}

export interface UplinkOptions {
  readonly buffer: SiteBuffer;
  readonly signer: Signer;
  /** Knows the hub's receipt keys. */
  readonly receiptKeys: KeyLookup;
  readonly settings: UplinkSettings;
  readonly link: UplinkLink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Makes the pseudonyms of sharing `minimal`. */
  readonly digest: Digest;
  /** Memory of the whole process, in bytes. */
  readonly residentBytes?: () => number;
}

/** Since start, unless said otherwise. */
export interface UplinkState {
  readonly broker: string;
  readonly isConnected: boolean;
  readonly outboxMessages: number;
  readonly outboxBytes: number;
  readonly oldestAgeSeconds?: number;
  readonly summariesSigned: number;
  readonly alertsSigned: number;
  readonly messagesResent: number;
  readonly receiptsApplied: number;
  readonly receiptsRejected: number;
  /** In the buffer, whenever they were refused. */
  readonly refusedMessages: number;
  /** Connections after the first. */
  readonly reconnects: number;
  /** Since the last receipt was applied, by this process or one before. */
  readonly receiptAgeSeconds?: number;
  readonly fault?: OperatorFault;
}

export class Uplink {
  readonly #options: UplinkOptions;
  readonly #sealer: MessageSealer;
  readonly #publisher: Publisher;
  readonly #keeper: LinkKeeper;
  readonly #fold = new SummaryFold();
  readonly #startedAtMs: number;
  #cancelSummary: () => void = () => {};
  #cancelTick: () => void = () => {};
  #onDrained: (() => void) | undefined;
  #isStopped = false;
  /** More alerts are due than one pass signs, or the disk refused one. */
  #areAlertsWaiting = false;
  #summariesSigned = 0;
  #alertsSigned = 0;
  #receiptsApplied = 0;
  #receiptsRejected = 0;
  /** Of the hub or the broker about messages; a link fault is the keeper's. */
  #messageFault: OperatorFault | undefined;

  constructor(options: UplinkOptions) {
    const { buffer, signer, settings, clock, random, log, link, digest } = options;
    this.#options = options;
    this.#startedAtMs = clock.monotonicMs();
    const policy = new SharingPolicy(settings.sharing, digest);
    this.#sealer = new MessageSealer(signer, policy, clock, settings.clockSource ?? 'none');
    this.#publisher = new Publisher({
      buffer,
      clock,
      window: settings.window ?? DEFAULT_WINDOW,
      topicOf: (stream) => streamTopic(signer.signerId, stream),
      onRefused: (fault) => this.#showFault(fault),
    });
    this.#keeper = new LinkKeeper({
      link,
      clock,
      random,
      log,
      onUp: ({ receiveMaximum }) => this.#publisher.linkUp(link, receiveMaximum),
      onDown: () => this.#publisher.linkDown(),
      onMessage: (topic, bytes) => this.#receive(topic, bytes),
    });
  }

  /** Begins the epoch's streams where they are new, connects, and signs summaries from now on. */
  start(): void {
    const { buffer, settings } = this.#options;
    if (settings.summaryIntervalMs < SUMMARY_INTERVAL_MS_MIN) {
      throw new RangeError(`summaryIntervalMs ${settings.summaryIntervalMs} is too short`);
    }
    const begun = buffer.signAs(this.#sealer);
    if (begun.kind === 'fault') this.#logFault(begun.fault);
    this.#signAlerts();
    this.#scheduleSummary();
    this.#scheduleTick();
    this.#keeper.start();
  }

  /** Call after `buffer.recordReport(report)`, which has noted the alerts that are due. */
  report(report: IntervalReport): void {
    this.#fold.add(report);
    this.#signAlerts();
    this.#publisher.fill();
  }

  /**
   * Signs a last summary of what has been reported, waits up to a second for receipts while the
   * link is up, and closes the link. Ends within two seconds; what is left is in the outbox.
   */
  async stop(signal?: AbortSignal): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#cancelSummary();
    this.#signAlerts();
    this.#signSummary();
    this.#publisher.fill();
    await this.#drained(signal);
    this.#cancelTick();
    await this.#keeper.stop(CLOSE_MS);
  }

  status(): UplinkState {
    const { buffer, clock, settings } = this.#options;
    const statistics = buffer.statistics();
    const nowMs = clock.wallMs();
    const ageSeconds = (sinceMs: number): number => Math.max(0, nowMs - sinceMs) / 1000;
    const fault = this.#keeper.fault ?? this.#messageFault ?? buffer.fault;
    return {
      broker: settings.broker,
      isConnected: this.#keeper.isUp,
      outboxMessages: statistics?.outboxMessages ?? 0,
      outboxBytes: statistics?.outboxBytes ?? 0,
      ...(statistics?.oldestPendingMs !== undefined && {
        oldestAgeSeconds: ageSeconds(statistics.oldestPendingMs),
      }),
      summariesSigned: this.#summariesSigned,
      alertsSigned: this.#alertsSigned,
      messagesResent: this.#publisher.resent,
      receiptsApplied: this.#receiptsApplied,
      receiptsRejected: this.#receiptsRejected,
      refusedMessages: statistics?.refusedMessages ?? 0,
      reconnects: this.#keeper.reconnects,
      ...(statistics?.lastReceipt !== undefined && {
        receiptAgeSeconds: ageSeconds(statistics.lastReceipt.appliedMs),
      }),
      ...(fault !== undefined && { fault }),
    };
  }

  #scheduleSummary(): void {
    const { clock, settings } = this.#options;
    this.#cancelSummary = clock.after(settings.summaryIntervalMs, () => {
      this.#scheduleSummary();
      this.#signSummary();
      this.#publisher.fill();
    });
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#options.clock.after(TICK_MS, () => {
      this.#scheduleTick();
      if (this.#areAlertsWaiting) {
        this.#signAlerts();
        this.#publisher.fill();
      }
      this.#publisher.tick();
    });
  }

  /** A summary that can't be signed now stays in the fold, and the next one covers it too. */
  #signSummary(): void {
    if (this.#fold.isEmpty) return;
    const { buffer } = this.#options;
    const context = this.#summaryContext();
    const result = buffer.append(STREAM_SUMMARIES, (position) =>
      this.#sealer.summary(position, this.#fold, context),
    );
    if (result.kind === 'appended') {
      this.#fold.clear();
      this.#summariesSigned++;
    } else this.#logFault(result.fault);
  }

  #signAlerts(): void {
    const { buffer } = this.#options;
    const dueNow = buffer.alertsDue(ALERTS_PER_PASS);
    this.#areAlertsWaiting = dueNow.length === ALERTS_PER_PASS;
    for (const due of dueNow) {
      const result: AppendResult = buffer.append(
        STREAM_ALERTS,
        (position) => this.#sealer.alert(position, due),
        due,
      );
      if (result.kind === 'fault') {
        this.#areAlertsWaiting = true;
        this.#logFault(result.fault);
        return;
      }
      this.#alertsSigned++;
    }
  }

  #receive(topic: string, bytes: Uint8Array): void {
    const { buffer, signer, receiptKeys, log } = this.#options;
    const opened = openReceipt(bytes, receiptKeys, signer.signerId, topic);
    if (opened.kind === 'refused') {
      this.#receiptsRejected++;
      this.#showFault(rejectedFault(opened.layer, opened.reason, opened.detail));
      return;
    }
    const { receipt } = opened;
    const outcome = buffer.applyReceipt(receipt);
    switch (outcome.kind) {
      case 'applied':
        this.#receiptsApplied++;
        this.#messageFault = undefined;
        this.#keeper.proveGood();
        if (outcome.refused > 0) this.#showFault(refusedFault(outcome.refused));
        if (outcome.hubEpochChanged) {
          log.warn({ hubEpoch: receipt.hubEpoch, lost: outcome.lostByHub }, 'hubEpochChanged');
        }
        break;
      case 'fork':
        this.#showFault(forkFault(receipt.stream, outcome.sequence));
        break;
      case 'ahead':
        log.warn({ stream: receipt.stream, cumulative: outcome.cumulative }, 'hubIsAhead');
        break;
      case 'fault':
        this.#logFault(outcome.fault);
        break;
      case 'old':
      case 'unknownEpoch':
        log.debug({ outcome: outcome.kind, serial: receipt.receiptSerial }, 'receiptIgnored');
        break;
      default:
        outcome satisfies never;
    }
    this.#publisher.settle();
    if (this.#onDrained !== undefined && this.#isDrained()) this.#onDrained();
  }

  #summaryContext(): SummaryContext {
    const { settings } = this.#options;
    const { siteName, sector, programVersion } = settings;
    return {
      siteName,
      ...(sector !== undefined && { sector }),
      programVersion,
      health: this.#health(),
    };
  }

  #health(): Omit<AgentHealth, 'observationsFolded' | 'tables'> {
    const { buffer, clock } = this.#options;
    const residentBytes = this.#options.residentBytes ?? (() => process.memoryUsage.rss());
    const statistics = buffer.statistics();
    return {
      uptimeSeconds: (clock.monotonicMs() - this.#startedAtMs) / 1000,
      residentBytes: residentBytes(),
      outboxMessages: statistics?.outboxMessages ?? 0,
      outboxBytes: statistics?.outboxBytes ?? 0,
      databaseBytes: statistics?.databaseBytes ?? 0,
    };
  }

  #isDrained(): boolean {
    return this.#options.buffer.statistics()?.outboxMessages === 0;
  }

  async #drained(signal: AbortSignal | undefined): Promise<void> {
    if (!this.#keeper.isUp || this.#isDrained() || signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(DRAIN_MS, resolve);
      this.#onDrained = () => {
        cancel();
        resolve();
      };
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  #showFault(fault: OperatorFault): void {
    this.#messageFault = fault;
    this.#logFault(fault);
  }

  #logFault(fault: OperatorFault): void {
    this.#options.log.warn({ code: fault.code, remedy: fault.remedy }, fault.problem);
  }
}
