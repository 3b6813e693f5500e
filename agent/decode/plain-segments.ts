/**
 * The short way of the ordinary frame: Ethernet with at most one VLAN tag, IPv4 without options or
 * pieces, TCP in order on a connection that both sides have spoken on. It fills no headers and asks
 * nothing twice; whatever isn't quite so is left, untouched, to the long way round (decoder.ts),
 * and a test holds the two ways together. Most frames of a plant come here.
 *
 * A closure instead of a class, with constants of its own instead of imported ones: the engine
 * folds what a closure that is made once refers to, and loads each field of an object at each use
 * (12 of 110 ns a frame, docs/benchmarks.md).
 * Spec: IEEE 802.3 clause 3.2, RFC 791 section 3.1, RFC 9293 section 3.1.
 */
import { FLOW_NONE, type FlowTable } from './flow-table.ts';
import { mixHash } from './mix-hash.ts';
import type { TakePlainPoll } from './modbus-plain-polls.ts';
import type { RecentSegments } from './recent-segments.ts';
import type { InOrderSink } from './tcp-sequences.ts';
import type { TcpStreams } from './tcp-streams.ts';

/** Layout of the frame. */
const ETHER_TYPE = 12;
const ETHERNET_BYTES = 14;
const VLAN_TAG_BYTES = 4;
const IPV4_BYTES = 20;
const TCP_BYTES_MIN = 20;
const HEADERS_BYTES_MIN = ETHERNET_BYTES + IPV4_BYTES + TCP_BYTES_MIN;

const ETHER_TYPE_IPV4 = 0x0800;
const ETHER_TYPE_VLAN = 0x8100;
/** Version 4 and a header of five words: no options. */
const IPV4_WITHOUT_OPTIONS = 0x45;
const IP_PROTOCOL_TCP = 6;
/** The more-fragments flag and the fragment offset, which have to be 0. */
const MORE_OR_OFFSET = 0x3fff;
/** SYN, FIN, RST and ACK, of which only the last is set. */
const TELLING_FLAGS = 0x17;
const ACK = 0x10;
/** Last two bytes of a frame that may carry a PRP trailer (protocols/link/prp.ts). */
const PRP_SUFFIX = 0x88fb;

/** Words of a row in FlowTable.keys. */
const KEY_WORDS = 8;
const KEY_KIND = 3;
const KEY_PORTS_SENT = 4;

/** Words of a direction in RecentSegments.rows. */
const RECENT_WORDS = 4;
const LAST_PAYLOAD = 1;
const PAYLOAD_TCP = 2;
const PAYLOAD_END = 3;

/** Direction by a hash of addresses and ports as they are sent. A collision costs a slow look. */
const DIRECTIONS_BITS = 14;
const DIRECTIONS_SHIFT = 32 - DIRECTIONS_BITS;

/** True when the frame in `bytes[offset, end)` was taken; false, and nothing has happened. */
export type TakePlainSegment = (bytes: Uint8Array, offset: number, end: number) => boolean;

const takeNone: TakePlainPoll = () => false;

