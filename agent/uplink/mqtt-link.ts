/**
 * MQTT 5 as a transport and nothing more. The library's own reconnection, offline queue and store
 * are off: it ignores the broker's Receive Maximum, keeps what is published offline in memory, and
 * reconnects with a fixed period (measured: docs/benchmarks).
 */
import { isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { IClientOptions, MqttClient } from 'mqtt';
import { SECTOR_ALL } from '../../protocols/uplink/advisory.ts';
import { encodeStatus, STATUS_BIRTH, STATUS_GONE } from '../../protocols/uplink/status.ts';
import {
  advisoryTopic,
  certificateTopic,
  receiptTopic,
  requestTopic,
  statusTopic,
} from '../../protocols/uplink/topics.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { distrust } from './broker-trust.ts';
import type { TlsCredentials } from './credentials.ts';
import type { LinkHandlers, PublishOutcome, UplinkLink } from './link.ts';
import { brokerFault, type LinkError, linkFault, publishFault } from './link-faults.ts';

const KEEPALIVE_SECONDS = 30;
/** At 9,600 bit/s mutual TLS took 1.9 s; a satellite and a busy hub take longer. */
const CONNECT_TIMEOUT_MS = 30_000;
/** A receipt is small; nothing longer is read. */
const PACKET_BYTES_MAX = 70 * 1024;
const INCOMING_RECEIVE_MAXIMUM = 16;
/** MQTT 5 section 3.2.2.3.3: what an absent Receive Maximum means. */
const RECEIVE_MAXIMUM_DEFAULT = 65_535;
const REFUSED = 0x80;
const MQTTS_PORT = 8883;

export interface MqttLinkOptions {
  /** `mqtts://host:port`, or `mqtt://` to a loopback address. */
  readonly broker: string;
  readonly agentId: string;
  /** For mqtts://; asked for each attempt. */
  readonly tls?: () => TlsCredentials;
  /** Advisories of this sector (empty: of none), and those for all, are asked for; absent: none. */
  readonly sector?: string;
  /** Key exchange of TLS (profiles.ts); absent: OpenSSL's own list. */
  readonly keyExchange?: string;
  /** The lowest possible time, milliseconds, where the clock can't be right; else undefined. */
  readonly lowestTimeMs?: () => number | undefined;
}

export class MqttLink implements UplinkLink {
  readonly #options: MqttLinkOptions;
  #client: MqttClient | undefined;
  /** Rises with each attempt, so that a late event of an old one is told apart. */
  #attempt = 0;

  constructor(options: MqttLinkOptions) {
    this.#options = options;
  }

  connect(handlers: LinkHandlers): void {
    const attempt = ++this.#attempt;
    openLibrary()
      .then(({ connect, MqttClient }) => {
        if (attempt !== this.#attempt) return;
        const lowestMs = this.#options.lowestTimeMs?.();
        const tls = this.#options.tls?.();
        const options = this.#clientOptions(tls);
        const client =
          lowestMs === undefined || tls === undefined
            ? connect(this.#options.broker, options)
            : new MqttClient((to) => this.#streamWithoutClock(lowestMs, tls, to), options);
        this.#client = client;
        this.#listen(client, attempt, handlers);
      })
      .catch((error: Error) => {
        // Files of TLS that went away while we ran bring their own sentence.
        const isOurs = error instanceof OperatorFault;
        handlers.onDown(isOurs ? error : linkFault(this.#options.broker, error));
      });
  }

  publish(topic: string, bytes: Uint8Array, done: (outcome: PublishOutcome) => void): void {
    const client = this.#client;
    // Publishing offline would only fill the library's memory.
    if (client === undefined || !client.connected) {
      done({ kind: 'lost' });
      return;
    }
    const payload = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    client.publish(topic, payload, { qos: 1 }, (error) => {
      const code = error === null || error === undefined ? 0 : reasonCodeOf(error);
      if (error === null || error === undefined) done({ kind: 'accepted' });
      else if (code >= REFUSED) {
        done({ kind: 'refused', fault: publishFault(this.#options.broker, topic, code) });
      } else done({ kind: 'lost' });
    });
  }

  async close(timeoutMs: number): Promise<void> {
    this.#attempt++;
    const client = this.#client;
    this.#client = undefined;
    if (client === undefined) return;
    await new Promise<void>((resolve) => {
      // In order means: after every PUBACK. A second `end` would be ignored, so the socket goes.
      const force = setTimeout(() => {
        client.stream.destroy();
        resolve();
      }, timeoutMs);
      client.end(false, () => {
        clearTimeout(force);
        resolve();
      });
    });
  }

  /** TLS whose certificates are judged by the lowest possible time instead of the clock. */
  #streamWithoutClock(
    lowestMs: number,
    tls: TlsCredentials,
    client: MqttClient,
  ): ReturnType<typeof connectTls> {
    const { broker, keyExchange } = this.#options;
    const url = new URL(broker);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const socket = connectTls({
      host,
      port: Number(url.port || MQTTS_PORT),
      ...(isIP(host) === 0 && { servername: host }),
      ca: Buffer.from(tls.authority),
      cert: Buffer.from(tls.certificate),
      key: Buffer.from(tls.key),
      ...(keyExchange !== undefined && { ecdhCurve: keyExchange }),
      // Judged below, before a byte of the broker is read.
      rejectUnauthorized: false,
    });
    socket.once('secureConnect', () => {
      const reason = distrust(socket, host, tls.authority, lowestMs);
      if (reason !== undefined) socket.destroy(new Error(`TLS certificate refused: ${reason}`));
    });
    // The library forwards only errors of plain sockets.
    socket.on('error', (error) => client.emit('error', error));
    return socket;
  }

  #otherTopics(): string[] {
    const { agentId, sector, tls } = this.#options;
    const own = [requestTopic(agentId), ...(tls === undefined ? [] : [certificateTopic(agentId)])];
    if (sector === undefined) return own;
    const sectors = new Set([SECTOR_ALL, ...(sector === '' ? [] : [sector])]);
    return [...own, ...[...sectors].map(advisoryTopic)];
  }

  #clientOptions(tls: TlsCredentials | undefined): IClientOptions {
    const { agentId, keyExchange } = this.#options;
    return {
      protocolVersion: 5,
      clientId: agentId,
      clean: true,
      reconnectPeriod: 0,
      connectTimeout: CONNECT_TIMEOUT_MS,
      keepalive: KEEPALIVE_SECONDS,
      queueQoSZero: false,
      resubscribe: false,
      properties: {
        sessionExpiryInterval: 0,
        receiveMaximum: INCOMING_RECEIVE_MAXIMUM,
        maximumPacketSize: PACKET_BYTES_MAX,
      },
      will: {
        topic: statusTopic(agentId),
        payload: Buffer.from(encodeStatus(STATUS_GONE)),
        qos: 1,
        retain: false,
      },
      ...(keyExchange !== undefined && { ecdhCurve: keyExchange }),
      ...(tls !== undefined && {
        ca: Buffer.from(tls.authority),
        cert: Buffer.from(tls.certificate),
        key: Buffer.from(tls.key),
        ...(tls.revocationList !== undefined && { crl: Buffer.from(tls.revocationList) }),
        rejectUnauthorized: true,
      }),
    };
  }

  #listen(client: MqttClient, attempt: number, handlers: LinkHandlers): void {
    const { agentId, broker } = this.#options;
    let lastError: LinkError | undefined;
    let receiveMaximum = RECEIVE_MAXIMUM_DEFAULT;
    let isDown = false;
    const down = (): void => {
      if (isDown || attempt !== this.#attempt) return;
      isDown = true;
      this.#client = undefined;
      client.end(true);
      handlers.onDown(linkFault(broker, lastError));
    };
    client.on('error', (error) => {
      lastError = errorOf(error);
    });
    client.on('close', down);
    client.on('disconnect', (packet) => {
      if ((packet.reasonCode ?? 0) >= REFUSED) {
        lastError = { message: 'DISCONNECT', code: packet.reasonCode ?? REFUSED };
      }
    });
    client.on('message', (topic, payload) => {
      if (attempt === this.#attempt) handlers.onMessage(topic, payload);
    });
    client.on('connect', (packet) => {
      receiveMaximum = packet.properties?.receiveMaximum ?? RECEIVE_MAXIMUM_DEFAULT;
      client.subscribe(receiptTopic(agentId), { qos: 1 }, (error, granted) => {
        const code = granted?.[0]?.qos ?? 0;
        if (error !== null || code >= REFUSED) {
          const reasonCode = error === null ? code : reasonCodeOf(error) || REFUSED;
          lastError = { message: brokerFault(broker, reasonCode).message, code: reasonCode };
          client.end(true);
          down();
          return;
        }
        if (isDown || attempt !== this.#attempt) return;
        // The hub answers a birth with the receipts again; that it arrives proves nothing else.
        const birth = Buffer.from(encodeStatus(STATUS_BIRTH));
        client.publish(statusTopic(agentId), birth, { qos: 1 }, () => {});
        handlers.onUp({ receiveMaximum });
        this.#subscribeToTheRest(client, handlers);
      });
    });
  }

  /** Requests and advisories: without them the link is still good, and the refusal is told. */
  #subscribeToTheRest(client: MqttClient, handlers: LinkHandlers): void {
    const { broker } = this.#options;
    client.subscribe(this.#otherTopics(), { qos: 1 }, (error, granted) => {
      // An error of a link that is gone is the link's, and told there.
      if (!client.connected) return;
      const code = error === null ? Math.max(0, ...qosOf(granted)) : reasonCodeOf(error) || REFUSED;
      if (code >= REFUSED) handlers.onRefused?.(brokerFault(broker, code));
    });
  }
}

function qosOf(granted: readonly { readonly qos: number }[] | undefined): number[] {
  return (granted ?? []).map(({ qos }) => qos);
}

/** The reason code of MQTT in an error of the library; 0 where there is none. */
function reasonCodeOf(error: Error): number {
  return 'code' in error && typeof error.code === 'number' ? error.code : 0;
}

function errorOf(error: Error): LinkError {
  const code = 'code' in error ? error.code : undefined;
  return typeof code === 'string' || typeof code === 'number'
    ? { message: error.message, code }
    : { message: error.message };
}

/** Loaded with the first attempt; without its table of all 65,536 packet ids, which takes 11 MB. */
async function openLibrary(): Promise<typeof import('mqtt')> {
  const [library, { writeToStream }] = await Promise.all([import('mqtt'), import('mqtt-packet')]);
  writeToStream.cacheNumbers = false;
  return library;
}
