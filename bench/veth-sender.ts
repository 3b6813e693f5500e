/**
 * Sends the frames of a capture file over an interface as fast as the kernel takes them, or at a
 * given rate: a process of its own, never part of the product.
 * Usage: node bench/veth-sender.ts FILE INTERFACE PACKETS PACKETS_A_SECOND
 */
import { readFileSync } from 'node:fs';
import koffi from 'koffi';
import { readCaptureFile } from '../agent/capture/file-source.ts';
import {
  FRAME_CAPTURED_BYTES,
  FRAME_OFFSET,
  FRAME_WORDS,
  type FrameBlock,
} from '../protocols/frame-block.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOL_PACKET = 263;
const PACKET_QDISC_BYPASS = 20;
/** Frames in one system call; 64 take about 40 us. */
const BATCH = 64;
/** struct mmsghdr and struct iovec on 64-bit Linux. */
const MESSAGE_BYTES = 64;
const MESSAGE_IOVEC = 16;
const MESSAGE_IOVEC_COUNT = 24;
const IOVEC_BYTES = 16;

const library = koffi.load('libc.so.6');
const socket = library.func('int socket(int, int, int)');
const bind = library.func('int bind(int, const void *, uint32_t)');
const setsockopt = library.func('int setsockopt(int, int, int, const void *, uint32_t)');
const sendmmsg = library.func('int sendmmsg(int, void *, uint32_t, int)');

/** What the kernel reads by address: the garbage collector must not take it meanwhile. */
const kept: Uint8Array[] = [];

const [path, interfaceName, packetsText, rateText] = process.argv.slice(2);
await send(path, interfaceName, Number(packetsText), Number(rateText));

async function send(file: string, name: string, packets: number, rate: number): Promise<void> {
  const frames = await framesOf(file);
  const messages = messagesOf(frames);
  kept.push(frames.bytes, messages);
  const base = koffi.address(messages);
  const descriptor = openSocket(name);
  const begin = process.hrtime.bigint();
  let sent = 0;
  while (sent < packets) {
    const first = sent % frames.count;
    const count = Math.min(BATCH, frames.count - first, packets - sent);
    const done: number = sendmmsg(descriptor, base + BigInt(first * MESSAGE_BYTES), count, 0);
    // ENOBUFS: the kernel's queue is full, so try again.
    if (done > 0) sent += done;
    while (rate > 0 && Number(process.hrtime.bigint() - begin) < (sent / rate) * 1e9);
  }
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  process.stdout.write(`${JSON.stringify({ sent, seconds })}\n`);
}

interface Frames {
  readonly bytes: Uint8Array;
  readonly places: number[];
  readonly count: number;
}

async function framesOf(file: string): Promise<Frames> {
  const bytes = new Uint8Array(readFileSync(file).length);
  const places: number[] = [];
  let used = 0;
  const sink = {
    block(block: FrameBlock): void {
      for (let word = 0; word < block.framesCount * FRAME_WORDS; word += FRAME_WORDS) {
        const from = block.index[word + FRAME_OFFSET];
        const length = block.index[word + FRAME_CAPTURED_BYTES];
        bytes.set(block.bytes.subarray(from, from + length), used);
        places.push(used, length);
        used += length;
      }
    },
  };
  const { fault } = await readCaptureFile(file, { interfaceIndex: 0 }, sink);
  if (fault !== undefined) throw fault;
  return { bytes, places, count: places.length / 2 };
}

/** One mmsghdr a frame, and behind them one iovec a frame, with addresses into `frames.bytes`. */
function messagesOf(frames: Frames): Uint8Array {
  const { count, places } = frames;
  const memory = new Uint8Array(count * (MESSAGE_BYTES + IOVEC_BYTES));
  const view = new DataView(memory.buffer);
  const base = koffi.address(memory);
  const bytesBase = koffi.address(frames.bytes);
  for (let index = 0; index < count; index++) {
    const message = index * MESSAGE_BYTES;
    const iovec = count * MESSAGE_BYTES + index * IOVEC_BYTES;
    view.setBigUint64(message + MESSAGE_IOVEC, base + BigInt(iovec), true);
    view.setBigUint64(message + MESSAGE_IOVEC_COUNT, 1n, true);
    view.setBigUint64(iovec, bytesBase + BigInt(places[2 * index]), true);
    view.setBigUint64(iovec + 8, BigInt(places[2 * index + 1]), true);
  }
  return memory;
}

function openSocket(name: string): number {
  const descriptor: number = socket(AF_PACKET, SOCK_RAW, 0);
  const address = new Uint8Array(20);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setInt32(4, indexOf(name), true);
  if (descriptor < 0 || bind(descriptor, address, address.length) !== 0) {
    throw new Error(`can't send on ${name}`);
  }
  const on = new Uint8Array([1, 0, 0, 0]);
  setsockopt(descriptor, SOL_PACKET, PACKET_QDISC_BYPASS, on, on.length);
  return descriptor;
}

function indexOf(name: string): number {
  return Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'utf8'));
}
