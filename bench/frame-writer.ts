/**
 * Writes TCP segments over Ethernet and IPv4 into a capture file, with right checksums and the
 * padding that a switch's mirror port shows: 2,000,000 frames take about a second.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { LINKTYPE_ETHERNET } from '../protocols/frame-block.ts';
import { encodePcapHeader, writePcapRecordHeader } from '../protocols/pcap/pcap-write.ts';

const ETHERNET_BYTES = 14;
const VLAN_BYTES = 4;
const IPV4_BYTES = 20;
const TCP_BYTES = 20;
/** IEEE 802.3: the least frame without its check sequence. */
const FRAME_BYTES_MIN = 60;
const FRAME_BYTES_MAX = 1600;
const RECORD_HEADER_BYTES = 16;
const BUFFER_BYTES = 4 << 20;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_VLAN = 0x8100;
const PROTOCOL_TCP = 6;

export const TCP_FIN = 1;
export const TCP_SYN = 2;
export const TCP_PSH = 8;
export const TCP_ACK = 16;

/** One end of a TCP connection and its next sequence number. */
export interface Endpoint {
  readonly macAddress: number;
  readonly ipAddress: number;
  port: number;
  sequence: number;
  ipIdentification: number;
}

export class FrameWriter {
  readonly #descriptor: number;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #used = 0;
  #framesCount = 0;
  #bytesCount = 0;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'w');
    const header = encodePcapHeader({ linkType: LINKTYPE_ETHERNET, unit: 'microseconds' });
    this.#buffer.set(header);
    this.#used = header.length;
  }

  get framesCount(): number {
    return this.#framesCount;
  }

  /** Bytes of the frames, without the file's own headers. */
  get bytesCount(): number {
    return this.#bytesCount;
  }

  /** One segment with `length` bytes of `payload`; moves the sender's sequence number on. */
  segment(
    timeUs: number,
    from: Endpoint,
    to: Endpoint,
    flags: number,
    payload: Uint8Array,
    length: number,
    vlanId: number,
  ): void {
    if (BUFFER_BYTES - this.#used < RECORD_HEADER_BYTES + FRAME_BYTES_MAX) this.#flush();
    const begin = this.#used + RECORD_HEADER_BYTES;
    const ip = this.#ethernet(begin, from, to, vlanId);
    const end = this.#tcp(ip + IPV4_BYTES, from, to, flags, payload, length);
    this.#ipv4(ip, end - ip, from, to);
    checksumTcp(this.#buffer, ip, end);
    const frameEnd = Math.max(end, begin + FRAME_BYTES_MIN);
    this.#buffer.fill(0, end, frameEnd);
    const seconds = Math.floor(timeUs / 1_000_000);
    const frameBytes = frameEnd - begin;
    const fraction = timeUs - seconds * 1_000_000;
    writePcapRecordHeader(this.#buffer, this.#used, seconds, fraction, frameBytes, frameBytes);
    this.#used = frameEnd;
    this.#framesCount += 1;
    this.#bytesCount += frameBytes;
    from.sequence = (from.sequence + length + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0)) >>> 0;
  }

  close(): void {
    this.#flush();
    closeSync(this.#descriptor);
  }

  /** Returns where the IPv4 header begins. */
  #ethernet(begin: number, from: Endpoint, to: Endpoint, vlanId: number): number {
    const buffer = this.#buffer;
    this.#macAddress(begin, to.macAddress);
    this.#macAddress(begin + 6, from.macAddress);
    if (vlanId === 0) {
      writeUint16(buffer, begin + 12, ETHERTYPE_IPV4);
      return begin + ETHERNET_BYTES;
    }
    writeUint16(buffer, begin + 12, ETHERTYPE_VLAN);
    writeUint16(buffer, begin + 14, vlanId);
    writeUint16(buffer, begin + 16, ETHERTYPE_IPV4);
    return begin + ETHERNET_BYTES + VLAN_BYTES;
  }

  /** Locally administered: 02:00 and four bytes of the number. */
  #macAddress(offset: number, number: number): void {
    writeUint16(this.#buffer, offset, 0x0200);
    writeUint32(this.#buffer, offset + 2, number);
  }

  #ipv4(begin: number, totalBytes: number, from: Endpoint, to: Endpoint): void {
    const buffer = this.#buffer;
    buffer[begin] = 0x45;
    buffer[begin + 1] = 0;
    writeUint16(buffer, begin + 2, totalBytes);
    writeUint16(buffer, begin + 4, from.ipIdentification);
    from.ipIdentification = (from.ipIdentification + 1) & 0xffff;
    writeUint16(buffer, begin + 6, 0x4000);
    buffer[begin + 8] = 64;
    buffer[begin + 9] = PROTOCOL_TCP;
    writeUint16(buffer, begin + 10, 0);
    writeUint32(buffer, begin + 12, from.ipAddress);
    writeUint32(buffer, begin + 16, to.ipAddress);
    writeUint16(buffer, begin + 10, fold(sum(buffer, begin, begin + IPV4_BYTES, 0)));
  }

  /** Returns the end of the segment; the checksum is still 0. */
  #tcp(
    begin: number,
    from: Endpoint,
    to: Endpoint,
    flags: number,
    payload: Uint8Array,
    length: number,
  ): number {
    const buffer = this.#buffer;
    writeUint16(buffer, begin, from.port);
    writeUint16(buffer, begin + 2, to.port);
    writeUint32(buffer, begin + 4, from.sequence);
    writeUint32(buffer, begin + 8, flags & TCP_ACK ? to.sequence : 0);
    buffer[begin + 12] = (TCP_BYTES / 4) << 4;
    buffer[begin + 13] = flags;
    writeUint16(buffer, begin + 14, 8192);
    writeUint32(buffer, begin + 16, 0);
    const data = begin + TCP_BYTES;
    for (let index = 0; index < length; index++) buffer[data + index] = payload[index];
    return data + length;
  }

  #flush(): void {
    for (let written = 0; written < this.#used; ) {
      written += writeSync(this.#descriptor, this.#buffer, written, this.#used - written);
    }
    this.#used = 0;
  }
}

/** RFC 9293 section 3.1: over the pseudo header of addresses, protocol and length, and the data. */
function checksumTcp(buffer: Uint8Array, ip: number, end: number): void {
  const tcp = ip + IPV4_BYTES;
  const pseudo = sum(buffer, ip + 12, ip + 20, PROTOCOL_TCP + (end - tcp));
  writeUint16(buffer, tcp + 16, fold(sum(buffer, tcp, end, pseudo)));
}

/** RFC 1071: the sum of 16-bit words, an odd last byte counted as if a zero followed. */
function sum(buffer: Uint8Array, begin: number, end: number, initial: number): number {
  let total = initial;
  let offset = begin;
  for (; offset + 1 < end; offset += 2) total += (buffer[offset] << 8) | buffer[offset + 1];
  return offset < end ? total + (buffer[offset] << 8) : total;
}

function fold(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return ~folded & 0xffff;
}

function writeUint16(buffer: Uint8Array, offset: number, value: number): void {
  buffer[offset] = value >>> 8;
  buffer[offset + 1] = value;
}

function writeUint32(buffer: Uint8Array, offset: number, value: number): void {
  writeUint16(buffer, offset, value >>> 16);
  writeUint16(buffer, offset + 2, value & 0xffff);
}
