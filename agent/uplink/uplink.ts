/**
 * The agent's voice: folds reports into signed summaries, signs an alert for each new case, keeps
 * the link up with backoff, and deletes only what the hub's signed receipts name. The outbox on the
 * disk is the truth; this class may be killed at any moment.
 */
import type { AppendResult } from '../../buffer/site-buffer.ts';
import type { IntervalReport } from '../../protocols/interval-report.ts';
import { STREAM_ALERTS } from '../../protocols/uplink/messages.ts';
import { openReceipt, openRequest } from '../../protocols/uplink/open.ts';
import type { Signer } from '../../protocols/uplink/signature.ts';
import { parseTopic, streamTopic } from '../../protocols/uplink/topics.ts';
import type { OperatorFault } from '../platform/operator-fault.ts';
import { AdvisoryDesk, type AdvisoryView } from './advisory-desk.ts';
import { AlertSigner } from './alert-signer.ts';
import { Goodput } from './goodput.ts';
import { HubRequests } from './hub-requests.ts';
import { IndicatorWatch } from './indicator-watch.ts';
import { LinkKeeper } from './link-keeper.ts';
import { MessageSealer } from './message-sealer.ts';
import { outgoingOrder } from './outgoing-order.ts';
import { DEFAULT_WINDOW, Publisher } from './publisher.ts';
import { ReceiptDesk } from './receipt-desk.ts';
import { rejectedFault } from './receipt-faults.ts';
import { Renewal } from './renewal.ts';
import { SharingPolicy } from './sharing.ts';
import { SiteTime } from './site-time.ts';
import type { SummaryContent } from './summarize.ts';
import { SummaryContextSource } from './summary-context.ts';
import { SummarySigner } from './summary-signer.ts';
import type { UplinkOptions, UplinkState } from './uplink-types.ts';

export const SUMMARY_INTERVAL_MS_MIN = 1000;
/** Looks for messages whose receipt is overdue. */
const TICK_MS = 1000;
/** Of the two seconds that a stop may take: waiting for receipts, then for the broker. */
const DRAIN_MS = 1000;
const CLOSE_MS = 500;

export class Uplink {
  readonly #options: UplinkOptions;
  readonly #time: SiteTime;
  readonly #sealer: MessageSealer;
  readonly #alerts: AlertSigner;
  readonly #goodput: Goodput;
  readonly #publisher: Publisher;
  readonly #keeper: LinkKeeper;
  readonly #summaries: SummarySigner;
  readonly #context: SummaryContextSource;
  readonly #requests: HubRequests;
  readonly #receipts: ReceiptDesk;
  readonly #watch = new IndicatorWatch();
  readonly #advisories: AdvisoryDesk | undefined;
  readonly #renewal: Renewal | undefined;
  #cancelSummary: () => void = () => {};
  #cancelTick: () => void = () => {};
  #onDrained: (() => void) | undefined;
  #isStopped = false;
  #summariesSigned = 0;
  #requestsAnswered = 0;
  #receiptsRejected = 0;
  /** About messages; a link fault is the keeper's. */
  #messageFault: OperatorFault | undefined;

