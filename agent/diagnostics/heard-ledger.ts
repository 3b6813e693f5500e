/**
 * Counts what an interface brings, frame by frame, for setup and doctor: who speaks which protocol,
 * whether connections are heard from both sides, whether frames are cut, tagged or copied by a
 * router. Bounded like everything that a network may fill; frames beyond a table's room only count.
 */
import {
  FRAME_CAPTURED_BYTES,
  FRAME_FLAG_VLAN,
  FRAME_FLAGS,
  FRAME_OFFSET,
  FRAME_ORIGINAL_BYTES,
  FRAME_VLAN,
  FRAME_WORDS,
  type FrameBlock,
  type FrameBlockSink,
} from '../../protocols/frame-block.ts';
import { formatMac } from '../../protocols/link/addresses.ts';
import {
  FRAME_MALFORMED,
  FRAME_OTHER,
  FRAME_TCP,
  FRAME_UDP,
  FrameHeaders,
} from '../../protocols/link/frame-headers.ts';
import { readFrame } from '../../protocols/link/read-frame.ts';
import type { Heard, PortHeard } from './doctor-facts.ts';

const CONNECTIONS_MAX = 4096;
const PORTS_MAX = 1024;
const SENDERS_MAX = 4096;
const VLANS_MAX = 64;
const PACKETS_REMEMBERED_MAX = 8192;
const PORTS_TOLD_MAX = 8;
/** Segments with data of one side, and none of the other, that make a connection one-sided. */
const ONE_SIDED_SEGMENTS = 4;

const VLAN_ID_MASK = 0xfff;
const ETHER_TYPE = 12;
const SOURCE_MAC = 6;
const IPV4_IDENTIFICATION = 4;
const IPV4_TIME_TO_LIVE = 8;
const IPV4_SOURCE = 12;
const IPV4_ADDRESSES_BYTES = 8;
const TCP_DATA_OFFSET = 12;

/** EtherTypes that a plant's mirror brings besides IP. */
const ETHER_TYPES = new Map([
  [0x0806, 'ARP'],
  [0x88cc, 'LLDP'],
  [0x8892, 'PROFINET'],
  [0x88b8, 'GOOSE'],
  [0x88ba, 'sampled values'],
  [0x88a4, 'EtherCAT'],
  [0x88fb, 'PRP supervision'],
  [0x88e3, 'MRP'],
  [0x86dd, 'IPv6 without TCP or UDP'],
  [0x0800, 'IPv4 without TCP or UDP'],
]);

/** What decoding says of the same frames; the caller ran the pipeline beside. */
export type HeardProtocols = Pick<
  Heard,
  | 'framesDuplicate'
  | 'framesDropped'
  | 'modbusRequests'
  | 'modbusResponses'
  | 'opcuaMessages'
  | 'opcuaTransactions'
  | 'opcuaEncrypted'
>;

/** Segments with data from the lower and from the higher end of a connection. */
interface Sides {
  low: number;
  high: number;
}

export class HeardLedger implements FrameBlockSink {
  readonly #headers = new FrameHeaders();
  readonly #connections = new Map<string, Sides>();
  readonly #ports = new Map<string, number>();
  readonly #senders = new Set<string>();
  readonly #vlanIds = new Set<number>();
  /** Time to live of IPv4 packets by addresses and identification. */
  readonly #packets = new Map<string, number>();
  #frames = 0;
  #bytes = 0;
  #framesCut = 0;
  #framesTagged = 0;
  #routedCopies = 0;

  block({ bytes, index, framesCount, linkType }: FrameBlock): void {
    for (let word = 0; word < framesCount * FRAME_WORDS; word += FRAME_WORDS) {
      const offset = index[word + FRAME_OFFSET];
      const captured = index[word + FRAME_CAPTURED_BYTES];
      this.#frames++;
      this.#bytes += index[word + FRAME_ORIGINAL_BYTES];
      const headers = this.#headers;
      headers.vlanIdsCount = 0;
      headers.cutBytes = 0;
      if ((index[word + FRAME_FLAGS] & FRAME_FLAG_VLAN) !== 0) {
        headers.vlanIds[headers.vlanIdsCount++] = index[word + FRAME_VLAN] & VLAN_ID_MASK;
      }
      const kind = readFrame(headers, bytes, offset, offset + captured, linkType);
      const isCut = captured < index[word + FRAME_ORIGINAL_BYTES] || headers.cutBytes > 0;
      if (isCut) this.#framesCut++;
      this.#link(bytes, offset);
      if (kind === FRAME_TCP || kind === FRAME_UDP) this.#transport(bytes, kind);
      else if (kind === FRAME_OTHER) this.#other(bytes, offset, captured);
      else if (kind === FRAME_MALFORMED) this.#count('broken headers');
    }
  }