/** `takePoll` goes before `sink`. */
export function createTakePlainSegment(
  table: FlowTable,
  streams: TcpStreams,
  recent: RecentSegments,
  sink: InOrderSink,
  takePoll: TakePlainPoll = takeNone,
): TakePlainSegment {
  const directionOf = createDirectionOf(table);
  const { isSeen, lists } = table;
  const { sequences } = streams;
  const { status, next } = sequences;
  const { rows } = recent;

  // Over the block's bytes: one load and one check of bounds for four bytes.
  let viewed: Uint8Array = new Uint8Array(0);
  let view = new DataView(viewed.buffer);

  return (bytes, offset, end) => {
    if (end - offset < HEADERS_BYTES_MIN) return false;
    if (bytes !== viewed) {
      viewed = bytes;
      view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    if ((view.getInt16(end - 2) & 0xffff) === PRP_SUFFIX) return false;
    let network = offset + ETHERNET_BYTES;
    let etherType = view.getInt16(offset + ETHER_TYPE) & 0xffff;
    if (etherType === ETHER_TYPE_VLAN) {
      etherType = view.getInt16(network + 2) & 0xffff;
      network += VLAN_TAG_BYTES;
      if (end - network < IPV4_BYTES + TCP_BYTES_MIN) return false;
    }
    const head = view.getInt32(network);
    if (etherType !== ETHER_TYPE_IPV4 || head >>> 24 !== IPV4_WITHOUT_OPTIONS) return false;
    if ((view.getInt32(network + 4) & MORE_OR_OFFSET) !== 0) return false;
    if (((view.getInt32(network + 8) >> 16) & 0xff) !== IP_PROTOCOL_TCP) return false;
    const tcp = network + IPV4_BYTES;
    const packetEnd = network + (head & 0xffff);
    const offsetAndFlags = view.getInt32(tcp + 12);
    const payload = tcp + ((offsetAndFlags >>> 28) << 2);
    if (payload < tcp + TCP_BYTES_MIN || payload > packetEnd || packetEnd > end) return false;
    if (((offsetAndFlags >> 16) & TELLING_FLAGS) !== ACK) return false;
    const direction = directionOf(view, tcp);
    if (direction === FLOW_NONE) return false;
    const sequence = view.getInt32(tcp + 4);
    if (isSeen[direction] === 0 || status[direction] !== 0 || next[direction] !== sequence) {
      return false;
    }
    const row = direction * RECENT_WORDS;
    const length = packetEnd - payload;
    if (length === 0) {
      if (recent.mayBeCopy(direction)) return false;
    } else {
      rows[row + LAST_PAYLOAD] = recent.frame;
      rows[row + PAYLOAD_TCP] = tcp;
      rows[row + PAYLOAD_END] = packetEnd;
    }
    rows[row] = recent.frame;
    lists.touch(direction >> 1);
    const acknowledgment = view.getInt32(tcp + 8);
    const peer = direction ^ 1;
    if (((acknowledgment - next[peer]) | 0) > 0) streams.acknowledge(peer, acknowledgment);
    if (length === 0) return true;
    next[direction] = (sequence + length) | 0;
    if (takePoll(direction, bytes, view, payload, length)) return true;
    if (!sink.inOrder(direction, bytes, payload, length)) sequences.forget(direction);
    return true;
  };
}

/** The direction of the frame with its TCP header here, right behind IPv4's, or FLOW_NONE. */
type DirectionOf = (view: DataView, tcp: number) => number;

function createDirectionOf(table: FlowTable): DirectionOf {
  const { keys, seed } = table;
  const sourceMultiplier = mixHash(seed, 4) | 1;
  const destinationMultiplier = mixHash(seed, 5) | 1;
  const portsMultiplier = mixHash(seed, 6) | 1;
  const directions = new Int32Array(2 ** DIRECTIONS_BITS);

  return (view, tcp) => {
    const source = view.getInt32(tcp - 8);
    const destination = view.getInt32(tcp - 4);
    const ports = view.getInt32(tcp);
    const sum =
      Math.imul(source, sourceMultiplier) +
      Math.imul(destination, destinationMultiplier) +
      Math.imul(ports, portsMultiplier);
    const entry = (sum | 0) >>> DIRECTIONS_SHIFT;
    const direction = directions[entry];
    const side = direction & 1;
    const key = (direction >> 1) * KEY_WORDS;
    if (
      keys[key + side] === source &&
      keys[key + (side ^ 1)] === destination &&
      keys[key + KEY_PORTS_SENT + side] === ports &&
      keys[key + KEY_KIND] === IP_PROTOCOL_TCP
    ) {
      return direction;
    }
    const found = table.findTcp4(source, destination, ports);
    if (found !== FLOW_NONE) directions[entry] = found;
    return found;
  };
}
