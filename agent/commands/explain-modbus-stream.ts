/**
 * Follows one direction of a Modbus/TCP flow for `replay --explain`: it knows where each message
 * began, so that the bytes of any one segment can be told as parts of messages.
 */

import type { ByteSpan, Digest } from '../../protocols/decoded.ts';
import type { ExplainedField } from '../../protocols/explain.ts';
import { CLIENT_TO_SERVER, type Direction } from '../../protocols/flow.ts';
import {
  explainModbus,
  explainNoModbus,
  explainRtu,
  isRtuFrame,
} from '../../protocols/modbus/explain.ts';
import { ADU_BYTES_MAX, LENGTH_COUNTS_FROM, PDU } from '../../protocols/modbus/mbap.ts';
import { aduBytesAt } from '../decode/modbus-recognition.ts';
import { findAfterLoss } from '../decode/modbus-resync.ts';

/** Requests of a flow whose answers are still waited for. */
const REQUESTS_MAX = 64;

/** The requests of one flow, by transaction identifier: what an answer's values stand for. */
export class ModbusRequests {
  readonly #pdus = new Map<number, Uint8Array>();

  add(transactionId: number, pdu: Uint8Array): void {
    this.#pdus.delete(transactionId);
    this.#pdus.set(transactionId, pdu);
    if (this.#pdus.size <= REQUESTS_MAX) return;
    for (const oldest of this.#pdus.keys()) {
      this.#pdus.delete(oldest);
      return;
    }
  }

  /** The request that a response with this function byte answers. */
  answeredBy(transactionId: number, functionByte: number): ByteSpan | undefined {
    const bytes = this.#pdus.get(transactionId);
    if (bytes === undefined || bytes[0] !== (functionByte & 0x7f)) return undefined;
    return { bytes, offset: 0, length: bytes.length };
  }
}

export class ModbusStream {
  readonly #direction: Direction;
  readonly #requests: ModbusRequests;
  readonly #digest: Digest;
  /** The message under way, from its first byte. */
  readonly #message = new Uint8Array(ADU_BYTES_MAX);
  #messageBytes = 0;
  #isInStep = true;
  /** After a loss: bytes of the broken message that still come, -1 when unknown. */
  #restBytes = -1;

  constructor(direction: Direction, requests: ModbusRequests, digest: Digest) {
    this.#direction = direction;
    this.#requests = requests;
    this.#digest = digest;
  }

  /** The next bytes of the stream; `fields` gets what they are, where somebody asks. */
  feed(bytes: Uint8Array, offset: number, end: number, fields?: ExplainedField[]): void {
    let at = offset;
    const isHeader = end - at >= LENGTH_COUNTS_FROM && aduBytesAt(bytes, at) !== 0;
    if (this.#messageBytes === 0 && !isHeader && isRtuFrame(bytes, offset, end)) {
      fields?.push(explainRtu(bytes, offset, end, this.#direction === CLIENT_TO_SERVER));
      return;
    }
    if (!this.#isInStep) {
      at = findAfterLoss(bytes, offset, end, this.#restBytes, this.#direction);
      if (at > offset) fields?.push(explainNoModbus(bytes, offset, at));
      this.#restBytes = Math.max(-1, this.#restBytes - (at - offset));
      this.#isInStep = at < end;
    }
    while (at < end) {
      const from = this.#messageBytes;
      const next = this.#take(bytes, at, end);
      const aduBytes = this.#aduBytes();
      if (aduBytes === 0 && this.#messageBytes >= LENGTH_COUNTS_FROM) {
        fields?.push(explainNoModbus(bytes, at, end));
        this.#lose(-1);
        return;
      }
      fields?.push(this.#explain(from, at, aduBytes));
      if (this.#messageBytes === aduBytes) this.#finish();
      at = next;
    }
  }

  /** Bytes that never come. */
  gap(bytesMissed: number): void {
    const aduBytes = this.#aduBytes();
    const isUnderWay = this.#messageBytes > 0 && aduBytes > 0;
    const rest = isUnderWay ? aduBytes - this.#messageBytes : this.#restBytes;
    this.#lose(rest >= bytesMissed ? rest - bytesMissed : -1);
  }

  #lose(restBytes: number): void {
    this.#messageBytes = 0;
    this.#isInStep = false;
    this.#restBytes = restBytes;
  }

  /** Takes what belongs to the message under way; answers where the next one begins. */
  #take(bytes: Uint8Array, offset: number, end: number): number {
    let at = offset;
    while (at < end) {
      const wanted = this.#aduBytes() || LENGTH_COUNTS_FROM;
      if (this.#messageBytes >= wanted) break;
      this.#message[this.#messageBytes++] = bytes[at++];
    }
    return at;
  }

  /** Bytes of the message under way; 0 while its header isn't whole, or where it is none. */
  #aduBytes(): number {
    return this.#messageBytes < LENGTH_COUNTS_FROM ? 0 : aduBytesAt(this.#message, 0);
  }

  #explain(from: number, frameOffset: number, aduBytes: number): ExplainedField {
    const isRequest = this.#direction === CLIENT_TO_SERVER;
    const to = this.#messageBytes;
    return explainModbus({
      bytes: this.#message,
      from,
      to,
      frameOffset,
      aduBytes,
      isRequest,
      digest: this.#digest,
      ...(!isRequest &&
        to > PDU && {
          request: this.#requests.answeredBy(this.#transactionId(), this.#message[PDU]),
        }),
    });
  }

  #finish(): void {
    if (this.#direction === CLIENT_TO_SERVER) {
      this.#requests.add(this.#transactionId(), this.#message.slice(PDU, this.#messageBytes));
    }
    this.#messageBytes = 0;
  }

  #transactionId(): number {
    return (this.#message[0] << 8) | this.#message[1];
  }
}
