/** One hub worker put together: registry, store, ingest, receipts, link; `start` and `stop`. */
import { mkdirSync } from 'node:fs';
import type { Clock } from '../agent/platform/clock.ts';
import type { Log } from '../agent/platform/log.ts';
import type { Random } from '../agent/platform/random.ts';
import type { Receipt } from '../protocols/uplink/messages.ts';
import { sealReceipt } from '../protocols/uplink/open.ts';
import type { Signer } from '../protocols/uplink/signature.ts';
import { receiptTopic } from '../protocols/uplink/topics.ts';
import { AgentRegistry } from './agent-registry.ts';
import { Backoff } from './backoff.ts';
import type { HubConfig } from './config.ts';
import { Ingest, type IngestCounts } from './ingest.ts';
import { Link } from './link.ts';
import { openReceiptSigner } from './receipt-key.ts';
import { ReceiptQueue } from './receipt-queue.ts';
import { SqliteStore } from './sqlite-store.ts';
import type { HubStore } from './store.ts';

/** Counts in the log, so often while anything changes. */
const COUNTS_INTERVAL_MS = 60_000;
/** For the last receipts on the way out. */
const DRAIN_MS_MAX = 500;
const DRAIN_STEP_MS = 10;

export class Hub {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #store: HubStore;
  readonly #signer: Signer;
  readonly #receipts = new ReceiptQueue();
  readonly #ingest: Ingest;
  readonly #link: Link;
  #cancelCounts: (() => void) | undefined;
  #countsShown = '';

  /** Throws OperatorFault for what keeps the hub from starting. */
  constructor(config: HubConfig, clock: Clock, random: Random, log: Log) {
    this.#clock = clock;
    this.#log = log;
    this.#signer = openReceiptSigner(config.keys);
    this.#store = new SqliteStore(config.database.path);
    mkdirSync(config.agents, { recursive: true });
    this.#ingest = new Ingest({
      store: this.#store,
      registry: new AgentRegistry(config.agents, clock, log),
      clock,
      log,
      publishReceipt: (receipt) => this.#publish(receipt),
    });
    this.#link = new Link({
      broker: config.broker,
      clientId: config.broker.clientId ?? `hub-${Buffer.from(random.bytes(6)).toString('hex')}`,
      clock,
      backoff: new Backoff(random),
      log,
      receipts: this.#receipts,
      onMessage: (topic, bytes) => this.#ingest.receive(topic, bytes),
    });
  }

  get counts(): Readonly<IngestCounts> {
    return this.#ingest.counts;
  }

  start(): void {
    const { signerId: hubId, publicKey } = this.#signer;
    const publicKeyHex = Buffer.from(publicKey).toString('hex');
    this.#log.info({ hubId, publicKeyHex, hubEpoch: this.#store.hubEpoch }, 'HUB_STARTED');
    this.#link.start();
    this.#showCounts();
  }

  /** What was received is committed and receipted; under two seconds. */
  async stop(): Promise<void> {
    this.#cancelCounts?.();
    this.#link.stopTaking();
    await this.#ingest.flush();
    await this.#drainReceipts();
    await this.#link.stop();
    await this.#store.close();
    this.#log.info({ ...this.counts }, 'HUB_STOPPED');
  }

  #publish(receipt: Receipt): void {
    this.#receipts.put({
      name: `${receipt.agentId}/${receipt.epoch}/${receipt.stream}`,
      topic: receiptTopic(receipt.agentId),
      bytes: sealReceipt(this.#signer, receipt),
    });
  }

  async #drainReceipts(): Promise<void> {
    for (let waitedMs = 0; waitedMs < DRAIN_MS_MAX; waitedMs += DRAIN_STEP_MS) {
      if (this.#receipts.isIdle) return;
      await new Promise<void>((resolve) => this.#clock.after(DRAIN_STEP_MS, resolve));
    }
  }

  #showCounts(): void {
    const shown = JSON.stringify(this.counts);
    if (shown !== this.#countsShown) this.#log.info({ ...this.counts }, 'HUB_COUNTS');
    this.#countsShown = shown;
    this.#cancelCounts = this.#clock.after(COUNTS_INTERVAL_MS, () => this.#showCounts());
  }
}
