/**
 * tshark's line of one Modbus PDU against ours, field by field: the mapping of FIELDS.md 5.1 as
 * code. A field that the oracle has and we lack is a difference; one that it lacks is none.
 */
import type { RecordObject } from '../collect-records.ts';
import { endOf, listOf, type ModbusSide, objectOf } from './modbus-sides.ts';

/** What a difference is called in the table of exceptions: the oracle's name of the field. */
export interface FieldDifference {
  readonly field: string;
  readonly theirs: string;
  readonly ours: string;
}

/** Not of the PDU itself: its place in the capture, which finds the side, or tshark's own word. */
const NOT_COMPARED = ['frame', 'idx', 'l4', 'stream', 'encap', 'dir', 'malformed'];

type Reader = (side: ModbusSide, line: RecordObject) => unknown;

// biome-ignore format: one field of the oracle per line
const READERS: Readonly<Record<string, Reader>> = {
  time:         (side) => side.record[side.isRequest ? 'requestTimeUs' : 'responseTimeUs'],
  src:          (side) => endOf(side.record, side.isRequest ? 'client' : 'server'),
  dst:          (side) => endOf(side.record, side.isRequest ? 'server' : 'client'),
  tid:          ({ record }) => record.transactionId,
  proto_id:     ({ record }) => record.protocolId,
  mbap_len:     ({ fields }) => fields.lengthBytes,
  unit:         ({ record }) => record.unitId,
  fc:           ({ record }) => record.functionCode,
  modbus_bytes: ({ fields }) => fields.pduBytes,
  req_frame:    ({ record }) => listOf(objectOf(record.frames).request)[0],
  addr:         ({ fields }) => fields.address ?? fields.fifoPointerAddress,
  qty_bits:     ({ fields }) => fields.quantity,
  qty_words:    ({ fields }) => fields.quantity ?? fields.fifoCount,
  byte_cnt:     (side) => byteCountOf(side),
  bits:         ({ record, fields }) => numbered(record, fields.coils ?? fields.discreteInputs),
  regs:         ({ record, fields }) => numbered(record, fields.registers),
  exc:          ({ record }) => record.exceptionCode,
  mei:          ({ fields }) => fields.meiType,
  rdid:         ({ fields }) => fields.readDeviceIdCode,
  objid:        ({ fields }) => fields.objectId ?? listOf(fields.objects).map((each) => objectOf(each).objectId),
  objstr:       ({ fields }) => listOf(fields.objects).map((each) => objectOf(each).value),
  diag:         ({ fields }) => fields.subFunction,
  and_mask:     ({ fields }) => fields.andMask,
  or_mask:      ({ fields }) => fields.orMask,
  r_addr:       ({ fields }) => objectOf(fields.read).address,
  r_qty:        ({ fields }) => objectOf(fields.read).quantity,
  w_addr:       ({ fields }) => objectOf(fields.write).address,
  w_qty:        ({ fields }) => objectOf(fields.write).quantity,
  data:         (side) => dataOf(side),
};

/** Every difference between one line and one side; none: they say the same. */
export function differencesOf(line: RecordObject, side: ModbusSide): FieldDifference[] {
  const differences: FieldDifference[] = [];
  for (const [field, value] of Object.entries(line)) {
    if (NOT_COMPARED.includes(field)) continue;
    const reader = READERS[field];
    const ours = reader === undefined ? 'no such field' : reader(side, line);
    const theirs = theirsOf(field, value);
    if (JSON.stringify(theirs) === JSON.stringify(listLike(field, ours, theirs))) continue;
    differences.push({ field, theirs: short(theirs), ours: short(ours) });
  }
  return differences;
}

function theirsOf(field: string, value: unknown): unknown {
  if (field === 'time') {
    const [seconds, fraction] = String(value).split('.');
    return Number(seconds) * 1_000_000 + Math.floor(Number(fraction.padEnd(9, '0')) / 1000);
  }
  return field === 'data' ? String(value).replaceAll(':', '') : value;
}

/** tshark lists some fields only where there are several. */
function listLike(field: string, ours: unknown, theirs: unknown): unknown {
  const isOne = field === 'objid' && Array.isArray(ours) && !Array.isArray(theirs);
  return isOne ? listOf(ours)[0] : ours;
}

/** `[[number, value], ...]`: tshark counts from the address that the request asked for. */
function numbered(record: RecordObject, values: unknown): number[][] | undefined {
  if (!Array.isArray(values)) return undefined;
  const first = Number(objectOf(record.request).address ?? 0);
  return values.map((value, index) => [first + index, Number(value)]);
}

function byteCountOf({ fields }: ModbusSide): unknown {
  const { byteCount, requestDataBytes, responseDataBytes } = fields;
  return byteCount ?? requestDataBytes ?? responseDataBytes ?? objectOf(fields.write).byteCount;
}

/** What tshark leaves undissected, by function code: our fields put back into bytes. */
function dataOf({ record, fields, isRequest }: ModbusSide): string | undefined {
  const code = Number(record.functionCode);
  switch (code) {
    case 5:
      return words([fields.outputValue]);
    case 6:
      return words([fields.registerValue]);
    case 7:
      return octet(fields.exceptionStatus);
    case 8:
      return words(listOf(fields.data));
    case 15:
      return bitBytes(fields);
    case 16:
      return words(listOf(fields.registers));
    case 17:
      return [fields.byteCount, fields.serverId, fields.runIndicatorStatus]
        .map(octet)
        .concat(fromBase64(fields.additionalData))
        .join('');
    case 23:
      return words(listOf(isRequest ? objectOf(fields.write).registers : fields.registers));
    case 24:
      return words(listOf(fields.fifoRegisters));
    default:
      return fromBase64(fields.bytesBase64).slice(2);
  }
}

function words(values: readonly unknown[]): string {
  return values.map((value) => Number(value).toString(16).padStart(4, '0')).join('');
}

function octet(value: unknown): string {
  return value === undefined ? '' : Number(value).toString(16).padStart(2, '0');
}

function fromBase64(value: unknown): string {
  return typeof value === 'string' ? Buffer.from(value, 'base64').toString('hex') : '';
}

/** Coils back into bytes, the pad bits behind the last of them. */
function bitBytes(fields: RecordObject): string {
  const bits = listOf(fields.coils).map(Number);
  const pad = Number(fields.padBits ?? 0);
  for (let bit = 0; bits.length % 8 !== 0; bit += 1) bits.push((pad >> bit) & 1);
  let text = '';
  for (let at = 0; at < bits.length; at += 8) {
    let byte = 0;
    for (let bit = 0; bit < 8; bit += 1) byte |= bits[at + bit] << bit;
    text += octet(byte);
  }
  return text;
}

function short(value: unknown): string {
  return (JSON.stringify(value) ?? 'absent').slice(0, 60);
}
