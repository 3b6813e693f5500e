/**
 * For tests: a capture file, given as chunks, and what the decoder makes of it. The frames are
 * copied out of the blocks here, which the product never does.
 */
import {
  FRAME_CAPTURED_BYTES,
  FRAME_NANOSECONDS,
  FRAME_NUMBER,
  FRAME_OFFSET,
  FRAME_ORIGINAL_BYTES,
  FRAME_SECONDS,
  FRAME_WORDS,
  type FrameBlock,
} from '../frame-block.ts';
import { CaptureFileDecoder, type CaptureFileEnd } from './capture-file.ts';

export interface ReadFrame {
  readonly number: number;
  readonly linkType: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly originalBytes: number;
  readonly hex: string;
}

export interface ReadFile {
  readonly frames: readonly ReadFrame[];
  readonly end: CaptureFileEnd;
  readonly framesCount: number;
  readonly bytesCount: number;
}

/** Throws a RangeError when a frame reaches beyond its block, which must never happen. */
export function framesOf(chunks: Iterable<Uint8Array>): ReadFile {
  const frames: ReadFrame[] = [];
  const sink = { block: (block: FrameBlock) => frames.push(...framesOfBlock(block)) };
  const decoder = new CaptureFileDecoder({ sink, interfaceIndex: 3 });
  for (const chunk of chunks) decoder.push(chunk);
  const end = decoder.finish();
  return { frames, end, framesCount: decoder.framesCount, bytesCount: decoder.bytesCount };
}

/** The same file, one byte a chunk. */
export function* byteByByte(bytes: Uint8Array): Generator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset++) yield bytes.subarray(offset, offset + 1);
}

/** Bytes of hexadecimal text; blanks are for the reader. */
export function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(
    (hex.replace(/\s/g, '').match(/../g) ?? []).map((pair) => parseInt(pair, 16)),
  );
}

export function hexOf(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += HEX[byte];
  return hex;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function framesOfBlock(block: FrameBlock): ReadFrame[] {
  const { bytes, index, linkType } = block;
  return Array.from({ length: block.framesCount }, (_, position) => {
    const word = position * FRAME_WORDS;
    const begin = index[word + FRAME_OFFSET];
    const end = begin + index[word + FRAME_CAPTURED_BYTES];
    if (end > bytes.length) throw new RangeError(`frame ends at ${end} of ${bytes.length} bytes`);
    return {
      number: index[word + FRAME_NUMBER],
      linkType,
      seconds: index[word + FRAME_SECONDS],
      nanoseconds: index[word + FRAME_NANOSECONDS],
      originalBytes: index[word + FRAME_ORIGINAL_BYTES],
      hex: hexOf(bytes.subarray(begin, end)),
    };
  });
}
