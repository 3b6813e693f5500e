/**
 * Pieces of IP packets until they are together. Bounded in packets, bytes and age: a packet that
 * finds no room, or whose pieces don't come, is left out and counted.
 * Spec: RFC 791 section 3.2; RFC 8200 section 4.5; RFC 5722 section 4 (overlaps).
 */
import type { CarrierCounters } from '../../protocols/decode-sink.ts';
import { IPV4_BYTES, IPV6_BYTES, MAC_BYTES } from '../../protocols/link/addresses.ts';
import type { FrameHeaders } from '../../protocols/link/frame-headers.ts';
import { IPV4_SOURCE } from '../../protocols/link/ipv4.ts';
import { int32At, uint16At } from '../../protocols/link/network-order.ts';
import { isIpProtocolRead } from '../../protocols/link/read-network.ts';

/** Packets in pieces at one time: 2 MiB, of which only what is used becomes resident. */
export const FRAGMENTED_PACKETS_MAX = 32;
/** Linux waits 30 s (ipfrag_time); capture needs the disorder of one network only. */
export const FRAGMENT_AGE_MAX_MS = 10_000;

const PACKET_BYTES_MAX = 65_536;
/** Offsets count in units of 8 bytes. */
const UNIT_BYTES = 8;
const UNITS_MAX = PACKET_BYTES_MAX / UNIT_BYTES;
/** MAC addresses, then both IP addresses, then the packet's payload. */
const ADDRESSES = MAC_BYTES * 2;
const PAYLOAD = ADDRESSES + IPV6_BYTES * 2;
const SLOT_BYTES = PAYLOAD + PACKET_BYTES_MAX;

const IPV4_IDENTIFICATION = 4;
const IPV4_FRAGMENT = 6;
const IPV4_MORE = 0x2000;
const IPV4_OFFSET_MASK = 0x1fff;
const IPV6_FRAGMENT = 2;
const IPV6_IDENTIFICATION = 4;
const IPV6_MORE = 1;

const NONE = -1;
const UNKNOWN = -1;

export class FragmentTable {
  /** Where a packet that is together lies: `add` has pointed the headers into it. */
  readonly bytes = new Uint8Array(FRAGMENTED_PACKETS_MAX * SLOT_BYTES);
  readonly #counters: CarrierCounters;
  readonly #isUsed = new Uint8Array(FRAGMENTED_PACKETS_MAX);
  readonly #isIpv6 = new Uint8Array(FRAGMENTED_PACKETS_MAX);
  readonly #protocol = new Uint8Array(FRAGMENTED_PACKETS_MAX);
  readonly #identification = new Int32Array(FRAGMENTED_PACKETS_MAX);
  readonly #startTimeUs = new Float64Array(FRAGMENTED_PACKETS_MAX);
  /** Payload bytes of the whole packet, or UNKNOWN until its last piece has come. */
  readonly #totalBytes = new Int32Array(FRAGMENTED_PACKETS_MAX);
  readonly #unitsSeen = new Uint16Array(FRAGMENTED_PACKETS_MAX);
  readonly #piecesCount = new Uint16Array(FRAGMENTED_PACKETS_MAX);
  /** 1 for each unit that has come. */
  readonly #units = new Uint8Array(FRAGMENTED_PACKETS_MAX * UNITS_MAX);
  /** The last `add` found bytes that had come before, and differ. */
  isOverlapDiffering = false;

  constructor(counters: CarrierCounters) {
    this.#counters = counters;
  }

