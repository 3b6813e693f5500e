/**
 * Every function code's PDU as its fields in wire order, by the names that records use
 * (pdu-fields.ts). Values are read here only to be shown; what is wrong with them is told by the
 * decoders beside this file. Spec: MODBUS Application Protocol V1.1b3, section 6.
 */
import type { ByteSpan } from '../decoded.ts';
import type { FieldList } from '../explain.ts';
import { ENCAPSULATED_INTERFACE, MEI_DEVICE_IDENTIFICATION } from './encapsulated-interface.ts';
import { EXCEPTION_BIT, exceptionName } from './exceptions.ts';
import { functionFacts } from './function-codes.ts';
import { wordAt } from './pdu-bytes.ts';
import type { ModbusPduFields } from './pdu-fields.ts';

/** What a PDU's explanation may lean on. */
export interface PduContext {
  readonly fields: ModbusPduFields;
  /** The request that a response answers, where it was seen. */
  readonly request: ByteSpan | undefined;
}

type PduExplainer = (list: FieldList, context: PduContext) => void;

/** Bytes of a file record's head behind the group's own length. */
const FILE_DATA_UNIT = 2;

const address = (list: FieldList): number => list.number('address', 2);
const quantity = (list: FieldList): number => list.number('quantity', 2);
const byteCount = (list: FieldList): number => list.number('byteCount', 1);
const nothing: PduExplainer = () => {};

// biome-ignore format: one function code per line
const REQUESTS: ReadonlyMap<number, PduExplainer> = new Map<number, PduExplainer>([
  [1,  explainAddressAndQuantity],
  [2,  explainAddressAndQuantity],
  [3,  explainAddressAndQuantity],
  [4,  explainAddressAndQuantity],
  [5,  explainWriteSingleCoil],
  [6,  explainWriteSingleRegister],
  [7,  nothing],
  [8,  explainDiagnostics],
  [11, nothing],
  [12, nothing],
  [15, (list) => { address(list); const bits = quantity(list); byteCount(list); addBits(list, 'coils', bits); }],
  [16, (list) => { const at = address(list); quantity(list); byteCount(list); addRegisters(list, 'registers', at); }],
  [17, nothing],
  [20, explainReadFileRequest],
  [21, explainWriteFile],
  [22, explainMaskWriteRegister],
  [23, explainReadWriteRequest],
  [24, (list) => { list.number('fifoPointerAddress', 2); }],
  [43, explainEncapsulatedRequest],
  [90, explainUmas],
]);

// biome-ignore format: one function code per line
const RESPONSES: ReadonlyMap<number, PduExplainer> = new Map<number, PduExplainer>([
  [1,  (list, context) => { byteCount(list); addBits(list, 'coils', askedQuantity(context)); }],
  [2,  (list, context) => { byteCount(list); addBits(list, 'discreteInputs', askedQuantity(context)); }],
  [3,  (list, context) => { byteCount(list); addRegisters(list, 'registers', askedAddress(context)); }],
  [4,  (list, context) => { byteCount(list); addRegisters(list, 'registers', askedAddress(context)); }],
  [5,  explainWriteSingleCoil],
  [6,  explainWriteSingleRegister],
  [7,  (list) => { list.number('exceptionStatus', 1, bitsOfByte); }],
  [8,  explainDiagnostics],
  [11, (list) => { list.number('status', 2, hexWord); list.number('eventCount', 2); }],
  [12, explainCommEventLog],
  [15, explainAddressAndQuantity],
  [16, explainAddressAndQuantity],
  [17, explainServerId],
  [20, explainReadFileResponse],
  [21, explainWriteFile],
  [22, explainMaskWriteRegister],
  [23, (list, context) => { byteCount(list); addRegisters(list, 'registers', askedAddress(context)); }],
  [24, (list) => { list.number('byteCount', 2); list.number('fifoCount', 2); addRegisters(list, 'fifoRegisters', -1); }],
  [43, explainEncapsulatedResponse],
  [90, explainUmas],
]);

