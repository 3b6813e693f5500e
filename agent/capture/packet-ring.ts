/**
 * One AF_PACKET socket with a TPACKET_V3 ring: the kernel fills blocks of memory that we have
 * mapped, and wakes the event loop when a block is full or its time is up.
 * Spec: packet(7); Linux Documentation/networking/packet_mmap.rst; linux/if_packet.h.
 *
 * The mapped memory never leaves this file: a view that is read after munmap ends the process with
 * SIGSEGV. Each block is copied once, into the frame history, and goes back to the kernel at once.
 */
import type { OperatorFault } from '../platform/operator-fault.ts';
import {
  type CaptureStep,
  interfaceMissing,
  linkTypeUnsupported,
  openingFault,
} from './capture-faults.ts';
import { encodeFilter, type FilterInstruction } from './exclude-filter.ts';
import type { FrameHistory } from './frame-history.ts';
import { interfaceNames } from './interface-names.ts';
import * as libc from './libc.ts';
import { BLOCK_BYTES_USED, BLOCK_STATUS, type BlockIndexer, STATUS_USER } from './ring-layout.ts';

/** bits/socket.h, linux/if_packet.h, linux/sockios.h, asm-generic/socket.h. */
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_ATTACH_FILTER = 26;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_VERSION = 10;
const PACKET_IGNORE_OUTGOING = 23;
const PACKET_MR_PROMISC = 1;
const TPACKET_V3 = 2;
const ETH_P_ALL = 0x0003;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const SIOCGIFFLAGS = 0x8913;
const SIOCGIFHWADDR = 0x8927;
const SIOCGIFINDEX = 0x8933;
/** Bits of `ifr_flags` (netdevice(7)): up by will, and up in fact (carrier, operational state). */
const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const IFF_RUNNING = 0x40;
/** Hardware types whose frames begin with an Ethernet header (net/if_arp.h). */
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;
/** struct ifreq: 16 bytes of name, then a union. */
const IFREQ_BYTES = 40;
const IFREQ_VALUE = 16;
const IFNAMSIZ = 16;
/** Only divides the block for the kernel's own arithmetic; a frame may be as long as the block. */
const FRAME_SIZE_BYTES = 2048;

export interface PacketRingOptions {
  readonly interfaceName: string;
  readonly blocksCount: number;
  /** A multiple of the page size; bounds the longest frame. */
  readonly blockBytes: number;
  /** How long the kernel keeps a block that isn't full. */
  readonly blockTimeoutMs: number;
  readonly filter?: readonly FilterInstruction[] | undefined;
}

/** What the kernel says of the interface behind a name right now. */
export interface InterfaceState {
  /** The kernel's number; another one means that the interface was deleted and made again. */
  readonly systemIndex: number;
  readonly linkUp: boolean;
}

export class PacketRing {
  /** The kernel's number of the interface that the socket is bound to. */
  readonly systemIndex: number;
  readonly #options: PacketRingOptions;
  readonly #descriptor: number;
  #mapping: bigint | undefined;
  /** Whole ring as bytes, one view a block, made once: no view per block or frame later. */
  #blockBytes: Uint8Array[] = [];
  #blockWords: Uint32Array[] = [];
  /** The ring's words, signed, because only Atomics may touch the status of a block. */
  #status = new Int32Array(0);
  #position = 0;
  #poll: libc.PollHandle | undefined;

