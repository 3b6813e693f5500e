/**
 * Built-in types of fixed size (OPC 10000-6 §5.2.2.1 to §5.2.2.6). Each gives `undefined` when the
 * bytes ran out: a zero that was never on the wire must not look like a fact.
 */
import type { ByteReader } from './byte-reader.ts';

const scratch = new DataView(new ArrayBuffer(8));
const hexadecimal = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function boolean(reader: ByteReader): boolean | undefined {
  const value = reader.readByte();
  return reader.isStopped ? undefined : value !== 0;
}

export function sByte(reader: ByteReader): number | undefined {
  const value = (reader.readByte() << 24) >> 24;
  return reader.isStopped ? undefined : value;
}

export function byte(reader: ByteReader): number | undefined {
  const value = reader.readByte();
  return reader.isStopped ? undefined : value;
}

export function int16(reader: ByteReader): number | undefined {
  const value = (reader.readUInt16() << 16) >> 16;
  return reader.isStopped ? undefined : value;
}

export function uint16(reader: ByteReader): number | undefined {
  const value = reader.readUInt16();
  return reader.isStopped ? undefined : value;
}

export function int32(reader: ByteReader): number | undefined {
  const value = reader.readInt32();
  return reader.isStopped ? undefined : value;
}

export function uint32(reader: ByteReader): number | undefined {
  const value = reader.readUInt32();
  return reader.isStopped ? undefined : value;
}

/** Decimal text: JSON numbers lose digits above 2^53. */
export function int64(reader: ByteReader): string | undefined {
  const low = reader.readUInt32();
  const high = reader.readInt32();
  return reader.isStopped ? undefined : decimalOf(high, low);
}

export function uint64(reader: ByteReader): string | undefined {
  const low = reader.readUInt32();
  const high = reader.readUInt32();
  return reader.isStopped ? undefined : decimalOf(high, low);
}

/** JSON has no NaN and no infinity: they are texts, as in OPC 10000-6 §5.4.2.4. */
export function float(reader: ByteReader): number | string | undefined {
  const bits = reader.readUInt32();
  if (reader.isStopped) return undefined;
  scratch.setUint32(0, bits);
  return jsonNumber(scratch.getFloat32(0));
}

export function double(reader: ByteReader): number | string | undefined {
  const low = reader.readUInt32();
  const high = reader.readUInt32();
  if (reader.isStopped) return undefined;
  scratch.setUint32(0, high);
  scratch.setUint32(4, low);
  return jsonNumber(scratch.getFloat64(0));
}

/** Duration: milliseconds as a Double (OPC 10000-3 §8.13). */
export const duration = double;

/** `72962b91-fa75-4ae6-8d28-b404dc7daf63`; the first three groups are little-endian. */
export function guid(reader: ByteReader): string | undefined {
  const at = reader.take(16);
  return reader.isStopped ? undefined : guidText(reader.bytes, at);
}

export function guidText(bytes: Uint8Array, at: number): string {
  const hex = (index: number): string => hexadecimal[bytes[at + index]];
  const first = hex(3) + hex(2) + hex(1) + hex(0);
  const last = hex(10) + hex(11) + hex(12) + hex(13) + hex(14) + hex(15);
  return `${first}-${hex(5)}${hex(4)}-${hex(7)}${hex(6)}-${hex(8)}${hex(9)}-${last}`;
}

export function hexText(bytes: Uint8Array, offset: number, length: number): string {
  let text = '';
  for (let index = 0; index < length; index++) text += hexadecimal[bytes[offset + index]];
  return text;
}

/** A value of an enumeration by its name, or by its number where the list has no name for it. */
export function enumeration(names: readonly string[]) {
  return (reader: ByteReader): string | number | undefined => {
    const value = reader.readUInt32();
    return reader.isStopped ? undefined : (names[value] ?? value);
  };
}

function decimalOf(high: number, low: number): string {
  const isExact = high > -0x200000 && high < 0x200000;
  if (isExact) return String(high * 0x100000000 + low);
  return ((BigInt(high) << 32n) | BigInt(low)).toString();
}

function jsonNumber(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}