/** Adds the fields of a PDU; what its function doesn't explain stays for the caller. */
export function explainPdu(list: FieldList, isRequest: boolean, context: PduContext): void {
  if (list.bytesLeft === 0) return;
  const functionByte = list.bytes[list.position];
  const isException = !isRequest && (functionByte & EXCEPTION_BIT) !== 0;
  const isMei = functionByte === ENCAPSULATED_INTERFACE && list.bytesLeft > 1;
  const facts = functionFacts(functionByte, isMei ? list.bytes[list.position + 1] : undefined);
  const refused = isException ? ', refused' : '';
  list.add('functionCode', 1, `${functionByte & ~EXCEPTION_BIT} (${facts.functionName}${refused})`);
  if (isException) {
    list.number('exceptionCode', 1, (code) => `${code} (${exceptionName(code)})`);
    return;
  }
  (isRequest ? REQUESTS : RESPONSES).get(functionByte)?.(list, context);
}

function explainAddressAndQuantity(list: FieldList): void {
  address(list);
  quantity(list);
}

function explainWriteSingleCoil(list: FieldList): void {
  address(list);
  list.number('outputValue', 2, (value) => {
    const name = value === 0xff00 ? ' (ON)' : value === 0 ? ' (OFF)' : '';
    return `${hexWord(value)}${name}`;
  });
}

function explainWriteSingleRegister(list: FieldList): void {
  address(list);
  list.number('registerValue', 2);
}

function explainDiagnostics(list: FieldList, { fields }: PduContext): void {
  list.number('subFunction', 2, (value) => `${value} (${fields.subFunctionName ?? 'reserved'})`);
  addWords(list, fields.counter === undefined ? 'data' : 'counter', -1);
}

function explainCommEventLog(list: FieldList, { fields }: PduContext): void {
  byteCount(list);
  list.number('status', 2, hexWord);
  list.number('eventCount', 2);
  list.number('messageCount', 2);
  const events = fields.events ?? [];
  list.group('events', events.length, `${events.length} events, newest first`, (inner) => {
    for (const [index, { kind, value }] of events.entries()) {
      inner.add(`[${index}]`, 1, `${kind} ${hexByte(value)}`);
    }
  });
}

function explainServerId(list: FieldList, { fields }: PduContext): void {
  const count = byteCount(list);
  list.number('serverId', 1, hexByte);
  list.number('runIndicatorStatus', 1, (status) => {
    return `${hexByte(status)}${status === 0xff ? ' (on)' : status === 0 ? ' (off)' : ''}`;
  });
  if (count > 2)
    list.add('additionalData', Math.min(count - 2, list.bytesLeft), fields.serverIdText ?? '');
}

function explainReadFileRequest(list: FieldList): void {
  byteCount(list);
  for (let index = 0; list.bytesLeft > 0; index++) {
    list.group(`groups[${index}]`, 7, '', addFileHead);
  }
}

function explainWriteFile(list: FieldList): void {
  list.number('requestDataBytes', 1);
  for (let index = 0; list.bytesLeft > 0; index++) {
    const at = list.position + 5;
    const isWhole = list.bytesLeft >= 7;
    const words = isWhole ? (list.bytes[at] << 8) | list.bytes[at + 1] : 0;
    list.group(`groups[${index}]`, 7 + words * FILE_DATA_UNIT, '', (inner) => {
      addFileHead(inner);
      inner.add('recordData', words * FILE_DATA_UNIT, `${words} registers`);
    });
  }
}

function explainReadFileResponse(list: FieldList): void {
  list.number('responseDataBytes', 1);
  for (let index = 0; list.bytesLeft > 0; index++) {
    const bytes = Math.max(1, list.bytes[list.position]);
    list.group(`groups[${index}]`, 1 + bytes, '', (inner) => {
      inner.number('fileResponseBytes', 1);
      inner.number('referenceType', 1);
      inner.add('recordData', inner.bytesLeft, `${inner.bytesLeft >> 1} registers`);
    });
  }
}

function addFileHead(list: FieldList): void {
  list.number('referenceType', 1);
  list.number('fileNumber', 2);
  list.number('recordNumber', 2);
  list.number('recordLength', 2, (words) => `${words} registers`);
}

