/**
 * The way from the records of a capture file to the decoder: one packed index that is filled frame
 * by frame and handed on with a view of the file's own bytes. Frames are never copied.
 */
import { FRAME_WORDS, type FrameBlock, type FrameBlockSink } from '../frame-block.ts';

/** Frames of one block: what is done once a block is too seldom then to be seen in a profile. */
export const BLOCK_FRAMES_MAX = 4096;

/** Keeps a copy of every block for evidence (agent/capture/frame-history.ts). */
export interface BlockHistory {
  /** Copies the bytes whole; returns the address of the first one. */
  append(bytes: Uint8Array): number;
}

export interface BlockTarget {
  readonly sink: FrameBlockSink;
  /** Position in the pipeline's list of interfaces. */
  readonly interfaceIndex: number;
  readonly history?: BlockHistory | undefined;
  /**
   * Added to a block's place in the history, or, without one, to its place in the file itself.
   * Without either, blocks have no address.
   */
  readonly addressBase?: number | undefined;
}

export class BlockEmitter {
  /** Filled by the file decoder; valid up to `framesCount` of the next `emit`. */
  readonly index = new Uint32Array(BLOCK_FRAMES_MAX * FRAME_WORDS);
  readonly #target: BlockTarget;

  constructor(target: BlockTarget) {
    this.#target = target;
  }

  /**
   * Hands on the first `framesCount` entries; their FRAME_OFFSET counts from `begin`, which is
   * `fileOffset` bytes after the beginning of the file.
   */
  emit(
    bytes: Uint8Array,
    begin: number,
    end: number,
    framesCount: number,
    linkType: number,
    fileOffset: number,
  ): void {
    if (framesCount === 0) return;
    const view = bytes.subarray(begin, end);
    const { interfaceIndex, sink } = this.#target;
    const block: FrameBlock = {
      bytes: view,
      index: this.index,
      framesCount,
      interfaceIndex,
      linkType,
      monotonicMs: -1,
      historyAddress: this.#addressOf(view, fileOffset),
    };
    sink.block(block);
  }

  #addressOf(view: Uint8Array, fileOffset: number): number {
    const { history, addressBase } = this.#target;
    if (history === undefined) return addressBase === undefined ? -1 : addressBase + fileOffset;
    const address = history.append(view);
    return address < 0 ? -1 : (addressBase ?? 0) + address;
  }
}
