/**
 * Which flow a frame belongs to, and what is known of it before (and after) its protocol is. All
 * columns are typed arrays of `flowsMax` rows, so a flood of flows allocates nothing.
 */
import type { FlowFacts } from '../../protocols/flow.ts';
import { IPV4_BYTES, IPV6_BYTES, MAC_BYTES } from '../../protocols/link/addresses.ts';
import { priorityCodePoint, ttlOf } from '../../protocols/link/first-frame.ts';
import { type FrameHeaders, VLAN_IDS_MAX } from '../../protocols/link/frame-headers.ts';
import { IP_PROTOCOL_TCP } from '../../protocols/link/ipv4.ts';
import { int32At } from '../../protocols/link/network-order.ts';
import { ADDRESS_UNKNOWN, AddressTable } from './address-table.ts';
import { FlowLists } from './flow-lists.ts';
import { mixHash } from './mix-hash.ts';

/** The flow's protocol isn't known (yet). */
export const FLOW_UNDECIDED = 0;
export const FLOW_MODBUS = 1;
export const FLOW_OPCUA = 2;
/** TLS on a port of Modbus. */
export const FLOW_TLS = 3;

export const FLOW_NONE = -1;
export const SIDE_UNKNOWN = -1;

/** A direction is `row * 2 + side`: the bytes that this side sends. */
export const SIDES = 2;

/** One cache line holds two keys. */
const KEY_WORDS = 8;
const KEY_PORTS = 2;
/** IP protocol and version; 0 where the row is free. */
const KEY_KIND = 3;
/** The ports once more as side 0 sends them, then as side 1 does. */
const KEY_PORTS_SENT = 4;
const KIND_IPV6 = 0x100;

/**
 * Flows being watched. When full, a flow that never was answered makes room, then one that carries
 * no protocol of ours, each the one idle longest; the caller counts it.
 */
export class FlowTable {
  readonly flowsMax: number;
  /** What the hash of a key begins with, so that nobody outside can aim at one bucket. */
  readonly seed: number;
  readonly addresses: AddressTable;
  readonly lists: FlowLists;
  readonly state: Uint8Array;
  /** 1 for each direction in which a frame was seen. */
  readonly isSeen: Uint8Array;
  /** Who sent the SYN: a side, or SIDE_UNKNOWN. */
  readonly originatorSide: Int8Array;
  readonly clientSide: Uint8Array;
  readonly startTimeUs: Float64Array;
  readonly interfaceIndex: Uint16Array;
  /** The object of a recognised flow. */
  readonly facts: (FlowFacts | undefined)[];
  /** KEY_WORDS a row: address (or its number in `addresses`) of each side, ports, protocol. */
  readonly keys: Int32Array;
  /** MAC addresses: side 0, then side 1; `macKnown` has a bit for each side. */
  readonly macs: Uint8Array;
  readonly macKnown: Uint8Array;
  /** Of the first packet of each direction; valid where `isSeen`. */
  readonly ttls: Uint8Array;
  /** Of the outermost VLAN tag of the first frame, or PRIORITY_UNKNOWN. */
  readonly priorities: Int8Array;
  readonly vlanIds: Uint16Array;
  readonly vlanIdsCount: Uint8Array;
  /** As in FrameHeaders. */
  readonly encapsulations: Int32Array;

  readonly #lowMultiplier: number;
  readonly #highMultiplier: number;
  readonly #portsMultiplier: number;
  /** The upper bits of the sum depend on every bit of the key. */
  readonly #shift: number;
  readonly #buckets: Int32Array;
  readonly #chainNext: Int32Array;
  readonly #bucketOf: Int32Array;
  readonly #free: Int32Array;
  #freeCount: number;

  constructor(flowsMax: number, seed: number) {
    this.seed = seed;
    this.flowsMax = flowsMax;
    // Two held by each flow, and two of the flow that is being added.
    this.addresses = new AddressTable(SIDES * flowsMax + SIDES, seed);
    this.lists = new FlowLists(flowsMax);
    this.state = new Uint8Array(flowsMax);
    this.isSeen = new Uint8Array(flowsMax * SIDES);
    this.originatorSide = new Int8Array(flowsMax);
    this.clientSide = new Uint8Array(flowsMax);
    this.startTimeUs = new Float64Array(flowsMax);
    this.interfaceIndex = new Uint16Array(flowsMax);
    this.facts = Array.from({ length: flowsMax }, () => undefined);
    this.macs = new Uint8Array(flowsMax * SIDES * MAC_BYTES);
    this.macKnown = new Uint8Array(flowsMax);
    this.ttls = new Uint8Array(flowsMax * SIDES);
    this.priorities = new Int8Array(flowsMax);
    this.vlanIds = new Uint16Array(flowsMax * VLAN_IDS_MAX);
    this.vlanIdsCount = new Uint8Array(flowsMax);
    this.encapsulations = new Int32Array(flowsMax);
    const bucketBits = Math.ceil(Math.log2(flowsMax * 2));
    this.#lowMultiplier = mixHash(seed, 1) | 1;
    this.#highMultiplier = mixHash(seed, 2) | 1;
    this.#portsMultiplier = mixHash(seed, 3) | 1;
    this.#shift = 32 - bucketBits;
    this.#buckets = new Int32Array(2 ** bucketBits).fill(FLOW_NONE);
    this.#chainNext = new Int32Array(flowsMax);
    this.#bucketOf = new Int32Array(flowsMax);
    this.keys = new Int32Array(flowsMax * KEY_WORDS);
    this.#free = Int32Array.from({ length: flowsMax }, (_, index) => flowsMax - 1 - index);
    this.#freeCount = flowsMax;
  }

