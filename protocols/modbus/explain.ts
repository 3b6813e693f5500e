/**
 * One Modbus message (MBAP header and PDU) field by field, also where only a part of it lies in the
 * frame. The picture of the header stands in mbap.ts.
 */
import type { Anomaly, ByteSpan, Digest } from '../decoded.ts';
import { clipFields, type ExplainedField, FieldList, markAnomalies } from '../explain.ts';
import { CRC_BYTES, crcAt, isCrcRight } from './crc16.ts';
import { explainPdu } from './explain-pdu.ts';
import { functionFacts } from './function-codes.ts';
import { headerFault, LENGTH_COUNTS_FROM, PDU } from './mbap.ts';
import { decodeRequestPdu } from './request.ts';
import { decodeResponsePdu } from './response.ts';
import { RTU_FRAME_BYTES_MAX, RTU_FRAME_BYTES_MIN, RTU_OVERHEAD_BYTES, RTU_PDU } from './rtu.ts';

/** A message as far as it is known: from its first byte to the last one in the frame. */
export interface ModbusMessagePart {
  /** The message's bytes from its first; those before `from` came in earlier frames. */
  readonly bytes: Uint8Array;
  /** The part of it that lies in the frame: `[from, to)`. */
  readonly from: number;
  readonly to: number;
  /** Offset in the frame of the byte at `from`. */
  readonly frameOffset: number;
  /** Bytes of the whole message by its header; 0 where the header isn't whole or is none. */
  readonly aduBytes: number;
  readonly isRequest: boolean;
  /** The request PDU that a response answers, where it was seen. */
  readonly request?: ByteSpan | undefined;
  readonly digest?: Digest | undefined;
}

/** One field that covers `[from, to)` of the message, in offsets of the frame. */
export function explainModbus(part: ModbusMessagePart): ExplainedField {
  const { bytes, from, to, aduBytes, isRequest } = part;
  const list = new FieldList(bytes, 0, to);
  list.number('transactionId', 2);
  list.number('protocolId', 2);
  list.number('lengthBytes', 2);
  list.number('unitId', 1);
  const isWhole = to === aduBytes;
  const anomalies: Anomaly[] = [];
  if (to > PDU) addPdu(list, part, isWhole ? anomalies : []);
  const shift = part.frameOffset - from;
  const children = clipFields(markAnomalies(list.finish(), anomalies, PDU), from, to, shift);
  const side = isRequest ? 'request' : 'response';
  const note = from === 0 && isWhole ? '' : partText(part, side);
  return {
    name: 'modbus',
    offset: part.frameOffset,
    length: to - from,
    value: to > PDU ? `${side}, ${functionFacts(bytes[PDU]).functionName}` : side,
    ...(note !== '' && { note }),
    children,
  };
}

/** Is this one whole RTU frame, by its check? (rtu.ts has the picture) */
export function isRtuFrame(bytes: Uint8Array, offset: number, end: number): boolean {
  const length = end - offset;
  if (length < RTU_FRAME_BYTES_MIN || length > RTU_FRAME_BYTES_MAX) return false;
  return isCrcRight(bytes, offset, length);
}

/** An RTU frame in a stream: `[offset, end)` is all of it. */
export function explainRtu(
  bytes: Uint8Array,
  offset: number,
  end: number,
  isRequest: boolean,
): ExplainedField {
  const list = new FieldList(bytes, offset, end);
  list.number('unitId', 1);
  const pdu = { bytes, offset: offset + RTU_PDU, length: end - offset - RTU_OVERHEAD_BYTES };
  const anomalies: Anomaly[] = [];
  const fields = isRequest
    ? decodeRequestPdu(pdu, anomalies)
    : decodeResponsePdu(pdu, undefined, anomalies);
  const inner = new FieldList(bytes, pdu.offset, pdu.offset + pdu.length);
  explainPdu(inner, isRequest, { fields, request: undefined });
  list.append(markAnomalies(inner.finish(), anomalies, pdu.offset));
  const crc = crcAt(bytes, end - CRC_BYTES)
    .toString(16)
    .padStart(4, '0');
  list.add('crc', CRC_BYTES, `0x${crc}, right`);
  const side = isRequest ? 'request' : 'response';
  const { functionName } = functionFacts(bytes[pdu.offset]);
  return list.asField('modbus', `${side}, ${functionName}, RTU frame`);
}

/** Bytes of a Modbus flow at `[offset, end)` that begin with no header of a message. */
export function explainNoModbus(bytes: Uint8Array, offset: number, end: number): ExplainedField {
  const list = new FieldList(bytes, offset, end);
  if (end - offset < LENGTH_COUNTS_FROM) {
    list.rest('notDecoded');
    return list.asField('modbus', 'no message');
  }
  const fault = headerFault(bytes, offset);
  list.number('transactionId', 2);
  list.number('protocolId', 2);
  list.number('lengthBytes', 2);
  const header = markAnomalies(list.finish(), fault === undefined ? [] : [fault], offset);
  return {
    name: 'modbus',
    offset,
    length: end - offset,
    value: 'no message',
    children: header,
  };
}

function addPdu(list: FieldList, part: ModbusMessagePart, anomalies: Anomaly[]): void {
  const { bytes, to, isRequest, request, digest } = part;
  const pdu = { bytes, offset: PDU, length: to - PDU };
  const options = digest === undefined ? {} : { digest };
  const fields = isRequest
    ? decodeRequestPdu(pdu, anomalies, options)
    : decodeResponsePdu(pdu, request, anomalies, options);
  explainPdu(list, isRequest, { fields, request });
}

function partText({ from, to, aduBytes }: ModbusMessagePart, side: string): string {
  const size = aduBytes === 0 ? '' : ` of ${aduBytes}`;
  const onward = to === aduBytes ? '' : '; it goes on in a later frame';
  return `part of a ${side}, bytes ${from}..${to - 1}${size}${onward}`;
}