  constructor(options: UplinkOptions) {
    const { buffer, signer, settings, clock, random, log, link, digest } = options;
    this.#options = options;
    const hubTimeMs = buffer.statistics()?.lastReceipt?.hubTimeMs ?? 0;
    this.#time = new SiteTime(clock, options.clockTrust ?? (() => ({ source: 'none' })), hubTimeMs);
    const policy = new SharingPolicy(settings.sharing, digest);
    this.#sealer = new MessageSealer(signer, policy, this.#time);
    this.#alerts = new AlertSigner(buffer, this.#sealer, log);
    this.#goodput = new Goodput(clock);
    const messageBytesMax = (): number => this.#goodput.messageBytesMax;
    const sealer = this.#sealer;
    const isSparing = settings.isSparing ?? false;
    this.#context = new SummaryContextSource(options, policy);
    this.#summaries = new SummarySigner({
      buffer,
      sealer,
      policy,
      isSparing,
      messageBytesMax,
      ...(options.assetChanges && { news: options.assetChanges }),
    });
    this.#publisher = new Publisher({
      buffer,
      clock,
      window: settings.window ?? DEFAULT_WINDOW,
      goodput: this.#goodput,
      topicOf: (stream) => streamTopic(signer.signerId, stream),
      onRefused: (fault) => this.#showFault(fault),
    });
    this.#requests = new HubRequests({
      buffer,
      sealer,
      sharing: settings.sharing,
      log,
      sendAgain: (range) => this.#publisher.sendAgain(range),
      messageBytesMax,
    });
    this.#receipts = new ReceiptDesk(buffer, log, {
      applied: () => {
        this.#messageFault = undefined;
        this.#keeper.proveGood();
      },
      stored: (receipt) => this.#summaries.receipted(receipt),
      hubChanged: () => {
        this.#summaries.forgetBases();
        this.#requests.hubIsOlder();
      },
      hubClaimsLess: () => this.#keeper.wantBirth(),
      show: (fault) => this.#showFault(fault),
    });
    this.#advisories = this.#openAdvisories();
    this.#renewal = this.#openRenewal();
    this.#keeper = new LinkKeeper({
      agentId: signer.signerId,
      link,
      clock,
      random,
      log,
      onUp: ({ receiveMaximum }) => {
        this.#renewal?.linkUp();
        this.#publisher.linkUp(link, receiveMaximum);
      },
      onDown: () => {
        this.#renewal?.linkDown();
        this.#publisher.linkDown();
      },
      onMessage: (topic, bytes) => this.#receive(topic, bytes),
      onRefused: (fault) => this.#showFault(fault),
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
    this.#alerts.sign();
    this.#scheduleSummary();
    this.#scheduleTick();
    this.#keeper.start();
  }

  /** Call after `buffer.recordReport(report)`, which has noted the alerts that are due. */
  report(report: IntervalReport): void {
    this.#summaries.add(report);
    this.#watch.add(report);
    this.#alerts.sign();
    this.#advisories?.review();
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
    this.#alerts.sign();
    this.#signSummary();
    this.#publisher.fill();
    await this.#drained(signal);
    this.#cancelTick();
    await this.#keeper.stop(CLOSE_MS);
  }

  /**
   * A receipt or an advisory that came another way than by the broker (a USB stick): verified and
   * applied like any other. Answers why it was not taken; undefined when it was.
   */
  deliver(topic: string, bytes: Uint8Array): OperatorFault | undefined {
    if (parseTopic(topic)?.kind === 'advisory') {
      const fault = this.#advisories?.receive(topic, bytes)?.fault;
      this.#publisher.fill();
      return fault;
    }
    return this.#receiveReceipt(topic, bytes);
  }

  /** What the next summary would say now, in the words of the sharing level; nothing is signed. */
  nextSummary(): SummaryContent | undefined {
    return this.#summaries.content(this.#context.now());
  }

  /** The signed bytes that leave next, in their order. */
  outgoing(messagesMax: number): readonly Uint8Array[] {
    const { buffer } = this.#options;
    return outgoingOrder(buffer, messagesMax).flatMap(({ id }) => {
      const read = buffer.read(id);
      return read.kind === 'message' ? [read.message] : [];
    });
  }

  advisories(): readonly AdvisoryView[] {
    return this.#advisories?.views() ?? [];
  }

  /** `by`: who has read it. The answer is signed when this returns a view. */
  acknowledgeAdvisory(advisoryId: string, by?: string): AdvisoryView | OperatorFault | undefined {
    const answer = this.#advisories?.acknowledge(advisoryId, by);
    this.#publisher.fill();
    return answer;
  }

  /** Announces a new key in the chain, under the old one; signs with the new one from here on. */
  rotateKey(newSigner: Signer): AppendResult {
    const result = this.#options.buffer.append(STREAM_ALERTS, (position) =>
      this.#sealer.keyRotation(position, newSigner),
    );
    if (result.kind === 'fault') return result;
    this.#sealer.signWith(newSigner);
    this.#publisher.holdBehind(result.id);
    return result;
  }

  status(): UplinkState {
    const { buffer, clock, settings } = this.#options;
    const statistics = buffer.statistics();
    const nowMs = clock.wallMs();
    const ageSeconds = (sinceMs: number): number => Math.max(0, nowMs - sinceMs) / 1000;
    const fault =
      this.#keeper.fault ??
      this.#messageFault ??
      buffer.fault ??
      this.#time.fault() ??
      this.#renewal?.fault();
    const certificateDaysLeft = this.#renewal?.daysLeft;
    const { bytesPerSecond, messageBytesMax } = this.#goodput;
    return {
      broker: settings.broker,
      isConnected: this.#keeper.isUp,
      outboxMessages: statistics?.outboxMessages ?? 0,
      outboxBytes: statistics?.outboxBytes ?? 0,
      ...(statistics?.oldestPendingMs !== undefined && {
        oldestAgeSeconds: ageSeconds(statistics.oldestPendingMs),
      }),
      summariesSigned: this.#summariesSigned,
      alertsSigned: this.#alerts.signedCount,
      messagesResent: this.#publisher.resent,
      receiptsApplied: this.#receipts.appliedCount,
      receiptsRejected: this.#receiptsRejected,
      refusedMessages: statistics?.refusedMessages ?? 0,
      reconnects: this.#keeper.reconnects,
      ...(statistics?.lastReceipt !== undefined && {
        receiptAgeSeconds: ageSeconds(statistics.lastReceipt.appliedMs),
      }),
      ...(bytesPerSecond !== undefined && { goodputBytesPerSecond: Math.round(bytesPerSecond) }),
      messageBytesMax,
      requestsAnswered: this.#requestsAnswered,
      advisoriesRefused: this.#advisories?.refusedCount ?? 0,
      ...(certificateDaysLeft !== undefined && { certificateDaysLeft }),
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
      this.#options.progress?.('uplink');
      const step = this.#time.step();
      if (step !== undefined) this.#alerts.sayStepped(step);
      const isMore = this.#alerts.areWaiting;
      if (isMore) this.#alerts.sign();
      if (isMore || step !== undefined) this.#publisher.fill();
      this.#renewal?.tick(this.#keeper.isUp);
      this.#keeper.tick();
      this.#publisher.tick();
    });
  }

  #signSummary(): void {
    const result = this.#summaries.sign(() => this.#context.now());
    if (result.kind === 'fault') {
      this.#logFault(result.fault);
      return;
    }
    this.#summariesSigned += result.messages;
  }

  #receive(topic: string, bytes: Uint8Array): void {
    const kind = parseTopic(topic)?.kind;
    if (kind === 'request') this.#receiveRequest(topic, bytes);
    else if (kind === 'advisory') this.#receiveAdvisory(topic, bytes);
    else if (kind === 'certificate') this.#renewal?.receive(topic, bytes);
    else this.#receiveReceipt(topic, bytes);
  }

  #receiveAdvisory(topic: string, bytes: Uint8Array): void {
    const fault = this.#advisories?.receive(topic, bytes)?.fault;
    if (fault !== undefined) this.#showFault(fault);
    this.#publisher.fill();
  }

  #receiveReceipt(topic: string, bytes: Uint8Array): OperatorFault | undefined {
    const { signer, receiptKeys } = this.#options;
    const opened = openReceipt(bytes, receiptKeys, signer.signerId, topic);
    if (opened.kind === 'refused') return this.#reject(opened);
    this.#time.hubSays(opened.receipt.hubTimeMs);
    this.#receipts.receive(opened.receipt);
    this.#publisher.settle();
    if (this.#onDrained !== undefined && this.#isDrained()) this.#onDrained();
    return undefined;
  }

  #receiveRequest(topic: string, bytes: Uint8Array): void {
    const { signer, receiptKeys } = this.#options;
    const opened = openRequest(bytes, receiptKeys, signer.signerId, topic);
    if (opened.kind === 'refused') return void this.#reject(opened);
    this.#time.hubSays(opened.message.hubTimeMs);
    if (this.#requests.answer(opened.message)) this.#requestsAnswered++;
    this.#publisher.fill();
  }

  #reject({ layer, reason, detail }: Parameters<typeof rejectedFault>[0]): OperatorFault {
    this.#receiptsRejected++;
    const fault = rejectedFault({ layer, reason, detail });
    this.#showFault(fault);
    return fault;
  }

  #openAdvisories(): AdvisoryDesk | undefined {
    const { advisories: book, settings, log, buffer, clock } = this.#options;
    if (book === undefined) return undefined;
    return new AdvisoryDesk({
      book,
      watch: this.#watch,
      sector: settings.sector,
      log,
      show: this.#options.onAdvisory ?? (() => {}),
      nowMs: () => Math.max(clock.wallMs(), this.#time.lowestMs()),
      answer: (content) =>
        buffer.append(STREAM_ALERTS, (position) => this.#sealer.advisoryAnswer(position, content)),
    });
  }

  #openRenewal(): Renewal | undefined {
    const { certificate, receiptKeys, signer, log, clock, buffer, onRenewed } = this.#options;
    if (certificate === undefined) return undefined;
    return new Renewal({
      certificate,
      receiptKeys,
      agentId: signer.signerId,
      log,
      nowMs: () => Math.max(clock.wallMs(), this.#time.lowestMs()),
      ask: (asked) => {
        const result = buffer.append(STREAM_ALERTS, (position) =>
          this.#sealer.renewalRequest(position, asked),
        );
        this.#publisher.fill();
        return result;
      },
      refused: (refusal) => void this.#reject(refusal),
      reconnect: () => void this.#keeper.reconnect(CLOSE_MS),
      renewed: onRenewed ?? (() => {}),
    });
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