function explainMaskWriteRegister(list: FieldList): void {
  address(list);
  list.number('andMask', 2, hexWord);
  list.number('orMask', 2, hexWord);
}

function explainReadWriteRequest(list: FieldList): void {
  list.number('read.address', 2);
  list.number('read.quantity', 2);
  const at = list.number('write.address', 2);
  list.number('write.quantity', 2);
  list.number('write.byteCount', 1);
  addRegisters(list, 'write.registers', at);
}

function explainEncapsulatedRequest(list: FieldList): void {
  if (list.number('meiType', 1) !== MEI_DEVICE_IDENTIFICATION) {
    list.rest('data');
    return;
  }
  list.number('readDeviceIdCode', 1);
  list.number('objectId', 1);
}

function explainEncapsulatedResponse(list: FieldList, { fields }: PduContext): void {
  if (list.number('meiType', 1) !== MEI_DEVICE_IDENTIFICATION) {
    list.rest('data');
    return;
  }
  list.number('readDeviceIdCode', 1);
  list.number('conformityLevel', 1, hexByte);
  list.number('moreFollows', 1, (value) =>
    value === 0xff ? 'yes' : value === 0 ? 'no' : hexByte(value),
  );
  list.number('nextObjectId', 1);
  list.number('numberOfObjects', 1);
  for (const [index, { objectId, name, valueBytes, value }] of (fields.objects ?? []).entries()) {
    list.group(`objects[${index}]`, 2 + valueBytes, name, (inner) => {
      inner.add('objectId', 1, `${objectId} (${name})`);
      inner.number('valueBytes', 1);
      inner.add('value', valueBytes, value);
    });
  }
}

/** FIELDS.md 1.5; the session key is a secret (2.8). */
function explainUmas(list: FieldList, { fields }: PduContext): void {
  list.secret('sessionKey', 1, 'session key');
  const name = fields.umasFunctionName ?? '';
  if (fields.umasStatus === undefined) {
    list.number('umasFunction', 1, (code) => `${hexByte(code)} (${name})`);
  } else {
    const answered = name === '' ? '' : `, answer to ${name}`;
    list.number('umasStatus', 1, (status) => `${hexByte(status)}${answered}`);
  }
  list.rest('block');
}

/** Bits up to `bitsCount`, and the pad bits behind them; all of them where the count is unknown. */
function addBits(list: FieldList, name: string, bitsCount: number): void {
  const { bytes, position, bytesLeft } = list;
  const there = bytesLeft * 8;
  const shown = bitsCount >= 0 && bitsCount <= there ? bitsCount : there;
  let text = '';
  for (let bit = 0; bit < shown; bit++) {
    text += (bytes[position + (bit >> 3)] >> (bit & 7)) & 1;
    if ((bit & 7) === 7) text += ' ';
  }
  const note = shown === bitsCount ? `${bitsCount} asked for` : 'lowest bit of each byte first';
  list.add(name, bytesLeft, text.trim(), note);
}

function addRegisters(list: FieldList, name: string, firstAddress: number): void {
  const words = list.bytesLeft >> 1;
  list.group(name, words * 2, `${words} registers`, (inner) => addWords(inner, '', firstAddress));
}

/** A trailing odd byte is left over. */
function addWords(list: FieldList, name: string, firstAddress: number): void {
  const words = list.bytesLeft >> 1;
  for (let index = 0; index < words; index++) {
    const at = list.position;
    const value = (list.bytes[at] << 8) | list.bytes[at + 1];
    const note = firstAddress < 0 ? '' : `address ${firstAddress + index}`;
    const isOnly = name !== '' && words === 1;
    list.add(isOnly ? name : `${name}[${index}]`, 2, String(value), note);
  }
}

function askedAddress({ request }: PduContext): number {
  return request === undefined ? -1 : wordAt(request, 1);
}

function askedQuantity({ request }: PduContext): number {
  return request === undefined ? -1 : wordAt(request, 3);
}

function bitsOfByte(value: number): string {
  return value.toString(2).padStart(8, '0');
}

function hexWord(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`;
}

function hexByte(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}
