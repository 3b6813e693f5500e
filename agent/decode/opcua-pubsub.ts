/**
 * OPC UA PubSub beside the flows: UDP datagrams on a port of OPC UA and Ethernet frames of its
 * EtherType are looked at for a NetworkMessage, counted, and told to who wants records. What is
 * none counts as not ours.
 * Spec: OPC 10000-14 §7.3.2 (UDP, port 4840 recommended), §7.3.3 (Ethernet, B62C).
 */
import type { DecodeCounters, DecodeSink } from '../../protocols/decode-sink.ts';
import type { Digest } from '../../protocols/decoded.ts';
import type { Endpoint } from '../../protocols/flow.ts';
import {
  formatIpv4,
  formatIpv6,
  formatMac,
  IPV4_BYTES,
  IPV6_BYTES,
} from '../../protocols/link/addresses.ts';
import { isVlanEtherType } from '../../protocols/link/ethernet.ts';
import type { FrameHeaders } from '../../protocols/link/frame-headers.ts';
import { IPV4_SOURCE } from '../../protocols/link/ipv4.ts';
import { uint16At } from '../../protocols/link/network-order.ts';
import { ByteReader } from '../../protocols/opcua/byte-reader.ts';
import { networkMessageHeader } from '../../protocols/opcua/pubsub/network-message.ts';
import { countCopy, createCarrierCounters } from './decode-counters.ts';
import { mixHash } from './mix-hash.ts';
import { originOf } from './segment-origin.ts';
import type { SegmentContext } from './stream-analyzer.ts';

const ETHER_TYPE_UADP = 0xb62c;
/** From the sender's MAC address to the EtherType, and the length of a VLAN tag. */
const ETHER_TYPE_FROM_SOURCE = 6;
const VLAN_TAG_BYTES = 4;
const VLAN_TAGS_MAX = 8;
/** Messages that are remembered to know a copy; the copy of a doubled mirror follows at once. */
const REMEMBERED_MAX = 256;
const COPY_AGE_MAX_US = 10_000;
/** Without an IPv4 identification: a fast publisher may well say the same in the next cycle. */
const UNMARKED_COPY_AGE_MAX_US = 200;
const IPV4_IDENTIFICATION = 4;
/** Bytes of a message that are compared. */
const COMPARED_BYTES_MAX = 512;

/** The header holds no secret, so nobody is asked for a pseudonym. */
const NO_DIGEST: Digest = { pseudonym: () => '', sha256: () => '' };

/** Where the message stands, and in which wrapping. */
interface Found {
  readonly offset: number;
  readonly end: number;
  readonly isUdp: boolean;
}

export class OpcuaPubSub {
  readonly #ports: ReadonlySet<number>;
  readonly #counters: DecodeCounters;
  readonly #sink: DecodeSink;
  /** Of the frame at hand; the decoder refills both. */
  readonly #headers: FrameHeaders;
  readonly #context: SegmentContext;
  readonly #hashes = new Int32Array(REMEMBERED_MAX);
  readonly #timesUs = new Float64Array(REMEMBERED_MAX);

  /** `ports`: configuration decode.opcuaPorts. */
  constructor(
    ports: readonly number[],
    headers: FrameHeaders,
    context: SegmentContext,
    counters: DecodeCounters,
    sink: DecodeSink,
  ) {
    this.#ports = new Set(ports);
    this.#headers = headers;
    this.#context = context;
    this.#counters = counters;
    this.#sink = sink;
  }

