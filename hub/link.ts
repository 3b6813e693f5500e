/**
 * The hub's link to its broker: MQTT 5 as a transport only. Own backoff, own window for receipts,
 * and the broker is slowed down (its next message isn't read) while the store is behind.
 *
 * A PUBACK goes out before the commit. It proves nothing to an agent, which deletes on the signed
 * receipt alone, so nothing is gained by holding it back (docs/wire-format.md, "Delivery").
 */
import { readFileSync } from 'node:fs';
import { connect, type IClientOptions, type IConnackPacket, type MqttClient } from 'mqtt';
import type { Clock } from '../agent/platform/clock.ts';
import type { Log } from '../agent/platform/log.ts';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import { SHARED_UPLINK_FILTER, UPLINK_FILTER } from '../protocols/uplink/topics.ts';
import type { Backoff } from './backoff.ts';
import type { HubConfig } from './config.ts';
import { linkReason } from './link-reason.ts';
import type { OutgoingReceipt, ReceiptQueue } from './receipt-queue.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_SECONDS = 30;
/** Unanswered messages that the broker may have on the way to us. */
const RECEIVE_MAXIMUM = 256;
/** Above the cap of a message, so that one too large is refused by name and not by the link. */
const PACKET_BYTES_MAX = 256 * 1024;
const RECEIVE_MAXIMUM_DEFAULT = 65_535;
const END_TIMEOUT_MS = 700;
/** MQTT 5 section 2.4: reason codes from here on are failures. */
const REFUSED = 0x80;
const OWN_MESSAGE = { bytes: new Uint8Array(0), isRetained: false } as const;

export interface LinkParts {
  readonly broker: HubConfig['broker'];
  readonly clientId: string;
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly log: Log;
  readonly receipts: ReceiptQueue;
  /** One that this hub has to be allowed to write, and that nobody reads. */
  readonly ownTopic: string;
  /** Resolves when the next message may be read. */
  readonly onMessage: (topic: string, bytes: Uint8Array) => Promise<void>;
}

/** What a hub worker needs of its link. */
export interface HubLink {
  /** Connected, and the subscription granted. */
  readonly isUp: boolean;
  start(): void;
  /** No message is taken from here on; receipts still leave. */
  stopTaking(): void;
  /** Ends within a second: politely when the broker answers, otherwise not. */
  stop(): Promise<void>;
}

export class Link implements HubLink {
  readonly #parts: LinkParts;
  readonly #options: IClientOptions;
  #client: MqttClient | undefined;
  #cancelRetry: (() => void) | undefined;
  #isStopped = false;
  #isTaking = true;
  #isUp = false;
  #refusedBy: MqttClient | undefined;

  /** Throws OperatorFault when the files of TLS can't be read. */
  constructor(parts: LinkParts) {
    this.#parts = parts;
    this.#options = clientOptions(parts);
  }

  /** Connected, and the subscription granted. */
  get isUp(): boolean {
    return this.#isUp;
  }

