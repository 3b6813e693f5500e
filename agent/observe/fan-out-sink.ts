/** Hands everything to two sinks in turn; only where records are written beside observing. */
import type {
  DecodeSink,
  DifferingOverlap,
  MalformedMessage,
  StreamGap,
} from '../../protocols/decode-sink.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import type {
  OpcuaNetworkMessage,
  OpcuaTransaction,
  OpcuaTransportMessage,
} from '../../protocols/opcua/transaction.ts';
import type { TlsConnection } from '../../protocols/tls/tls-connection.ts';

export class FanOutSink implements DecodeSink {
  readonly #first: DecodeSink;
  readonly #second: DecodeSink;

  constructor(first: DecodeSink, second: DecodeSink) {
    this.#first = first;
    this.#second = second;
  }

  modbusTransaction(transaction: ModbusTransaction): void {
    this.#first.modbusTransaction(transaction);
    this.#second.modbusTransaction(transaction);
  }

  opcuaTransaction(transaction: OpcuaTransaction): void {
    this.#first.opcuaTransaction(transaction);
    this.#second.opcuaTransaction(transaction);
  }

  opcuaTransportMessage(message: OpcuaTransportMessage): void {
    this.#first.opcuaTransportMessage(message);
    this.#second.opcuaTransportMessage(message);
  }

  opcuaNetworkMessage(message: OpcuaNetworkMessage): void {
    this.#first.opcuaNetworkMessage?.(message);
    this.#second.opcuaNetworkMessage?.(message);
  }

  malformed(message: MalformedMessage): void {
    this.#first.malformed(message);
    this.#second.malformed(message);
  }

  notModbusOnModbusPort(message: MalformedMessage): void {
    this.#first.notModbusOnModbusPort?.(message);
    this.#second.notModbusOnModbusPort?.(message);
  }

  gap(gap: StreamGap): void {
    this.#first.gap(gap);
    this.#second.gap(gap);
  }

  tlsConnection(connection: TlsConnection): void {
    this.#first.tlsConnection?.(connection);
    this.#second.tlsConnection?.(connection);
  }

  overlapDiffers(overlap: DifferingOverlap): void {
    this.#first.overlapDiffers?.(overlap);
    this.#second.overlapDiffers?.(overlap);
  }

  otherFrame(bytes: Uint8Array, sourceMac: number, end: number, timeUs: number): void {
    this.#first.otherFrame?.(bytes, sourceMac, end, timeUs);
    this.#second.otherFrame?.(bytes, sourceMac, end, timeUs);
  }

  flowEnded(flow: FlowFacts): void {
    this.#first.flowEnded(flow);
    this.#second.flowEnded(flow);
  }
}
