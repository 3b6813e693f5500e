/**
 * Whole frames for the tests of what lies below TCP: taken out of a made block, changed (wrapped,
 * doubled, cut into IP fragments) and put into a block again.
 */
import {
  FRAME_CAPTURED_BYTES,
  FRAME_OFFSET,
  FRAME_WORDS,
  type FrameBlock,
} from '../../protocols/frame-block.ts';
import { blockOf, type FrameFields, type Peer } from './test-traffic.ts';

const IP = 14;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;

/** The frames as bytes, with IPv4 identifications from 1 on, as a sender counts them. */
export function bytesOf(frames: readonly FrameFields[]): Uint8Array[] {
  const { bytes, index, framesCount } = blockOf(frames);
  return Array.from({ length: framesCount }, (_, frame) => {
    const offset = index[frame * FRAME_WORDS + FRAME_OFFSET];
    const captured = index[frame * FRAME_WORDS + FRAME_CAPTURED_BYTES];
    const copy = bytes.slice(offset, offset + captured);
    if (copy[12] === 8) setIdentification(copy, frame + 1);
    return copy;
  });
}

export function setIdentification(frame: Uint8Array, identification: number): Uint8Array {
  frame[IP + 4] = identification >> 8;
  frame[IP + 5] = identification & 0xff;
  return frame;
}

/** A block of these frames, a microsecond apart unless told. */
export function rawBlockOf(
  frames: readonly Uint8Array[],
  options: { stepUs?: number; startUs?: number; interfaceIndex?: number } = {},
): FrameBlock {
  const { stepUs = 1, startUs = 1_790_000_000_000_000, interfaceIndex = 0 } = options;
  const index = new Uint32Array(frames.length * FRAME_WORDS);
  let offset = 0;
  frames.forEach((frame, position) => {
    const timeUs = startUs + position * stepUs;
    const seconds = Math.floor(timeUs / 1_000_000);
    const nanoseconds = (timeUs % 1_000_000) * 1000;
    const words = [offset, frame.length, frame.length, seconds, nanoseconds, 0, 0, position + 1];
    index.set(words, position * FRAME_WORDS);
    offset += frame.length;
  });
  return {
    bytes: Uint8Array.from(Buffer.concat(frames)),
    index,
    framesCount: frames.length,
    interfaceIndex,
    linkType: 1,
    monotonicMs: -1,
    historyAddress: -1,
  };
}

/** An untagged frame's IPv4 packet in pieces of at most `pieceBytes` (a multiple of 8). */
export function ipv4Pieces(frame: Uint8Array, pieceBytes: number): Uint8Array[] {
  const total = (frame[IP + 2] << 8) | frame[IP + 3];
  return pieces(IP + IPV4_BYTES, IP + total, pieceBytes).map(({ from, to, isLast }) => {
    const at = from - IP - IPV4_BYTES;
    const piece = Uint8Array.from([
      ...frame.subarray(0, IP + IPV4_BYTES),
      ...frame.subarray(from, to),
    ]);
    const view = new DataView(piece.buffer);
    view.setUint16(IP + 2, IPV4_BYTES + to - from);
    view.setUint16(IP + 6, at / 8 + (isLast ? 0 : 0x2000));
    return piece;
  });
}

/** The same for IPv6, with a fragment header in each. */
export function ipv6Pieces(
  frame: Uint8Array,
  pieceBytes: number,
  identification: number,
): Uint8Array[] {
  const total = (frame[IP + 4] << 8) | frame[IP + 5];
  const start = IP + IPV6_BYTES;
  return pieces(start, start + total, pieceBytes).map(({ from, to, isLast }) => {
    const header = new Uint8Array(8);
    const headerView = new DataView(header.buffer);
    header[0] = frame[IP + 6];
    headerView.setUint16(2, from - start + (isLast ? 0 : 1));
    headerView.setUint32(4, identification);
    const piece = Uint8Array.from([
      ...frame.subarray(0, start),
      ...header,
      ...frame.subarray(from, to),
    ]);
    piece[IP + 6] = 44;
    new DataView(piece.buffer).setUint16(IP + 4, 8 + to - from);
    return piece;
  });
}

export function udpFrame(
  from: Peer,
  to: Peer,
  payload: Uint8Array,
  identification = 0,
): Uint8Array {
  const frame = new Uint8Array(IP + IPV4_BYTES + 8 + payload.length);
  const view = new DataView(frame.buffer);
  frame.set([2, 0, 0, 0, 0, to.host, 2, 0, 0, 0, 0, from.host, 8, 0, 0x45]);
  view.setUint16(IP + 2, frame.length - IP);
  view.setUint16(IP + 4, identification);
  view.setUint8(IP + 9, 17);
  view.setUint32(IP + 12, 0x0a00_0000 + from.host);
  view.setUint32(IP + 16, 0x0a00_0000 + to.host);
  view.setUint16(IP + 20, from.port);
  view.setUint16(IP + 22, to.port);
  view.setUint16(IP + 24, 8 + payload.length);
  frame.set(payload, IP + 28);
  return frame;
}

function pieces(
  start: number,
  end: number,
  pieceBytes: number,
): readonly { from: number; to: number; isLast: boolean }[] {
  const count = Math.ceil((end - start) / pieceBytes);
  return Array.from({ length: count }, (_, piece) => {
    const from = start + piece * pieceBytes;
    return { from, to: Math.min(from + pieceBytes, end), isLast: piece === count - 1 };
  });
}