  /**
   * Takes the piece that `headers` describes (FRAME_FRAGMENT). Returns the protocol behind the IP
   * header when that made a packet whole; then `headers` points into `bytes`. Otherwise -1.
   */
  add(headers: FrameHeaders, frame: Uint8Array, timeUs: number): number {
    this.isOverlapDiffering = false;
    this.#counters.fragmentsCount++;
    const { isIpv6, ipProtocol, transport, transportEnd, fragmentHeader } = headers;
    const ip = headers.sourceAddress - IPV4_SOURCE;
    const field = uint16At(frame, isIpv6 ? fragmentHeader + IPV6_FRAGMENT : ip + IPV4_FRAGMENT);
    const hasMore = (field & (isIpv6 ? IPV6_MORE : IPV4_MORE)) !== 0;
    const start = isIpv6 ? field & ~7 : (field & IPV4_OFFSET_MASK) * UNIT_BYTES;
    const length = transportEnd - transport;
    if (!isPiece(headers, start, length, hasMore)) return this.#refuse(1);
    const identification = isIpv6
      ? int32At(frame, fragmentHeader + IPV6_IDENTIFICATION)
      : uint16At(frame, ip + IPV4_IDENTIFICATION);
    let slot = this.#find(headers, frame, identification, timeUs);
    if (slot === NONE) slot = this.#begin(headers, frame, identification, timeUs);
    this.#piecesCount[slot]++;
    // RFC 8200 4.5: the first piece's word counts; later ones may say anything.
    if (start === 0) this.#protocol[slot] = ipProtocol;
    if (!hasMore) {
      const isOther =
        this.#totalBytes[slot] !== UNKNOWN && this.#totalBytes[slot] !== start + length;
      this.isOverlapDiffering ||= isOther;
      this.#totalBytes[slot] = start + length;
    }
    this.#copy(slot, start, frame, transport, length);
    if (this.isOverlapDiffering) this.#counters.overlapsDifferingCount++;
    return this.#isWhole(slot) ? this.#finish(slot, headers) : NONE;
  }