  /** So far; `seconds` and what decoding found come from the caller. */
  heard(interfaceName: string, seconds: number, protocols: HeardProtocols): Heard {
    const sides = [...this.#connections.values()];
    const withData = sides.filter(({ low, high }) => low + high >= ONE_SIDED_SEGMENTS);
    const ports = [...this.#ports]
      .map(([what, frames]): PortHeard => ({ what, frames }))
      .sort((a, b) => b.frames - a.frames)
      .slice(0, PORTS_TOLD_MAX);
    return {
      interfaceName,
      seconds,
      frames: this.#frames,
      bytes: this.#bytes,
      framesCut: this.#framesCut,
      framesTagged: this.#framesTagged,
      vlanIds: [...this.#vlanIds].sort((a, b) => a - b),
      routedCopies: this.#routedCopies,
      connections: withData.length,
      connectionsOneSided: withData.filter(({ low, high }) => low === 0 || high === 0).length,
      senders: this.#senders.size,
      ports,
      ...protocols,
    };
  }

  #link(bytes: Uint8Array, offset: number): void {
    const { sourceMac, vlanIds, vlanIdsCount } = this.#headers;
    if (sourceMac >= 0 && this.#senders.size < SENDERS_MAX) {
      this.#senders.add(formatMac(bytes, offset + SOURCE_MAC));
    }
    if (vlanIdsCount === 0) return;
    this.#framesTagged++;
    for (let at = 0; at < vlanIdsCount && this.#vlanIds.size < VLANS_MAX; at++) {
      this.#vlanIds.add(vlanIds[at]);
    }
  }

  #transport(bytes: Uint8Array, kind: number): void {
    const { transport, transportEnd, isIpv6, sourceAddress, vlanIdsCount } = this.#headers;
    if (transport + 4 > transportEnd) return;
    const source = uint16(bytes, transport);
    const destination = uint16(bytes, transport + 2);
    this.#count(`${kind === FRAME_TCP ? 'tcp' : 'udp'} ${Math.min(source, destination)}`);
    if (!isIpv6 && vlanIdsCount === 0) this.#routed(bytes, sourceAddress - IPV4_SOURCE);
    if (kind !== FRAME_TCP || transport + TCP_DATA_OFFSET >= transportEnd) return;
    const dataBytes = transportEnd - transport - (bytes[transport + TCP_DATA_OFFSET] >> 4) * 4;
    if (dataBytes <= 0) return;
    const addressBytes = isIpv6 ? 16 : 4;
    const from = `${hex(bytes, sourceAddress, addressBytes)}:${source}`;
    const to = `${hex(bytes, sourceAddress + addressBytes, addressBytes)}:${destination}`;
    const isLow = from < to;
    const key = isLow ? `${from} ${to}` : `${to} ${from}`;
    let sides = this.#connections.get(key);
    if (sides === undefined) {
      if (this.#connections.size >= CONNECTIONS_MAX) return;
      sides = { low: 0, high: 0 };
      this.#connections.set(key, sides);
    }
    if (isLow) sides.low++;
    else sides.high++;
  }

  /** The same packet once more, one router later, and nothing that tells the networks apart. */
  #routed(bytes: Uint8Array, ip: number): void {
    const identification = uint16(bytes, ip + IPV4_IDENTIFICATION);
    if (identification === 0) return;
    const key = hex(bytes, ip + IPV4_SOURCE, IPV4_ADDRESSES_BYTES) + identification.toString(16);
    const timeToLive = bytes[ip + IPV4_TIME_TO_LIVE];
    const before = this.#packets.get(key);
    if (before !== undefined && Math.abs(before - timeToLive) === 1) this.#routedCopies++;
    if (this.#packets.size >= PACKETS_REMEMBERED_MAX) this.#packets.clear();
    this.#packets.set(key, timeToLive);
  }

  #other(bytes: Uint8Array, offset: number, captured: number): void {
    if (captured < ETHER_TYPE + 2) return;
    const etherType = uint16(bytes, offset + ETHER_TYPE);
    const name = ETHER_TYPES.get(etherType);
    if (name !== undefined) this.#count(name);
    else if (etherType < 0x0600) this.#count('LLC (spanning tree and the like)');
    else this.#count(`EtherType 0x${etherType.toString(16).padStart(4, '0')}`);
  }

  #count(what: string): void {
    const frames = this.#ports.get(what);
    if (frames !== undefined || this.#ports.size < PORTS_MAX)
      this.#ports.set(what, (frames ?? 0) + 1);
  }
}

function uint16(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] << 8) | bytes[offset + 1];
}

function hex(bytes: Uint8Array, offset: number, count: number): string {
  let text = '';
  for (let at = offset; at < offset + count; at++) text += bytes[at].toString(16).padStart(2, '0');
  return text;
}
