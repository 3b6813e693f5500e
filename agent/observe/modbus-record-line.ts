/**
 * The line of an ordinary Modbus transaction, written straight from its PDUs: functions 1 to 6, 15,
 * 16 and 23, and the refusal of one, paired and without anomalies. Everything else goes the slow
 * way, by way of objects; the test holds both against each other, byte for byte.
 */
import type { ByteSpan } from '../../protocols/decoded.ts';
import {
  exceptionCodeOf,
  exceptionName,
  isExceptionLegal,
} from '../../protocols/modbus/exceptions.ts';
import { functionFacts } from '../../protocols/modbus/function-codes.ts';
import type { ModbusTransaction } from '../../protocols/modbus/transaction.ts';
import {
  type PutText,
  putFourDigits,
  putInteger,
  putText,
  putWords,
  type RecordBytes,
  textToPut,
} from './record-bytes.ts';

const READ_COILS = 1;
const READ_DISCRETE_INPUTS = 2;
const READ_HOLDING_REGISTERS = 3;
const READ_INPUT_REGISTERS = 4;
const WRITE_SINGLE_COIL = 5;
const WRITE_SINGLE_REGISTER = 6;
const WRITE_MULTIPLE_COILS = 15;
const WRITE_MULTIPLE_REGISTERS = 16;
const READ_WRITE_MULTIPLE_REGISTERS = 23;

const FUNCTIONS = 24;
const BYTE_VALUES = 256;

/** From behind the transaction identifier to the first number of the request, once made. */
const heads = new Array<PutText | undefined>(FUNCTIONS * BYTE_VALUES).fill(undefined);

function isOrdinary(functionCode: number): boolean {
  const isWithin = functionCode >= READ_COILS && functionCode <= WRITE_SINGLE_REGISTER;
  const isMultiple =
    functionCode === WRITE_MULTIPLE_COILS || functionCode === WRITE_MULTIPLE_REGISTERS;
  return isWithin || isMultiple || functionCode === READ_WRITE_MULTIPLE_REGISTERS;
}

function headOf(functionCode: number, unitId: number): PutText {
  const known = heads[functionCode * BYTE_VALUES + unitId];
  if (known !== undefined) return known;
  const { functionName, functionClass, access, object } = functionFacts(functionCode);
  const fields = { functionCode, functionName, functionClass, access, object, matched: true };
  const facts = JSON.stringify(fields).slice(1, -1);
  const made = textToPut(`,"protocolId":0,"unitId":${unitId},${facts},"request":{"pduBytes":`);
  heads[functionCode * BYTE_VALUES + unitId] = made;
  return made;
}

/** For each length of a PDU, what ends its side and begins what follows. */
const endsOfRequest = everyLength(
  (pduBytes) => `,"lengthBytes":${pduBytes + 1}},"response":{"pduBytes":`,
);
const endsOfResponse = everyLength((pduBytes) => `,"lengthBytes":${pduBytes + 1}}`);
/** For each length of a response with registers or bits, how it begins. */
const registersOfResponse = everyLength(
  (pduBytes) => `${pduBytes},"byteCount":${pduBytes - 2},"registers":[`,
);
const bitsOfResponse = everyLength((pduBytes) => `${pduBytes},"byteCount":${pduBytes - 2}`);

function everyLength(textOf: (pduBytes: number) => string): readonly PutText[] {
  return Array.from({ length: BYTE_VALUES }, (_, pduBytes) => textToPut(textOf(pduBytes)));
}

