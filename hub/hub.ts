/** One hub worker put together: registry, store, ingest, receipts, link; `start` and `stop`. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../agent/platform/clock.ts';
import type { Log } from '../agent/platform/log.ts';
import type { Metric } from '../agent/platform/metrics.ts';
import type { Random } from '../agent/platform/random.ts';
import type { HubRequest, Receipt, ResendRange } from '../protocols/uplink/messages.ts';
import { sealReceipt, sealRenewedCertificate, sealRequest } from '../protocols/uplink/open.ts';
import type { Signer } from '../protocols/uplink/signature.ts';
import { certificateTopic, receiptTopic, requestTopic } from '../protocols/uplink/topics.ts';
import { openAdvisorySigner } from './advisory-key.ts';
import { AgentRegistry, listAgents } from './agent-registry.ts';
import { Backoff } from './backoff.ts';
import type { HubConfig } from './config.ts';
import { HubMark } from './hub-mark.ts';
import { Ingest, type IngestCounts } from './ingest.ts';
import { type HubLink, Link, type LinkParts } from './link.ts';
import { MetricsServer } from './metrics-server.ts';
import { holesIn, OpenHoles } from './open-holes.ts';
import { openStore } from './open-store.ts';
import { OpeningPool } from './opening-pool.ts';
import { openReceiptSigner } from './receipt-key.ts';
import { ReceiptQueue } from './receipt-queue.ts';
import { RenewalDesk } from './renewal-desk.ts';
import type { HubStore } from './store.ts';
import { tableMetrics } from './table-use.ts';

/** Counts in the log, silent agents and the mark, so often. */
const CHORES_INTERVAL_MS = 60_000;
/** The first look comes soon: a restored database must be noticed before agents trust receipts. */
const MARK_INTERVAL_MS = 5_000;
/** What isn't committed by then comes again: it has no receipt. */
const FLUSH_MS_MAX = 700;
/** For the last receipts on the way out. */
const DRAIN_MS_MAX = 300;
const DRAIN_STEP_MS = 10;
const CLOSE_MS_MAX = 200;
const MARK_FILE = 'hub-mark.json';
/** Epochs without a begin whose agent was given all receipts once; then they are forgotten. */
const EPOCHS_REISSUED_MAX = 10_000;

export interface HubSurroundings {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Another link than MQTT: the simulation's (bench/simulation). */
  readonly openLink?: (parts: LinkParts) => HubLink;
}

export class Hub {
  readonly #config: HubConfig;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #store: HubStore;
  readonly #mark: HubMark;
  readonly #signer: Signer;
  readonly #receipts = new ReceiptQueue();
  readonly #registry: AgentRegistry;
  readonly #pool: OpeningPool;
  readonly #ingest: Ingest;
  readonly #link: HubLink;
  readonly #holes = new OpenHoles();
  readonly #reissued = new Set<string>();
  #requestSerial = 0;
  readonly #renewals: RenewalDesk;
  #metrics: MetricsServer | undefined;
  readonly #cancelChores = new Set<() => void>();
  #countsShown = '';
  #silentAgents = 0;