  /** Opens and listens at once; throws an OperatorFault that says what is missing. */
  constructor(options: PacketRingOptions) {
    this.#options = options;
    // Protocol 0: until the bind below, which comes last, no frame is queued, so none gets in
    // before the filter and none outside of the ring.
    this.#descriptor = libc.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (this.#descriptor < 0) throw this.#fault('socket');
    try {
      this.systemIndex = this.#open();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Asks the kernel by name; undefined when no interface has that name any more. */
  interfaceState(): InterfaceState | undefined {
    const systemIndex = this.#ask(SIOCGIFINDEX)?.getInt32(IFREQ_VALUE, true);
    const flags = this.#ask(SIOCGIFFLAGS)?.getUint16(IFREQ_VALUE, true);
    if (systemIndex === undefined || flags === undefined) return undefined;
    const wanted = IFF_UP | IFF_RUNNING;
    return { systemIndex, linkUp: (flags & wanted) === wanted };
  }

  /**
   * Calls when blocks are ready, or with `hasFailed` after an error of the socket (the link went
   * down, the interface was deleted). libuv has then stopped the handle: without another `listen`
   * the capture stays deaf, and nobody would ever say so.
   */
  listen(call: (hasFailed: boolean) => void): void {
    this.#poll?.close();
    this.#poll = libc.pollReadable(this.#descriptor, (status) => call(status < 0));
  }

  /** Reads and thereby clears the pending error of the socket: `ENETDOWN`; undefined for none. */
  takeError(): string | undefined {
    const number = this.#option(SOL_SOCKET, SO_ERROR, 4)?.getInt32(0, true) ?? 0;
    return number === 0 ? undefined : libc.errnoName(number);
  }

  /**
   * Takes over the next block: copies it into the history, indexes it there, and gives it back to
   * the kernel. Returns its address in the history, or -1 when no block is ready.
   */
  take(indexer: BlockIndexer, history: FrameHistory): number {
    const { blockBytes, blocksCount } = this.#options;
    if (this.#mapping === undefined) return -1;
    // The status orders all other reads of the block after it; a plain load would do on x64 and
    // read stale frames on arm64.
    const statusWord = (this.#position * blockBytes + BLOCK_STATUS) >>> 2;
    if ((Atomics.load(this.#status, statusWord) & STATUS_USER) === 0) return -1;
    const bytes = this.#blockBytes[this.#position];
    const words = this.#blockWords[this.#position];
    const bytesUsed = Math.min(words[BLOCK_BYTES_USED >>> 2], blockBytes);
    const address = history.append(bytes, 0, bytesUsed);
    indexer.read(words, bytes, address % history.bytes.length);
    Atomics.store(this.#status, statusWord, 0);
    this.#position = this.#position + 1 === blocksCount ? 0 : this.#position + 1;
    return address;
  }

  /** Frames that found the ring full since the last call: the kernel resets its counter. */
  takeDropped(): number {
    // struct tpacket_stats_v3: tp_packets (those dropped included), tp_drops, tp_freeze_q_cnt.
    return this.#option(SOL_PACKET, PACKET_STATISTICS, 12)?.getUint32(4, true) ?? 0;
  }

  /** Replaces the filter in one step; frames that wait in the ring were judged by the old one. */
  attach(filter: readonly FilterInstruction[]): void {
    const program = encodeFilter(filter);
    // struct sock_fprog: u16 length, then the address of the instructions at 8.
    const argument = new DataView(new ArrayBuffer(16));
    argument.setUint16(0, filter.length, true);
    argument.setBigUint64(8, libc.addressOf(program), true);
    this.#set('SO_ATTACH_FILTER', SOL_SOCKET, SO_ATTACH_FILTER, argument);
  }

  /** Frames of the last, still open block are lost: at most `blockTimeoutMs` of them. */
  close(): void {
    this.#poll?.close();
    this.#poll = undefined;
    // The views go before the mapping. They never left this object, so none can be in use.
    this.#blockBytes = [];
    this.#blockWords = [];
    this.#status = new Int32Array(0);
    if (this.#mapping !== undefined) {
      libc.munmap(this.#mapping, this.#options.blocksCount * this.#options.blockBytes);
      this.#mapping = undefined;
    }
    if (this.#descriptor >= 0) libc.close(this.#descriptor);
  }

  #open(): number {
    const { interfaceName, blocksCount, blockBytes, blockTimeoutMs, filter } = this.#options;
    const systemIndex = this.#ask(SIOCGIFINDEX)?.getInt32(IFREQ_VALUE, true);
    if (systemIndex === undefined) throw interfaceMissing(interfaceName, interfaceNames());
    const hardwareType = this.#ask(SIOCGIFHWADDR)?.getUint16(IFREQ_VALUE, true) ?? ARPHRD_ETHER;
    if (hardwareType !== ARPHRD_ETHER && hardwareType !== ARPHRD_LOOPBACK) {
      throw linkTypeUnsupported(interfaceName, hardwareType);
    }
    this.#set('PACKET_VERSION', SOL_PACKET, PACKET_VERSION, int32s(TPACKET_V3));
    const flags = this.#ask(SIOCGIFFLAGS)?.getUint16(IFREQ_VALUE, true) ?? 0;
    if ((flags & IFF_LOOPBACK) !== 0) {
      // On the loopback each frame comes twice, as it leaves and as it arrives. Nowhere else: on a
      // real interface what this machine sends would be missing.
      this.#set('PACKET_IGNORE_OUTGOING', SOL_PACKET, PACKET_IGNORE_OUTGOING, int32s(1));
    }
    if (filter !== undefined) this.attach(filter);
    // struct tpacket_req3: block size and number, frame size and number, timeout, private area,
    // features.
    const framesCount = (blockBytes / FRAME_SIZE_BYTES) * blocksCount;
    const request = [blockBytes, blocksCount, FRAME_SIZE_BYTES, framesCount, blockTimeoutMs, 0, 0];
    this.#set('PACKET_RX_RING', SOL_PACKET, PACKET_RX_RING, int32s(...request));
    this.#map();
    // struct packet_mreq: index, u16 type, u16 address length, 8 bytes. CAP_NET_RAW is enough, and
    // the kernel undoes it when the socket is closed, also after a crash.
    const membership = int32s(systemIndex, PACKET_MR_PROMISC, 0, 0);
    this.#set('PACKET_ADD_MEMBERSHIP', SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership);
    this.#bind(systemIndex);
    return systemIndex;
  }

  #map(): void {
    const { blocksCount, blockBytes } = this.#options;
    const bytes = blocksCount * blockBytes;
    const mapping = libc.mmap(null, bytes, PROT_READ_WRITE, MAP_SHARED, this.#descriptor, 0);
    if (mapping === libc.MAP_FAILED) throw this.#fault('mmap');
    this.#mapping = mapping;
    const memory = libc.viewOf(mapping, bytes);
    this.#status = new Int32Array(memory);
    for (let at = 0; at < blocksCount; at++) {
      this.#blockBytes.push(new Uint8Array(memory, at * blockBytes, blockBytes));
      this.#blockWords.push(new Uint32Array(memory, at * blockBytes, blockBytes >>> 2));
    }
  }

  /** An interface that is down binds without an error: `interfaceState` tells it. */
  #bind(systemIndex: number): void {
    // struct sockaddr_ll: u16 family, u16 protocol in network order, int index.
    const address = new DataView(new ArrayBuffer(20));
    address.setUint16(0, AF_PACKET, true);
    address.setUint16(2, ETH_P_ALL, false);
    address.setInt32(4, systemIndex, true);
    const result = libc.bind(this.#descriptor, bytesOf(address), address.byteLength);
    if (result < 0) throw this.#fault('bind');
  }

  #set(step: CaptureStep, level: number, name: number, value: DataView): void {
    const bytes = bytesOf(value);
    if (libc.setsockopt(this.#descriptor, level, name, bytes, bytes.length) < 0) {
      throw this.#fault(step);
    }
  }

  #option(level: number, name: number, bytes: number): DataView | undefined {
    const value = new DataView(new ArrayBuffer(bytes));
    const length = bytesOf(int32s(bytes));
    const result = libc.getsockopt(this.#descriptor, level, name, bytesOf(value), length);
    return result < 0 ? undefined : value;
  }

  /** One of the SIOCGIF requests for the interface's name. */
  #ask(request: number): DataView | undefined {
    const argument = new Uint8Array(IFREQ_BYTES);
    const name = Buffer.from(this.#options.interfaceName).subarray(0, IFNAMSIZ - 1);
    argument.set(name);
    const result = libc.ioctl(this.#descriptor, request, argument);
    return result < 0 ? undefined : new DataView(argument.buffer);
  }

  #fault(step: CaptureStep): OperatorFault {
    const { interfaceName, blocksCount, blockBytes } = this.#options;
    const errnoName = libc.errnoName(libc.errno());
    // The interface may have gone between the question and the bind.
    if (errnoName === 'ENODEV') return interfaceMissing(interfaceName, interfaceNames());
    return openingFault(interfaceName, step, errnoName, blocksCount * blockBytes);
  }
}

/** Opens a packet socket, bound to nothing, and closes it: what is in the way, if anything. */
export function tryPacketSocket(): OperatorFault | undefined {
  const descriptor = libc.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return openingFault('', 'socket', libc.errnoName(libc.errno()), 0);
  libc.close(descriptor);
  return undefined;
}

function int32s(...values: readonly number[]): DataView {
  return new DataView(Int32Array.from(values).buffer);
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