const ADDRESS = textToPut(',"address":');
const QUANTITY = textToPut(',"quantity":');
const BYTE_COUNT = textToPut(',"byteCount":');
const OUTPUT_VALUE = textToPut(',"outputValue":');
const REGISTER_VALUE = textToPut(',"registerValue":');
const REGISTERS = textToPut(',"registers":[');
const COILS = textToPut(',"coils":[');
const DISCRETE_INPUTS = textToPut(',"discreteInputs":[');
const PAD_BITS = textToPut(',"padBits":0');
const READ = textToPut(',"read":{"address":');
const WRITE = textToPut('},"write":{"address":');
const REQUEST_FRAME = textToPut('"request":[');
const RESPONSE_FRAME = textToPut('"response":[');
const FRAMES = textToPut(',"frames":{');
const BOTH_FRAMES = textToPut(',"frames":{"request":[');
const SECOND_FRAME = textToPut('],"response":[');
const END_BEHIND_FRAMES = textToPut(']},"anomalies":[],"decode":{"status":"ok","confidence":1}}\n');
const END = textToPut(',"anomalies":[],"decode":{"status":"ok","confidence":1}}\n');

/** Two bits, the lower one first, as four bytes: `0,0,` `1,0,` `0,1,` `1,1,`. */
const BIT_PAIRS = Int32Array.of(0x302c302c, 0x312c302c, 0x302c312c, 0x312c312c);
const BIT_PAIR_BYTES = 4;

const COMMA = 0x2c;
const POINT = 0x2e;
const ZERO = 0x30;
const BRACKET = 0x5d;
const BRACE = 0x7d;

/** The slow way is better for what this one can't write. */
export function isOrdinaryRecord(transaction: ModbusTransaction): boolean {
  const { transport, anomalies, requestPdu, responsePdu } = transaction;
  return (
    transaction.matched &&
    anomalies.length === 0 &&
    transaction.retriesCount === 0 &&
    transaction.protocolId === 0 &&
    (transport === 'tcp' || transport === 'udp') &&
    hasOrdinaryBytes(transaction.functionCode, requestPdu, responsePdu)
  );
}

/** Are both PDUs as long as their function says, so that each field is there? */
function hasOrdinaryBytes(functionCode: number, request: ByteSpan, response: ByteSpan): boolean {
  const { bytes, offset, length } = request;
  const { bytes: answer, offset: answerAt, length: answerBytes } = response;
  if (length < 5 || answerBytes < 2 || bytes[offset] !== functionCode) return false;
  if (answer[answerAt] === (functionCode | 0x80)) {
    return answerBytes === 2 && isRequestWhole(functionCode, bytes, offset, length);
  }
  if (answer[answerAt] !== functionCode) return false;
  if (!isRequestWhole(functionCode, bytes, offset, length)) return false;
  const quantity = wordAt(bytes, offset + 3);
  switch (functionCode) {
    case READ_COILS:
    case READ_DISCRETE_INPUTS:
      return hasBits(answer, answerAt + 1, answerBytes - 2, quantity);
    case READ_HOLDING_REGISTERS:
    case READ_INPUT_REGISTERS:
    case READ_WRITE_MULTIPLE_REGISTERS:
      return hasRegisters(answer, answerAt + 1, answerBytes - 2, quantity);
    default:
      return answerBytes === 5;
  }
}

function isRequestWhole(
  functionCode: number,
  bytes: Uint8Array,
  at: number,
  length: number,
): boolean {
  const quantity = wordAt(bytes, at + 3);
  switch (functionCode) {
    case WRITE_MULTIPLE_COILS:
      return hasBits(bytes, at + 5, length - 6, quantity);
    case WRITE_MULTIPLE_REGISTERS:
      return hasRegisters(bytes, at + 5, length - 6, quantity);
    case READ_WRITE_MULTIPLE_REGISTERS:
      return hasRegisters(bytes, at + 9, length - 10, wordAt(bytes, at + 7));
    default:
      return length === 5 && isOrdinary(functionCode);
  }
}

/** A byte count at `at`, and behind it as many bytes as the bits need, padded with zeros? */
function hasBits(bytes: Uint8Array, at: number, bytesLeft: number, quantity: number): boolean {
  const byteCount = (quantity + 7) >> 3;
  if (quantity === 0 || bytesLeft !== byteCount || bytes[at] !== byteCount) return false;
  return (quantity & 7) === 0 || bytes[at + byteCount] >> (quantity & 7) === 0;
}