  private constructor(config: HubConfig, store: HubStore, around: HubSurroundings) {
    const { clock, random, log, openLink = (parts) => new Link(parts) } = around;
    this.#config = config;
    this.#clock = clock;
    this.#log = log;
    this.#store = store;
    this.#mark = new HubMark(join(config.keys, MARK_FILE), store);
    this.#signer = openReceiptSigner(config.keys);
    // Its public half lies beside the receipt key's, for enrolment by hand.
    openAdvisorySigner(config.keys, this.#signer.signerId);
    mkdirSync(config.agents, { recursive: true });
    const registry = new AgentRegistry(config.agents, clock, log);
    this.#registry = registry;
    this.#renewals = new RenewalDesk(config, clock, random, log);
    this.#pool = new OpeningPool(registry, config.agents, config.verifyThreads, log);
    this.#ingest = new Ingest({
      store,
      registry,
      clock,
      log,
      publishReceipt: (receipt) => this.#publish(receipt),
      renew: (agentId, asked) => this.#renew(agentId, asked),
      open: (messages) => this.#pool.open(messages),
    });
    this.#link = openLink({
      broker: config.broker,
      clientId: config.broker.clientId ?? `hub-${Buffer.from(random.bytes(6)).toString('hex')}`,
      clock,
      backoff: new Backoff(random),
      log,
      receipts: this.#receipts,
      ownTopic: receiptTopic(this.#signer.signerId),
      onMessage: (topic, bytes) => this.#ingest.receive(topic, bytes),
    });
  }

  /** Throws OperatorFault for what keeps the hub from starting. */
  static async open(config: HubConfig, around: HubSurroundings): Promise<Hub> {
    const store = await openStore(config.database, around.random);
    try {
      const hub = new Hub(config, store, around);
      await hub.#checkRestored();
      if (config.metrics !== undefined) {
        const read = (): readonly Metric[] => hub.#readMetrics();
        hub.#metrics = await MetricsServer.start(config.metrics.listen, read);
      }
      return hub;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  get counts(): Readonly<IngestCounts> {
    return this.#ingest.counts;
  }

  start(): void {
    const { signerId: hubId, publicKey } = this.#signer;
    const publicKeyHex = Buffer.from(publicKey).toString('hex');
    this.#log.info({ hubId, publicKeyHex, hubEpoch: this.#store.hubEpoch }, 'HUB_STARTED');
    this.#link.start();
    this.#every(MARK_INTERVAL_MS, () => this.#checkRestored());
    this.#every(CHORES_INTERVAL_MS, () => this.#showCounts());
    const silenceMs = Math.min(CHORES_INTERVAL_MS, this.#config.silentAfterMs);
    this.#every(silenceMs, () => this.#watchSilence());
  }

  /** What was received is committed and receipted as far as a second allows; under two in all. */
  async stop(): Promise<void> {
    for (const cancel of this.#cancelChores) cancel();
    this.#link.stopTaking();
    await this.#within(FLUSH_MS_MAX, this.#ingest.flush());
    await this.#drainReceipts();
    await this.#link.stop();
    await this.#checkRestored().catch(() => {});
    const closing = [this.#store.close(), this.#pool.close(), this.#metrics?.close()];
    await this.#within(
      CLOSE_MS_MAX,
      Promise.all(closing).then(() => {}),
    );
    this.#log.info({ ...this.counts }, 'HUB_STOPPED');
  }

  #publish(receipt: Receipt): void {
    this.#receipts.put({
      name: `${receipt.agentId}/${receipt.epoch}/${receipt.stream}`,
      topic: receiptTopic(receipt.agentId),
      bytes: sealReceipt(this.#signer, receipt),
      isRetained: true,
    });
    const missing = this.#holes.due(receipt, this.#clock.monotonicMs());
    if (missing === undefined) return;
    this.#requestAgain(receipt, missing);
    if (missing.from === 1) this.#reissueOnce(receipt);
  }

  /**
   * Not even the epoch's begin is here: the database is from before it. Streams of it that have
   * nothing more to say would never be missed; their receipts tell the agent that they are gone.
   */
  #reissueOnce({ agentId, epoch }: Receipt): void {
    const name = `${agentId}/${epoch}`;
    if (this.#reissued.has(name)) return;
    if (this.#reissued.size >= EPOCHS_REISSUED_MAX) this.#reissued.clear();
    this.#reissued.add(name);
    this.#ingest.reissue([agentId]);
  }

  /** The agent sends what it still has, and says by a signed statement what it has not. */
  #requestAgain(receipt: Receipt, missing: ResendRange): void {
    const { agentId, hubEpoch, hubTimeMs } = receipt;
    const request: HubRequest = {
      kind: 'request',
      agentId,
      requestSerial: this.#nextRequestSerial(hubTimeMs),
      hubEpoch,
      hubTimeMs,
      resend: holesIn(receipt),
      evidence: [],
    };
    this.#receipts.put({
      name: `${agentId}/request/${missing.epoch}/${missing.stream}`,
      topic: requestTopic(agentId),
      bytes: sealRequest(this.#signer, request),
      isRetained: false,
    });
  }

  /** Two requests of one millisecond, or a clock set back: an agent ignores what doesn't rise. */
  #nextRequestSerial(hubTimeMs: number): number {
    this.#requestSerial = Math.max(this.#requestSerial + 1, hubTimeMs);
    return this.#requestSerial;
  }

  /** Retained: an agent that is away finds it when it is back. */
  #renew(agentId: string, certificateRequest: Uint8Array): void {
    const certificate = this.#renewals.answer(agentId, certificateRequest);
    if (certificate === undefined) return;
    const { hubEpoch } = this.#store;
    const hubTimeMs = this.#clock.wallMs();
    const answer = { kind: 'certificate', agentId, hubEpoch, hubTimeMs, certificate } as const;
    this.#receipts.put({
      name: `${agentId}/certificate`,
      topic: certificateTopic(agentId),
      bytes: sealRenewedCertificate(this.#signer, answer),
      isRetained: true,
    });
  }

  #within(limitMs: number, work: Promise<void>): Promise<void> {
    const limit = new Promise<void>((resolve) => this.#clock.after(limitMs, resolve));
    return Promise.race([work, limit]);
  }

  async #drainReceipts(): Promise<void> {
    for (let waitedMs = 0; waitedMs < DRAIN_MS_MAX; waitedMs += DRAIN_STEP_MS) {
      if (this.#receipts.isIdle) return;
      await new Promise<void>((resolve) => this.#clock.after(DRAIN_STEP_MS, resolve));
    }
  }

  /** A chore that fails (a database away) is told and comes again; one runs at a time. */
  #every(intervalMs: number, chore: () => Promise<void>): void {
    const cancel = this.#clock.after(intervalMs, () => {
      this.#cancelChores.delete(cancel);
      chore()
        .catch((error: unknown) => {
          const cause = error instanceof Error ? error.message : String(error);
          this.#log.warn({ cause }, 'HUB_CHORE_FAILED');
        })
        .finally(() => this.#every(intervalMs, chore));
    });
    this.#cancelChores.add(cancel);
  }

  async #checkRestored(): Promise<void> {
    if (!(await this.#mark.checkRestored())) return;
    const { hubEpoch } = this.#store;
    this.#log.warn({ hubEpoch }, 'HUB_DATABASE_RESTORED: agents will say what it has lost');
    // Under the new hubEpoch each agent compares what it was told stored with what is.
    this.#ingest.reissue(listAgents(this.#config.agents).map(({ agentId }) => agentId));
  }

  #showCounts(): Promise<void> {
    const shown = JSON.stringify(this.counts);
    if (shown !== this.#countsShown) this.#log.info({ ...this.counts }, 'HUB_COUNTS');
    this.#countsShown = shown;
    return Promise.resolve();
  }

  async #watchSilence(): Promise<void> {
    const { silentAfterMs } = this.#config;
    const silent = await this.#store.watchSilence(this.#clock.wallMs(), silentAfterMs);
    this.#silentAgents += silent.length;
    for (const agentId of silent) this.#log.warn({ agentId, silentAfterMs }, 'HUB_AGENT_SILENT');
  }

  #readMetrics(): readonly Metric[] {
    const { counts } = this.#ingest;
    const help = 'messages of this worker since its start';
    return [
      ...Object.entries(counts).map(([name, value]) => ({ name: `hub_${name}`, help, value })),
      {
        name: 'hub_silentAgentsFound',
        help: 'agents found silent by this worker since its start',
        value: this.#silentAgents,
      },
      {
        name: 'hub_linkUp',
        help: '1 while the broker is connected and the subscription granted',
        value: this.#link.isUp ? 1 : 0,
      },
      ...tableMetrics([
        ...this.#ingest.tables,
        this.#receipts.use,
        this.#holes.use,
        this.#registry.use,
      ]),
    ];
  }
}