  /** End of input: what still waits will never be together. */
  clear(): void {
    for (let slot = 0; slot < FRAGMENTED_PACKETS_MAX; slot++) {
      if (this.#isUsed[slot] !== 0) this.#drop(slot);
    }
  }

  /** Capture time goes on. */
  advance(timeUs: number): void {
    for (let slot = 0; slot < FRAGMENTED_PACKETS_MAX; slot++) {
      if (this.#isUsed[slot] !== 0 && this.#isOld(slot, timeUs)) this.#drop(slot);
    }
  }

  #find(headers: FrameHeaders, frame: Uint8Array, identification: number, timeUs: number): number {
    const isIpv6 = headers.isIpv6 ? 1 : 0;
    for (let slot = 0; slot < FRAGMENTED_PACKETS_MAX; slot++) {
      if (this.#isUsed[slot] === 0 || this.#identification[slot] !== identification) continue;
      if (this.#isIpv6[slot] !== isIpv6) continue;
      // RFC 791: the protocol is part of an IPv4 packet's identity.
      if (isIpv6 === 0 && this.#protocol[slot] !== headers.ipProtocol) continue;
      if (!this.#hasAddresses(slot, headers, frame)) continue;
      if (!this.#isOld(slot, timeUs)) return slot;
      this.#drop(slot);
    }
    return NONE;
  }

  #begin(headers: FrameHeaders, frame: Uint8Array, identification: number, timeUs: number): number {
    let slot = this.#isUsed.indexOf(0);
    if (slot === NONE) {
      slot = this.#oldest();
      this.#drop(slot);
    }
    this.#isUsed[slot] = 1;
    this.#isIpv6[slot] = headers.isIpv6 ? 1 : 0;
    this.#protocol[slot] = headers.ipProtocol;
    this.#identification[slot] = identification;
    this.#startTimeUs[slot] = timeUs;
    this.#totalBytes[slot] = UNKNOWN;
    this.#unitsSeen[slot] = 0;
    this.#piecesCount[slot] = 0;
    this.#units.fill(0, slot * UNITS_MAX, (slot + 1) * UNITS_MAX);
    const base = slot * SLOT_BYTES;
    this.#copyBytes(frame, headers.destinationMac, base, MAC_BYTES);
    this.#copyBytes(frame, headers.sourceMac, base + MAC_BYTES, MAC_BYTES);
    const bytes = addressBytes(headers.isIpv6);
    this.#copyBytes(frame, headers.sourceAddress, base + ADDRESSES, bytes);
    return slot;
  }

  /** Bytes that came first stay. */
  #copy(slot: number, start: number, frame: Uint8Array, from: number, length: number): void {
    const to = slot * SLOT_BYTES + PAYLOAD + start;
    const firstUnit = slot * UNITS_MAX + start / UNIT_BYTES;
    for (let done = 0, unit = firstUnit; done < length; done += UNIT_BYTES, unit++) {
      const end = Math.min(done + UNIT_BYTES, length);
      const isNew = this.#units[unit] === 0;
      for (let at = done; at < end; at++) {
        if (isNew) this.bytes[to + at] = frame[from + at];
        else if (this.bytes[to + at] !== frame[from + at]) this.isOverlapDiffering = true;
      }
      if (!isNew) continue;
      this.#units[unit] = 1;
      this.#unitsSeen[slot]++;
    }
  }

  #isWhole(slot: number): boolean {
    const totalBytes = this.#totalBytes[slot];
    return totalBytes !== UNKNOWN && this.#unitsSeen[slot] === Math.ceil(totalBytes / UNIT_BYTES);
  }

  #finish(slot: number, headers: FrameHeaders): number {
    const base = slot * SLOT_BYTES;
    if (headers.destinationMac >= 0) headers.destinationMac = base;
    if (headers.sourceMac >= 0) headers.sourceMac = base + MAC_BYTES;
    headers.sourceAddress = base + ADDRESSES;
    headers.transport = base + PAYLOAD;
    headers.transportEnd = base + PAYLOAD + this.#totalBytes[slot];
    this.#isUsed[slot] = 0;
    this.#counters.packetsReassembledCount++;
    return this.#protocol[slot];
  }

  #hasAddresses(slot: number, headers: FrameHeaders, frame: Uint8Array): boolean {
    const own = slot * SLOT_BYTES + ADDRESSES;
    const length = addressBytes(headers.isIpv6);
    for (let index = 0; index < length; index++) {
      if (this.bytes[own + index] !== frame[headers.sourceAddress + index]) return false;
    }
    return true;
  }

  #copyBytes(frame: Uint8Array, from: number, to: number, length: number): void {
    if (from < 0) return;
    for (let index = 0; index < length; index++) this.bytes[to + index] = frame[from + index];
  }

  #oldest(): number {
    let oldest = 0;
    for (let slot = 1; slot < FRAGMENTED_PACKETS_MAX; slot++) {
      if (this.#startTimeUs[slot] < this.#startTimeUs[oldest]) oldest = slot;
    }
    return oldest;
  }

  #isOld(slot: number, timeUs: number): boolean {
    return Math.abs(timeUs - this.#startTimeUs[slot]) > FRAGMENT_AGE_MAX_MS * 1000;
  }

  #drop(slot: number): void {
    this.#isUsed[slot] = 0;
    this.#refuse(this.#piecesCount[slot]);
  }

  #refuse(pieces: number): number {
    this.#counters.fragmentsRefusedCount += pieces;
    return NONE;
  }
}

/** Not one whose end was cut off, that ends inside a unit, or behind the largest packet. */
function isPiece(headers: FrameHeaders, start: number, length: number, hasMore: boolean): boolean {
  if (headers.cutBytes > 0 || length <= 0 || start + length > PACKET_BYTES_MAX) return false;
  if (hasMore && length % UNIT_BYTES !== 0) return false;
  return headers.isIpv6 || isIpProtocolRead(headers.ipProtocol);
}

function addressBytes(isIpv6: boolean): number {
  return (isIpv6 ? IPV6_BYTES : IPV4_BYTES) * 2;
}