  /** A UDP datagram of no flow; its payload has `length` bytes. */
  datagram(bytes: Uint8Array, offset: number, length: number, interfaceIndex: number): void {
    const udp = this.#headers.transport;
    const isOnPort =
      length > 0 &&
      (this.#ports.has(uint16At(bytes, udp)) || this.#ports.has(uint16At(bytes, udp + 2)));
    const found = { offset, end: offset + length, isUdp: true };
    if (isOnPort && this.#take(bytes, found, interfaceIndex)) return;
    this.#counters.framesNotOursCount++;
  }

  /** A frame without an IP packet that we read. */
  frame(bytes: Uint8Array, end: number, interfaceIndex: number): void {
    if (!this.#isPublished(bytes, end, interfaceIndex)) this.#counters.framesNotOursCount++;
  }

  #isPublished(bytes: Uint8Array, end: number, interfaceIndex: number): boolean {
    const { sourceMac } = this.#headers;
    if (sourceMac < 0) return false;
    let at = sourceMac + ETHER_TYPE_FROM_SOURCE;
    for (let tags = 0; tags < VLAN_TAGS_MAX && at + 2 <= end; tags++) {
      if (!isVlanEtherType(uint16At(bytes, at))) break;
      at += VLAN_TAG_BYTES;
    }
    if (at + 2 >= end || uint16At(bytes, at) !== ETHER_TYPE_UADP) return false;
    return this.#take(bytes, { offset: at + 2, end, isUdp: false }, interfaceIndex);
  }

  #take(bytes: Uint8Array, found: Found, interfaceIndex: number): boolean {
    const headers = this.#headers;
    const { offset, end } = found;
    const message = { bytes, offset, length: end - offset };
    if (networkMessageHeader(new ByteReader(message, false, NO_DIGEST)) === undefined) return false;
    if (this.#isCopy(bytes, found)) {
      this.#counters.carriers ??= createCarrierCounters();
      countCopy(this.#counters.carriers, interfaceIndex);
      return true;
    }
    const { byType } = this.#counters.opcua;
    byType.UADP = (byType.UADP ?? 0) + 1;
    if (this.#sink.opcuaNetworkMessage === undefined) return true;
    this.#sink.opcuaNetworkMessage({
      transport: found.isUdp ? 'udp4840' : 'ethernet0xB62C',
      interfaceIndex,
      ...(found.isUdp && endpointsOf(headers, bytes)),
      ...(headers.sourceMac >= 0 && macsOf(headers, bytes)),
      vlanIds: Array.from(headers.vlanIds.subarray(0, headers.vlanIdsCount)),
      message,
      ...originOf(this.#context),
    });
    return true;
  }

  #isCopy(bytes: Uint8Array, { offset, end, isUdp }: Found): boolean {
    const headers = this.#headers;
    const { timeUs } = this.#context;
    const identification = isUdp && !headers.isIpv6 ? identificationOf(headers, bytes) : 0;
    let hash = mixHash(end - offset, identification);
    const compared = Math.min(end, offset + COMPARED_BYTES_MAX);
    for (let at = isUdp ? headers.transport : offset; at < compared; at++) {
      hash = Math.imul(hash ^ bytes[at], 0x0100_0193);
    }
    const slot = hash & (REMEMBERED_MAX - 1);
    const ageUs = Math.abs(timeUs - this.#timesUs[slot]);
    const ageMaxUs = identification === 0 ? UNMARKED_COPY_AGE_MAX_US : COPY_AGE_MAX_US;
    if (this.#hashes[slot] === hash && ageUs <= ageMaxUs) return true;
    this.#hashes[slot] = hash;
    this.#timesUs[slot] = timeUs;
    return false;
  }
}

/** 0 where there is none. */
function identificationOf({ sourceAddress }: FrameHeaders, bytes: Uint8Array): number {
  const at = sourceAddress - IPV4_SOURCE + IPV4_IDENTIFICATION;
  return sourceAddress >= IPV4_SOURCE ? uint16At(bytes, at) : 0;
}

function endpointsOf(
  headers: FrameHeaders,
  bytes: Uint8Array,
): { readonly publisher: Endpoint; readonly receiver: Endpoint } {
  const { isIpv6, sourceAddress, transport } = headers;
  const addressBytes = isIpv6 ? IPV6_BYTES : IPV4_BYTES;
  const endpoint = (address: number, port: number): Endpoint => ({
    ipAddress: isIpv6 ? formatIpv6(bytes, address) : formatIpv4(bytes, address),
    ipBytes: bytes.slice(address, address + addressBytes),
    port: uint16At(bytes, port),
  });
  return {
    publisher: endpoint(sourceAddress, transport),
    receiver: endpoint(sourceAddress + addressBytes, transport + 2),
  };
}

function macsOf(
  { sourceMac, destinationMac }: FrameHeaders,
  bytes: Uint8Array,
): { readonly publisherMacAddress: string; readonly receiverMacAddress?: string } {
  const publisherMacAddress = formatMac(bytes, sourceMac);
  if (destinationMac < 0) return { publisherMacAddress };
  return { publisherMacAddress, receiverMacAddress: formatMac(bytes, destinationMac) };
}