  get flowsUsed(): number {
    return this.flowsMax - this.#freeCount;
  }

  get isFull(): boolean {
    return this.#freeCount === 0;
  }

  isUsed(row: number): boolean {
    return this.keys[row * KEY_WORDS + KEY_KIND] !== 0;
  }

  portOf(row: number, side: number): number {
    const ports = this.keys[row * KEY_WORDS + KEY_PORTS];
    return side === 0 ? ports >>> 16 : ports & 0xffff;
  }

  ipProtocolOf(row: number): number {
    return this.keys[row * KEY_WORDS + KEY_KIND] & 0xff;
  }

  isIpv6(row: number): boolean {
    return (this.keys[row * KEY_WORDS + KEY_KIND] & KIND_IPV6) !== 0;
  }

  /** IPv4 address as a number, or the number of an IPv6 address in `addresses`. */
  addressOf(row: number, side: number): number {
    return this.keys[row * KEY_WORDS + side];
  }

  /**
   * The direction that this frame belongs to, or FLOW_NONE. Both directions of a flow have one key:
   * the lower address, then the lower port, is side 0.
   */
  find(headers: FrameHeaders, bytes: Uint8Array, ipProtocol: number): number {
    if (headers.isIpv6) return this.#findIpv6(headers, bytes, ipProtocol);
    const source = int32At(bytes, headers.sourceAddress);
    const destination = int32At(bytes, headers.sourceAddress + IPV4_BYTES);
    // Ports stand first in TCP and in UDP.
    return this.#lookUp(source, destination, int32At(bytes, headers.transport), ipProtocol);
  }

  /** As `find`, for TCP over IPv4. */
  findTcp4(source: number, destination: number, ports: number): number {
    return this.#lookUp(source, destination, ports, IP_PROTOCOL_TCP);
  }

  /** A row for the flow of this frame, which `find` has just not found; there must be room. */
  add(
    headers: FrameHeaders,
    bytes: Uint8Array,
    ipProtocol: number,
    interfaceIndex: number,
    timeUs: number,
  ): number {
    const isIpv6 = headers.isIpv6;
    const kind = isIpv6 ? ipProtocol | KIND_IPV6 : ipProtocol;
    const sourceOffset = headers.sourceAddress;
    const source = this.#holdAddress(isIpv6, bytes, sourceOffset);
    const destinationOffset = sourceOffset + (isIpv6 ? IPV6_BYTES : IPV4_BYTES);
    const destination = this.#holdAddress(isIpv6, bytes, destinationOffset);
    const ports = int32At(bytes, headers.transport);
    const side = isHigher(source, destination, ports) ? 1 : 0;
    const row = this.#free[--this.#freeCount];
    const key = row * KEY_WORDS;
    this.keys[key + side] = source;
    this.keys[key + (side ^ 1)] = destination;
    const swapped = (ports << 16) | (ports >>> 16);
    this.keys[key + KEY_PORTS] = side === 0 ? ports : swapped;
    this.keys[key + KEY_PORTS_SENT + side] = ports;
    this.keys[key + KEY_PORTS_SENT + (side ^ 1)] = swapped;
    this.keys[key + KEY_KIND] = kind;
    const bucket = this.#bucket(this.keys[key], this.keys[key + 1], this.keys[key + 2], kind);
    this.#bucketOf[row] = bucket;
    this.#chainNext[row] = this.#buckets[bucket];
    this.#buckets[bucket] = row;
    this.#clearRow(row);
    this.startTimeUs[row] = timeUs;
    this.interfaceIndex[row] = interfaceIndex;
    this.vlanIdsCount[row] = headers.vlanIdsCount;
    this.encapsulations[row] = headers.encapsulations;
    this.priorities[row] = priorityCodePoint(headers.sourceMac, bytes);
    for (let index = 0; index < headers.vlanIdsCount; index++) {
      this.vlanIds[row * VLAN_IDS_MAX + index] = headers.vlanIds[index];
    }
    this.lists.add(row);
    return row * SIDES + side;
  }

