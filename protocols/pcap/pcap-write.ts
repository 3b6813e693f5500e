/**
 * Writes classic pcap files: evidence for an export, the captures of our own bench, and the
 * traffic that bench/ generates. Little-endian, nanoseconds or microseconds.
 * Spec: draft-ietf-opsawg-pcap, sections 4 and 5 (the picture is in pcap.ts).
 */
import {
  PCAP_FILE_HEADER_BYTES,
  PCAP_MAGIC_MICROSECONDS,
  PCAP_MAGIC_NANOSECONDS,
  PCAP_RECORD_HEADER_BYTES,
} from './pcap.ts';
import { FRAME_BYTES_MAX } from './record-decoder.ts';

export interface PcapWriteOptions {
  /** LINKTYPE_* of every frame. */
  readonly linkType: number;
  readonly unit: 'microseconds' | 'nanoseconds';
}

/** The 24 bytes at the front of a file. */
export function encodePcapHeader(options: PcapWriteOptions): Uint8Array {
  const bytes = new Uint8Array(PCAP_FILE_HEADER_BYTES);
  const isMicroseconds = options.unit === 'microseconds';
  writeUint32(bytes, 0, isMicroseconds ? PCAP_MAGIC_MICROSECONDS : PCAP_MAGIC_NANOSECONDS);
  bytes[4] = 2;
  bytes[6] = 4;
  writeUint32(bytes, 16, FRAME_BYTES_MAX);
  writeUint32(bytes, 20, options.linkType);
  return bytes;
}

/**
 * Writes the 16 bytes in front of a frame at `offset` and returns where the frame begins.
 * `fraction` is in the unit of the header.
 */
export function writePcapRecordHeader(
  bytes: Uint8Array,
  offset: number,
  seconds: number,
  fraction: number,
  capturedBytes: number,
  originalBytes: number,
): number {
  writeUint32(bytes, offset, seconds);
  writeUint32(bytes, offset + 4, fraction);
  writeUint32(bytes, offset + 8, capturedBytes);
  writeUint32(bytes, offset + 12, originalBytes);
  return offset + PCAP_RECORD_HEADER_BYTES;
}

/** One whole record, for callers that have the frame as an array of its own. */
export function encodePcapRecord(
  frame: Uint8Array,
  seconds: number,
  fraction: number,
  originalBytes = frame.length,
): Uint8Array {
  const bytes = new Uint8Array(PCAP_RECORD_HEADER_BYTES + frame.length);
  const begin = writePcapRecordHeader(bytes, 0, seconds, fraction, frame.length, originalBytes);
  bytes.set(frame, begin);
  return bytes;
}

function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}
