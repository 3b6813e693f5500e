/** The beginning of an ordinary Modbus record as bytes: identifier, times, flow (FIELDS.md 3). */
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import { putMilliseconds } from './modbus-record-line.ts';
import {
  type PutText,
  putFourDigits,
  putInteger,
  putText,
  putTwoDigits,
  type RecordBytes,
  textToPut,
} from './record-bytes.ts';
import type { FlowText } from './record-flow-text.ts';
import type { RecordNumbers } from './record-numbers.ts';
import { gapText, redundancyText } from './record-parts.ts';

const HEAD = textToPut('{"protocol":"modbus","kind":"transaction","recordId":"');
const REQUEST_TIME = '","requestTimeUs":';
const RESPONSE_TIME = ',"responseTimeUs":';
const RTT = textToPut(',"rttMs":');
const TRANSPORT_TCP = textToPut(',"transport":"tcp","transactionId":');
const TRANSPORT_UDP = textToPut(',"transport":"udp","transactionId":');

const US_A_SECOND = 1_000_000;
/** From 2001 to 2286 a second has ten digits; other stamps go the slow way. */
const FIRST_SECOND = 1_000_000_000;
const LAST_SECOND = 9_999_999_999;
const TEN_THOUSAND = 10_000;
const INT32_MAX = 0x7fffffff;

/** A time with its name. The digits of the last second are kept: neighbouring records share it. */
class RecordTime {
  readonly #name: string;
  #second = -1;
  #text: PutText;

  /** `name`: what stands before the time. */
  constructor(name: string) {
    this.#name = name;
    this.#text = textToPut(name);
  }

  /** Puts name and time in UTC microseconds; -1 where it has not sixteen digits. */
  put(out: RecordBytes, at: number, timeUs: number): number {
    const second = Math.floor(timeUs / US_A_SECOND);
    if (second !== this.#second) {
      if (!(second >= FIRST_SECOND && second <= LAST_SECOND)) return -1;
      this.#second = second;
      this.#text = textToPut(this.#name + second);
    }
    const fraction = timeUs - second * US_A_SECOND;
    const high = (fraction / TEN_THOUSAND) | 0;
    const end = putTwoDigits(out, putText(out, at, this.#text), high);
    return putFourDigits(out, end, fraction - high * TEN_THOUSAND);
  }
}

/** The two times of a record. */
export class RecordTimes {
  readonly request = new RecordTime(REQUEST_TIME);
  readonly response = new RecordTime(RESPONSE_TIME);
}

/**
 * Puts a line up to the transaction identifier; returns where it ends, or -1 where a number has
 * another form than nearly all have.
 */
export function putEnvelope(
  out: RecordBytes,
  transaction: ModbusTransaction,
  flowText: FlowText,
  numbers: RecordNumbers,
  times: RecordTimes,
): number {
  const { flow, rttUs, transport } = transaction;
  if (rttUs > INT32_MAX || flowText.put === undefined) return -1;
  let at = putText(out, out.length, HEAD);
  at = putText(out, at, numbers.intervalText);
  at = putInteger(out, at, numbers.following);
  at = times.request.put(out, at, transaction.requestTimeUs);
  if (at < 0) return -1;
  at = times.response.put(out, at, transaction.responseTimeUs);
  if (at < 0) return -1;
  if (rttUs >= 0) at = putMilliseconds(out, putText(out, at, RTT), rttUs);
  at = putText(out, at, flowText.put);
  if (flow.gapsCount > 0 || flow.clientBytesMissed > 0 || flow.serverBytesMissed > 0) {
    at += out.bytes.write(gapText(flow), at, 'latin1');
  }
  if (flow.prp !== undefined || flow.hsr !== undefined) {
    at += out.bytes.write(redundancyText(flow), at, 'latin1');
  }
  at = putText(out, at, transport === 'udp' ? TRANSPORT_UDP : TRANSPORT_TCP);
  return putInteger(out, at, transaction.transactionId);
}
