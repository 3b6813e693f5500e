/**
 * MQTT 5 as a transport and nothing more. The library's own reconnection, offline queue and store
 * are off: it ignores the broker's Receive Maximum, keeps what is published offline in memory, and
 * reconnects with a fixed period (measured: docs/benchmarks).
 */
import type { IClientOptions, MqttClient } from 'mqtt';
import { encodeStatus, STATUS_BIRTH, STATUS_GONE } from '../../protocols/uplink/status.ts';
import { receiptTopic, statusTopic } from '../../protocols/uplink/topics.ts';
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

export interface MqttLinkOptions {
  /** `mqtts://host:port`, or `mqtt://` to a loopback address. */
  readonly broker: string;
  readonly agentId: string;
  /** For mqtts://. */
  readonly tls?: TlsCredentials;
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
    import('mqtt').then(
      ({ connect }) => {
        if (attempt !== this.#attempt) return;
        const client = connect(this.#options.broker, this.#clientOptions());
        this.#client = client;
        this.#listen(client, attempt, handlers);
      },
      (error: Error) => handlers.onDown(linkFault(this.#options.broker, error)),
    );
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

  #clientOptions(): IClientOptions {
    const { agentId, tls } = this.#options;
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
      ...(tls !== undefined && {
        ca: Buffer.from(tls.authority),
        cert: Buffer.from(tls.certificate),
        key: Buffer.from(tls.key),
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
      });
    });
  }
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