  remove(row: number): void {
    const bucket = this.#bucketOf[row];
    if (this.#buckets[bucket] === row) {
      this.#buckets[bucket] = this.#chainNext[row];
    } else {
      let before = this.#buckets[bucket];
      while (this.#chainNext[before] !== row) before = this.#chainNext[before];
      this.#chainNext[before] = this.#chainNext[row];
    }
    if (this.isIpv6(row)) {
      this.addresses.release(this.addressOf(row, 0));
      this.addresses.release(this.addressOf(row, 1));
    }
    this.lists.remove(row);
    this.keys[row * KEY_WORDS + KEY_KIND] = 0;
    this.facts[row] = undefined;
    this.#free[this.#freeCount++] = row;
  }

  /** Notes the first frame of a side: its MAC address, and the receiver's while unknown. */
  sawSide(row: number, side: number, headers: FrameHeaders, bytes: Uint8Array): void {
    this.isSeen[row * SIDES + side] = 1;
    const ttl = ttlOf(headers, bytes);
    this.ttls[row * SIDES + side] = ttl;
    const facts = this.facts[row];
    if (facts !== undefined) noteTtl(facts, side === this.clientSide[row], ttl);
    if (headers.sourceMac >= 0) this.#learnMac(row, side, bytes, headers.sourceMac);
    const isPeerKnown = (this.macKnown[row] & (1 << (side ^ 1))) !== 0;
    if (headers.destinationMac >= 0 && !isPeerKnown) {
      this.#learnMac(row, side ^ 1, bytes, headers.destinationMac);
    }
    this.classify(row);
  }

  /** Both sides have sent something. */
  isAnswered(row: number): boolean {
    return (this.isSeen[row * SIDES] & this.isSeen[row * SIDES + 1]) !== 0;
  }

  /** Puts the flow into the list of its worth: answered counts one, recognised counts one. */
  classify(row: number): void {
    const isAnswered = this.isAnswered(row) ? 1 : 0;
    const isRecognized = this.state[row] === FLOW_UNDECIDED ? 0 : 1;
    this.lists.move(row, isAnswered + isRecognized);
  }

  #findIpv6(headers: FrameHeaders, bytes: Uint8Array, ipProtocol: number): number {
    const source = this.addresses.find(bytes, headers.sourceAddress);
    const destination = this.addresses.find(bytes, headers.sourceAddress + IPV6_BYTES);
    if (source === ADDRESS_UNKNOWN || destination === ADDRESS_UNKNOWN) return FLOW_NONE;
    const ports = int32At(bytes, headers.transport);
    return this.#lookUp(source, destination, ports, ipProtocol | KIND_IPV6);
  }

  #lookUp(source: number, destination: number, sentPorts: number, kind: number): number {
    const isHigh = isHigher(source, destination, sentPorts);
    const low = isHigh ? destination : source;
    const high = isHigh ? source : destination;
    const ports = isHigh ? (sentPorts << 16) | (sentPorts >>> 16) : sentPorts;
    const keys = this.keys;
    let row = this.#buckets[this.#bucket(low, high, ports, kind)];
    while (row !== FLOW_NONE) {
      const key = row * KEY_WORDS;
      if (
        keys[key + KEY_PORTS] === ports &&
        keys[key] === low &&
        keys[key + 1] === high &&
        keys[key + KEY_KIND] === kind
      ) {
        return row * SIDES + (isHigh ? 1 : 0);
      }
      row = this.#chainNext[row];
    }
    return FLOW_NONE;
  }

  #learnMac(row: number, side: number, bytes: Uint8Array, offset: number): void {
    const begin = (row * SIDES + side) * MAC_BYTES;
    for (let index = 0; index < MAC_BYTES; index++)
      this.macs[begin + index] = bytes[offset + index];
    this.macKnown[row] |= 1 << side;
  }

  #clearRow(row: number): void {
    this.state[row] = FLOW_UNDECIDED;
    this.isSeen[row * SIDES] = 0;
    this.isSeen[row * SIDES + 1] = 0;
    this.originatorSide[row] = SIDE_UNKNOWN;
    this.macKnown[row] = 0;
    this.facts[row] = undefined;
  }

  #holdAddress(isIpv6: boolean, bytes: Uint8Array, offset: number): number {
    return isIpv6 ? this.addresses.hold(bytes, offset) : int32At(bytes, offset);
  }

  /** Multilinear hashing: with secret odd multipliers nobody can aim at one bucket. */
  #bucket(low: number, high: number, ports: number, kind: number): number {
    const sum =
      Math.imul(low ^ kind, this.#lowMultiplier) +
      Math.imul(high, this.#highMultiplier) +
      Math.imul(ports, this.#portsMultiplier);
    return (sum | 0) >>> this.#shift;
  }
}

/** Whether the sender of a frame is side 1. `ports`: the source port stands in the upper half. */
function isHigher(source: number, destination: number, ports: number): boolean {
  return source > destination || (source === destination && ports >>> 16 > (ports & 0xffff));
}

function noteTtl(facts: FlowFacts, isClient: boolean, ttl: number): void {
  if (isClient) facts.clientTtl = ttl;
  else facts.serverTtl = ttl;
}
