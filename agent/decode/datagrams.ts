/**
 * Which UDP datagrams are worth a row of the flow table, and which are the copy of another. Most
 * of UDP is none of ours: a datagram has to look like one whole Modbus message first.
 * Spec: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3; docs/fields.md 1.6.
 */
import type { FrameHeaders } from '../../protocols/link/frame-headers.ts';
import { IPV4_SOURCE } from '../../protocols/link/ipv4.ts';
import { uint16At } from '../../protocols/link/network-order.ts';
import { UDP_HEADER_BYTES } from '../../protocols/link/udp.ts';
import { LENGTH_COUNTS_FROM, plausibleLengthBytes } from '../../protocols/modbus/mbap.ts';
import { SIDES } from './flow-table.ts';
import { mixHash } from './mix-hash.ts';

/** The copies of a doubled mirror follow at once; a repeated request waits longer. */
const COPY_AGE_MAX_US = 10_000;
const IPV4_IDENTIFICATION = 4;
/** Bytes of a datagram that are compared: a Modbus message has 260 at most. */
const COMPARED_BYTES_MAX = 512;

/** Exactly one message by its header; bytes left over or missing make it none. */
export function isOneAdu(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length <= LENGTH_COUNTS_FROM) return false;
  const lengthBytes = plausibleLengthBytes(bytes, offset);
  return lengthBytes !== 0 && lengthBytes + LENGTH_COUNTS_FROM === length;
}

export class DatagramCopies {
  /** Of the last datagram of each direction; 0: none, or the other side has spoken since. */
  readonly #hashes: Int32Array;
  readonly #timesUs: Float64Array;

  constructor(flowsMax: number) {
    this.#hashes = new Int32Array(flowsMax * SIDES);
    this.#timesUs = new Float64Array(flowsMax * SIDES);
  }

  /** The row belongs to another flow from now on. */
  forget(row: number): void {
    this.#hashes[row * SIDES] = 0;
    this.#hashes[row * SIDES + 1] = 0;
  }

  /** Whether this datagram is the same as the direction's last one, seen a second time. */
  isCopy(
    direction: number,
    headers: FrameHeaders,
    bytes: Uint8Array,
    end: number,
    timeUs: number,
  ): boolean {
    const { isIpv6, sourceAddress, transport } = headers;
    const isFramed = !isIpv6 && sourceAddress >= IPV4_SOURCE;
    const at = sourceAddress - IPV4_SOURCE + IPV4_IDENTIFICATION;
    const identification = isFramed ? uint16At(bytes, at) : 0;
    const hash = hashOf(bytes, transport, end, identification);
    const isSame = this.#hashes[direction] === hash;
    if (isSame && Math.abs(timeUs - this.#timesUs[direction]) <= COPY_AGE_MAX_US) return true;
    this.#hashes[direction] = hash;
    this.#timesUs[direction] = timeUs;
    // A client without identifications may well ask the same again once it has its answer.
    if (identification === 0) this.#hashes[direction ^ 1] = 0;
    return false;
  }
}

/** Never 0. */
function hashOf(bytes: Uint8Array, udp: number, end: number, identification: number): number {
  let hash = mixHash(end - udp, identification);
  const compared = Math.min(end, udp + UDP_HEADER_BYTES + COMPARED_BYTES_MAX);
  for (let at = udp; at < compared; at++) hash = Math.imul(hash ^ bytes[at], 0x0100_0193);
  return hash === 0 ? 1 : hash;
}
