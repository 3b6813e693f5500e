/**
 * TLS on the ports of Modbus (Modbus/TCP Security, port 802): one record per connection, of what
 * can be seen without a key. The payload is never decoded.
 * Spec: MODBUS/TCP Security Protocol Specification V21; docs/fields.md 1.6.
 */
import type { DecodeSink } from '../../protocols/decode-sink.ts';
import { CLIENT_TO_SERVER, type FlowFacts } from '../../protocols/flow.ts';
import { createTlsHandshake, type TlsHandshake } from '../../protocols/tls/handshake.ts';
import type { Recognition, SegmentContext, Sender, StreamAnalyzer } from './stream-analyzer.ts';
import { TlsDirection } from './tls-direction.ts';
import { recognizeTls, senderOfTls } from './tls-recognition.ts';

/** Connections followed at one time, 70 KiB each at most while they shake hands. */
export const TLS_CONNECTIONS_MAX = 256;

interface Connection {
  readonly flow: FlowFacts;
  readonly handshake: TlsHandshake;
  readonly client: TlsDirection;
  readonly server: TlsDirection;
  readonly frameNumber: number;
  readonly firstTimeUs: number;
  lastTimeUs: number;
}

export class TlsAnalyzer implements StreamAnalyzer {
  readonly protocol = 'modbus';
  readonly #sink: DecodeSink;
  readonly #connections = new Map<number, Connection>();
  #refusedCount = 0;

  constructor(sink: DecodeSink) {
    this.#sink = sink;
  }

  /** Segments of connections that found no room. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  recognize(
    bytes: Uint8Array,
    offset: number,
    length: number,
    portConfigured: boolean,
  ): Recognition {
    return recognizeTls(bytes, offset, length, portConfigured);
  }

  senderOf(bytes: Uint8Array, offset: number, length: number): Sender {
    return senderOfTls(bytes, offset, length);
  }

  /** Nothing is tentative here. */
  confirm(): boolean {
    return false;
  }

  flowBegan(flow: FlowFacts): void {
    this.#connections.delete(flow.slot);
  }

  segment(context: SegmentContext, bytes: Uint8Array, offset: number, length: number): void {
    const connection = this.#connectionOf(context);
    if (connection === undefined) return;
    connection.lastTimeUs = context.timeUs;
    this.#directionOf(connection, context).segment(bytes, offset, length);
  }

  gap(context: SegmentContext, bytesMissed: number): void {
    const connection = this.#connections.get(context.slot);
    if (connection !== undefined) this.#directionOf(connection, context).gap(bytesMissed);
  }

  flowEnded(flow: FlowFacts): void {
    const connection = this.#connections.get(flow.slot);
    if (connection === undefined) return;
    this.#connections.delete(flow.slot);
    this.#sink.tlsConnection?.(connection);
  }

  advance(): void {}

  #connectionOf(context: SegmentContext): Connection | undefined {
    const known = this.#connections.get(context.slot);
    if (known !== undefined) return known;
    if (this.#connections.size >= TLS_CONNECTIONS_MAX) {
      this.#refusedCount++;
      return undefined;
    }
    const { flow, frameNumber, timeUs } = context;
    const handshake = createTlsHandshake();
    const connection = {
      flow,
      handshake,
      client: new TlsDirection(handshake, true),
      server: new TlsDirection(handshake, false),
      frameNumber,
      firstTimeUs: timeUs,
      lastTimeUs: timeUs,
    };
    this.#connections.set(context.slot, connection);
    return connection;
  }

  #directionOf(connection: Connection, context: SegmentContext): TlsDirection {
    return context.direction === CLIENT_TO_SERVER ? connection.client : connection.server;
  }
}
