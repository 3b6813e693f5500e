/**
 * The short way of the ordinary poll: one Modbus/TCP message that fills its segment, a request
 * while none waits on its connection, or the answer to the only one that does, both beyond
 * reproach. It fills the same tables as the long way (stream-delivery.ts, modbus-analyzer.ts,
 * modbus-pairing.ts) without the questions that the ordinary case has answered; whatever isn't
 * quite so is left, untouched, to the long way, and a test holds the two ways together.
 *
 * Closures for the reason that plain-segments.ts gives: a sixth of the time of a replay
 * (docs/benchmarks.md).
 */
import { NO_ANOMALIES } from '../../protocols/decoded.ts';
import { CLIENT_TO_SERVER, type FlowFacts, SERVER_TO_CLIENT } from '../../protocols/flow.ts';
import {
  ADU_BYTES_MAX,
  LENGTH_COUNTS_FROM,
  PDU,
  PROTOCOL_ID,
  UNIT_ID,
} from '../../protocols/modbus/mbap.ts';
import { isOrdinaryRequest, isOrdinaryResponse } from '../../protocols/modbus/ordinary.ts';
import { FLOW_MODBUS, type FlowTable } from './flow-table.ts';
import type { ModbusPairing } from './modbus-pairing.ts';
import { ReusedTransaction } from './modbus-reused-transaction.ts';
import type { SegmentContext } from './stream-analyzer.ts';

/** The engine folds a constant of this file, but loads an imported one at each use. */
const PROTOCOL_AT = PROTOCOL_ID;
const UNIT_AT = UNIT_ID;
const PDU_AT = PDU;
const BYTES_MAX = ADU_BYTES_MAX;
const LENGTH_FROM = LENGTH_COUNTS_FROM;
const OF_MODBUS = FLOW_MODBUS;
const FROM_CLIENT = CLIENT_TO_SERVER;
const FROM_SERVER = SERVER_TO_CLIENT;
const NOTHING_WRONG = NO_ANOMALIES;
/** Of a direction (modbus-analyzer.ts): the next byte begins a message. */
const IN_STEP = 0;
/** No request waits (modbus-pending.ts). */
const NOBODY = -1;
const NO_CHECK = -1;
const FUNCTION_CODE_MASK = 0x7f;
const EXCEPTION_BIT = 0x80;

/**
 * True when the segment, the next of its direction, was taken; false: nothing has happened. `view`
 * is over `bytes`.
 */
export type TakePlainPoll = (
  direction: number,
  bytes: Uint8Array,
  view: DataView,
  at: number,
  length: number,
) => boolean;

/**
 * `states` by slot * 2 + CLIENT_TO_SERVER or SERVER_TO_CLIENT; `context` names the frame under way,
 * and its flow is set here.
 */
export function createTakePlainPoll(
  states: Uint8Array,
  pairing: ModbusPairing,
  flows: FlowTable,
  context: SegmentContext,
): TakePlainPoll {
  const { state, facts, clientSide } = flows;
  const takeRequest = createTakeRequest(pairing, context);
  const takeResponse = createTakeResponse(pairing, context);

  return (direction, bytes, view, at, length) => {
    const slot = direction >> 1;
    if (state[slot] !== OF_MODBUS || length <= PDU_AT || length > BYTES_MAX) return false;
    // The protocol identifier, which is 0, and the length in one word.
    if (view.getInt32(at + PROTOCOL_AT) !== length - LENGTH_FROM) return false;
    const sender = (direction & 1) === clientSide[slot] ? FROM_CLIENT : FROM_SERVER;
    const flow = facts[slot];
    if (flow === undefined || states[slot * 2 + sender] !== IN_STEP) return false;
    const unitAndFunction = view.getInt16(at + UNIT_AT);
    // As keyOf (modbus-request-key.ts), from whole words.
    const key =
      ((view.getInt16(at) & 0xffff) << 15) |
      ((unitAndFunction & 0xff00) >> 1) |
      (unitAndFunction & FUNCTION_CODE_MASK);
    return sender === FROM_CLIENT
      ? takeRequest(slot, flow, key, bytes, at + PDU_AT, length - PDU_AT)
      : takeResponse(slot, flow, key, bytes, at + PDU_AT, length - PDU_AT);
  };
}

type TakePdu = (
  slot: number,
  flow: FlowFacts,
  key: number,
  bytes: Uint8Array,
  pduAt: number,
  pduBytes: number,
) => boolean;

function createTakeRequest({ pending, counters }: ModbusPairing, context: SegmentContext): TakePdu {
  const { byFunctionCode } = counters;

  return (slot, flow, key, bytes, pduAt, pduBytes) => {
    if (pending.headOf(slot) !== NOBODY || pending.isFull) return false;
    if (!isOrdinaryRequest(bytes, pduAt, pduBytes)) return false;
    byFunctionCode[key & FUNCTION_CODE_MASK] += 1;
    counters.requests += 1;
    context.slot = slot;
    context.direction = FROM_CLIENT;
    if (context.flow !== flow) context.flow = flow;
    flow.lastSeenUs = context.timeUs;
    flow.clientSegmentsCount++;
    pending.add(context, key, 0, NO_CHECK, bytes, pduAt, pduBytes);
    return true;
  };
}

function createTakeResponse(pairing: ModbusPairing, context: SegmentContext): TakePdu {
  const { pending, answered, counters, sink } = pairing;
  const { byFunctionCode } = counters;
  let transaction: ReusedTransaction | undefined;

  return (slot, flow, key, bytes, pduAt, pduBytes) => {
    const row = pending.onlyOf(slot, key);
    if (row === NOBODY || pending.flagsOf(row) !== 0) return false;
    const requestAt = pending.pduOffset(row);
    const requestBytes = pending.pduBytesOf(row);
    if (!isOrdinaryResponse(bytes, pduAt, pduBytes, pending.bytes, requestAt, requestBytes)) {
      return false;
    }
    byFunctionCode[key & FUNCTION_CODE_MASK] += 1;
    if ((bytes[pduAt] & EXCEPTION_BIT) !== 0) counters.exceptions += 1;
    else counters.responses += 1;
    context.slot = slot;
    context.direction = FROM_SERVER;
    if (context.flow !== flow) context.flow = flow;
    flow.lastSeenUs = context.timeUs;
    flow.serverSegmentsCount++;
    transaction ??= new ReusedTransaction(flow, pending);
    if (transaction.flow !== flow) transaction.setFlow(flow, false);
    transaction.setMatch(context, row, bytes, pduAt, pduBytes, NO_CHECK);
    if (transaction.anomalies !== NOTHING_WRONG) transaction.anomalies = NOTHING_WRONG;
    sink.modbusTransaction(transaction);
    // A request that was repeated has a flag, and isn't taken here.
    answered.answer(slot, key, false, bytes, pduAt, pduBytes);
    pending.removeOnly(slot, row);
    return true;
  };
}