function hasRegisters(bytes: Uint8Array, at: number, bytesLeft: number, quantity: number): boolean {
  return quantity > 0 && bytesLeft === 2 * quantity && bytes[at] === bytesLeft;
}

/**
 * Writes from behind the transaction identifier to the end of the line; returns where it ends. Only
 * for what `isOrdinaryRecord` allows.
 */
export function putModbusRecord(
  out: RecordBytes,
  begin: number,
  transaction: ModbusTransaction,
): number {
  const { functionCode, requestPdu, responsePdu } = transaction;
  let at = putText(out, begin, headOf(functionCode, transaction.unitId));
  at = putInteger(out, at, requestPdu.length);
  at = putRequest(out, at, functionCode, requestPdu.bytes, requestPdu.offset);
  at = putText(out, at, endsOfRequest[requestPdu.length]);
  const isRefused = responsePdu.bytes[responsePdu.offset] !== functionCode;
  at = isRefused
    ? putInteger(out, at, responsePdu.length)
    : putResponse(out, at, functionCode, requestPdu, responsePdu);
  at = putText(out, at, endsOfResponse[responsePdu.length]);
  if (isRefused) at = putText(out, at, exceptionText(functionCode, exceptionCodeOf(responsePdu)));
  return putEnd(out, at, transaction.requestFrameNumber, transaction.responseFrameNumber);
}

function putRequest(
  out: RecordBytes,
  begin: number,
  functionCode: number,
  pdu: Uint8Array,
  offset: number,
): number {
  if (functionCode === READ_WRITE_MULTIPLE_REGISTERS) return putReadWrite(out, begin, pdu, offset);
  let at = putText(out, begin, ADDRESS);
  at = putInteger(out, at, wordAt(pdu, offset + 1));
  const value = wordAt(pdu, offset + 3);
  if (functionCode === WRITE_SINGLE_COIL) at = putText(out, at, OUTPUT_VALUE);
  else if (functionCode === WRITE_SINGLE_REGISTER) at = putText(out, at, REGISTER_VALUE);
  else at = putText(out, at, QUANTITY);
  at = putInteger(out, at, value);
  if (functionCode < WRITE_MULTIPLE_COILS) return at;
  at = putText(out, at, BYTE_COUNT);
  at = putInteger(out, at, pdu[offset + 5]);
  if (functionCode === WRITE_MULTIPLE_REGISTERS)
    return putWords(out, putText(out, at, REGISTERS), pdu, offset + 6, value);
  at = putText(out, at, COILS);
  at = putBits(out, at, pdu, offset + 6, value);
  return (value & 7) === 0 ? at : putText(out, at, PAD_BITS);
}

function putReadWrite(out: RecordBytes, begin: number, pdu: Uint8Array, offset: number): number {
  let at = putText(out, begin, READ);
  at = putInteger(out, at, wordAt(pdu, offset + 1));
  at = putText(out, at, QUANTITY);
  at = putInteger(out, at, wordAt(pdu, offset + 3));
  at = putText(out, at, WRITE);
  at = putInteger(out, at, wordAt(pdu, offset + 5));
  at = putText(out, at, QUANTITY);
  at = putInteger(out, at, wordAt(pdu, offset + 7));
  at = putText(out, at, BYTE_COUNT);
  at = putInteger(out, at, pdu[offset + 9]);
  at = putText(out, at, REGISTERS);
  at = putWords(out, at, pdu, offset + 10, wordAt(pdu, offset + 7));
  out.bytes[at++] = BRACE;
  return at;
}

