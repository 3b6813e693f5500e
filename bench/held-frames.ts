/**
 * A capture held in memory as frame blocks, so that it can be decoded many times, with a frame left
 * out or changed, without reading a file again.
 */
import { FRAME_NUMBER, FRAME_WORDS, type FrameBlock } from '../protocols/frame-block.ts';
import { CaptureFileDecoder } from '../protocols/pcap/capture-file.ts';

/** Blocks of their own memory, in the order of the file. */
export function holdFrames(file: Uint8Array): FrameBlock[] {
  const blocks: FrameBlock[] = [];
  const keep = (block: FrameBlock): void => {
    const index = block.index.slice(0, block.framesCount * FRAME_WORDS);
    blocks.push({ ...block, bytes: block.bytes.slice(), index });
  };
  const decoder = new CaptureFileDecoder({ sink: { block: keep }, interfaceIndex: 0 });
  for (let at = 0; at < file.length; at += CHUNK_BYTES) {
    decoder.push(file.subarray(at, at + CHUNK_BYTES));
  }
  decoder.finish();
  return blocks;
}

const CHUNK_BYTES = 256 * 1024;

export function framesCountOf(blocks: readonly FrameBlock[]): number {
  return blocks.reduce((sum, block) => sum + block.framesCount, 0);
}

/** The numbers of all frames, in order. */
export function frameNumbersOf(blocks: readonly FrameBlock[]): number[] {
  return blocks.flatMap((block) =>
    Array.from(
      { length: block.framesCount },
      (_, frame) => block.index[frame * FRAME_WORDS + FRAME_NUMBER],
    ),
  );
}

/** The same capture without the frame of this number; the other blocks are shared. */
export function withoutFrame(blocks: readonly FrameBlock[], frameNumber: number): FrameBlock[] {
  return keepFrames(blocks, (number) => number !== frameNumber);
}

/** The frames whose number passes; a block that keeps all of them is shared. */
export function keepFrames(
  blocks: readonly FrameBlock[],
  isKept: (frameNumber: number) => boolean,
): FrameBlock[] {
  return blocks.map((block) => {
    const index = new Uint32Array(block.framesCount * FRAME_WORDS);
    let framesCount = 0;
    for (let frame = 0; frame < block.framesCount; frame += 1) {
      const word = frame * FRAME_WORDS;
      if (!isKept(block.index[word + FRAME_NUMBER])) continue;
      index.set(block.index.subarray(word, word + FRAME_WORDS), framesCount * FRAME_WORDS);
      framesCount += 1;
    }
    return framesCount === block.framesCount ? block : { ...block, index, framesCount };
  });
}