  start(): void {
    const { broker, log, receipts, clock, backoff } = this.#parts;
    this.#cancelRetry = undefined;
    const client = connect(broker.url, this.#options);
    this.#client = client;
    client.handleMessage = (packet, callback) => {
      // Only PUBLISH packets come here (mqtt's handlers/publish); anything else is acknowledged.
      if (packet.cmd !== 'publish' || !this.#isTaking) return callback();
      const bytes =
        typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload;
      this.#parts.onMessage(packet.topic, bytes).then(
        () => callback(),
        (error: Error) => callback(error),
      );
    };
    client.on('connect', (connack) => this.#connected(client, connack));
    client.on('error', (error) => {
      const why = { cause: error.message, ...linkReason(error) };
      log.warn({ broker: broker.url, ...why }, 'HUB_LINK_ERROR');
    });
    client.on('close', () => {
      if (this.#client !== client) return;
      this.#client = undefined;
      this.#isUp = false;
      receipts.linkDown();
      client.removeAllListeners();
      client.on('error', () => {});
      client.end(true);
      if (this.#isStopped) return;
      const waitMs = backoff.nextMs();
      log.warn({ broker: broker.url, waitMs: Math.round(waitMs) }, 'HUB_LINK_DOWN');
      this.#cancelRetry = clock.after(waitMs, () => this.start());
    });
  }

  /** No message is taken from here on; receipts still leave. */
  stopTaking(): void {
    this.#isTaking = false;
  }

  /** Ends within a second: politely when the broker answers, otherwise not. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelRetry?.();
    const client = this.#client;
    if (client === undefined) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#parts.clock.after(END_TIMEOUT_MS, () =>
        client.end(true, () => resolve()),
      );
      client.end(false, {}, () => {
        cancel();
        resolve();
      });
    });
  }

  #connected(client: MqttClient, connack: IConnackPacket): void {
    const { broker, log, receipts } = this.#parts;
    const isShared = connack.properties?.sharedSubscriptionAvailable !== false;
    const filter = isShared ? SHARED_UPLINK_FILTER : UPLINK_FILTER;
    client.subscribe(filter, { qos: 1 }, (error, granted) => {
      const refusedCode = granted?.find(({ qos }) => qos >= REFUSED)?.qos;
      if (error || refusedCode !== undefined) {
        log.error(
          { filter, code: refusedCode, cause: error?.message },
          'HUB_SUBSCRIPTION_REFUSED: allow this client to read ft/v1/+/up/# at the broker',
        );
        client.end(true);
        return;
      }
      this.#isUp = true;
      this.#parts.backoff.reset();
      log.info({ broker: broker.url, filter }, 'HUB_LINK_UP');
      // mosquitto grants every subscription, and then delivers what the name may read: nothing.
      this.#publish(client, { name: '', ...OWN_MESSAGE, topic: this.#parts.ownTopic }, () => {});
      receipts.linkUp(
        (receipt, done) => this.#publish(client, receipt, done),
        connack.properties?.receiveMaximum ?? RECEIVE_MAXIMUM_DEFAULT,
      );
    });
  }

  #publish(client: MqttClient, receipt: OutgoingReceipt, done: () => void): void {
    const { topic, isRetained } = receipt;
    const bytes = Buffer.from(receipt.bytes);
    client.publish(topic, bytes, { qos: 1, retain: isRetained }, (error) => {
      const code = error && 'code' in error ? Number(error.code) : 0;
      if (code >= REFUSED && this.#refusedBy !== client) {
        // Once a link: every further one would say the same.
        this.#refusedBy = client;
        this.#parts.log.error(
          { topic, code, cause: error?.message },
          'HUB_PUBLISH_REFUSED: allow this client to write ft/v1/+/dn/# at the broker',
        );
      }
      done();
    });
  }
}

function clientOptions({ broker, clientId }: LinkParts): IClientOptions {
  return {
    protocolVersion: 5,
    clientId,
    clean: true,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepalive: KEEPALIVE_SECONDS,
    properties: { receiveMaximum: RECEIVE_MAXIMUM, maximumPacketSize: PACKET_BYTES_MAX },
    ...brokerOptions(broker),
  };
}

/** Who this hub is to its broker. Throws OperatorFault when a file can't be read. */
export function brokerOptions(broker: HubConfig['broker']): IClientOptions {
  return {
    ...(broker.username !== undefined && { username: broker.username }),
    ...(broker.passwordFile !== undefined && {
      password: read(broker.passwordFile, 'passwordFile').toString('utf8').trim(),
    }),
    ...(broker.ca !== undefined && { ca: read(broker.ca, 'ca') }),
    ...(broker.revocationList !== undefined && {
      crl: read(broker.revocationList, 'revocationList'),
    }),
    ...(broker.certificate !== undefined && { cert: read(broker.certificate, 'certificate') }),
    ...(broker.key !== undefined && { key: read(broker.key, 'key') }),
  };
}

function read(path: string, key: string): NonSharedBuffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new OperatorFault({
      code: 'HUB_CREDENTIALS_UNREADABLE',
      problem: `The file "${path}" of broker.${key} can't be read.`,
      remedy: 'Check the path and that the user of the hub may read it.',
      cause,
    });
  }
}