function putResponse(
  out: RecordBytes,
  begin: number,
  functionCode: number,
  request: ByteSpan,
  response: ByteSpan,
): number {
  const { bytes: pdu, offset } = response;
  if (functionCode > READ_INPUT_REGISTERS && functionCode !== READ_WRITE_MULTIPLE_REGISTERS) {
    let at = putInteger(out, begin, response.length);
    at = putText(out, at, ADDRESS);
    at = putInteger(out, at, wordAt(pdu, offset + 1));
    if (functionCode === WRITE_SINGLE_COIL) at = putText(out, at, OUTPUT_VALUE);
    else if (functionCode === WRITE_SINGLE_REGISTER) at = putText(out, at, REGISTER_VALUE);
    else at = putText(out, at, QUANTITY);
    return putInteger(out, at, wordAt(pdu, offset + 3));
  }
  if (functionCode > READ_DISCRETE_INPUTS) {
    const at = putText(out, begin, registersOfResponse[response.length]);
    return putWords(out, at, pdu, offset + 2, pdu[offset + 1] >> 1);
  }
  let at = putText(out, begin, bitsOfResponse[response.length]);
  const quantity = wordAt(request.bytes, request.offset + 3);
  if ((quantity & 7) !== 0) at = putText(out, at, PAD_BITS);
  at = putText(out, at, functionCode === READ_COILS ? COILS : DISCRETE_INPUTS);
  return putBits(out, at, pdu, offset + 2, quantity);
}

/** `count` bits, one at least, and the bracket behind them. */
function putBits(
  out: RecordBytes,
  begin: number,
  pdu: Uint8Array,
  offset: number,
  count: number,
): number {
  const { view } = out;
  let at = begin;
  for (let index = 0; index < count; index += 2) {
    const pair = (pdu[offset + (index >> 3)] >> (index & 7)) & 3;
    view.setInt32(at, BIT_PAIRS[pair]);
    at += BIT_PAIR_BYTES;
  }
  const end = begin + 2 * count;
  out.bytes[end - 1] = BRACKET;
  return end;
}

function putEnd(out: RecordBytes, begin: number, request: number, response: number): number {
  if (request <= 0 || response <= 0) {
    return putText(out, putFrames(out, begin, request, response), END);
  }
  let at = putInteger(out, putText(out, begin, BOTH_FRAMES), request);
  at = putInteger(out, putText(out, at, SECOND_FRAME), response);
  return putText(out, at, END_BEHIND_FRAMES);
}

/** Absent live, where frames have no numbers. */
function putFrames(out: RecordBytes, begin: number, request: number, response: number): number {
  if (request <= 0 && response <= 0) return begin;
  let at = putText(out, begin, FRAMES);
  if (request > 0) {
    at = putText(out, at, REQUEST_FRAME);
    at = putInteger(out, at, request);
    out.bytes[at++] = BRACKET;
  }
  if (response > 0) {
    if (request > 0) out.bytes[at++] = COMMA;
    at = putText(out, at, RESPONSE_FRAME);
    at = putInteger(out, at, response);
    out.bytes[at++] = BRACKET;
  }
  out.bytes[at++] = BRACE;
  return at;
}

/** By function code and exception code; there are few. */
const EXCEPTION_TEXTS = new Map<number, PutText>();

function exceptionText(functionCode: number, exceptionCode: number): PutText {
  const key = (functionCode << 8) | exceptionCode;
  const known = EXCEPTION_TEXTS.get(key);
  if (known !== undefined) return known;
  const fields = {
    exceptionCode,
    exceptionName: exceptionName(exceptionCode),
    exceptionLegalForFunction: isExceptionLegal(exceptionCode, functionCode),
  };
  const text = textToPut(`,${JSON.stringify(fields).slice(1, -1)}`);
  EXCEPTION_TEXTS.set(key, text);
  return text;
}

/** `rttUs` (0 to 2^31 - 1) as milliseconds, as JSON writes the number. */
export function putMilliseconds(out: RecordBytes, begin: number, rttUs: number): number {
  const milliseconds = (rttUs / 1000) | 0;
  const rest = rttUs - milliseconds * 1000;
  const point = putInteger(out, begin, milliseconds);
  if (rest === 0) return point;
  // The first of the four digits is a zero, and gives its place to the point.
  let at = putFourDigits(out, point, rest);
  out.bytes[point] = POINT;
  while (out.bytes[at - 1] === ZERO) at--;
  return at;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}
