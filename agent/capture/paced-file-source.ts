/**
 * Plays a capture file at its own pace, over and over, as if it were an interface: for trying the
 * agent where there is no plant, or no permission to capture. Stamps are moved to now, and every
 * round's connections are new ones.
 */
import {
  FRAME_CAPTURED_BYTES,
  FRAME_NANOSECONDS,
  FRAME_NUMBER,
  FRAME_SECONDS,
  FRAME_WORDS,
  type FrameBlock,
  type FrameBlockSink,
} from '../../protocols/frame-block.ts';
import type { Clock } from '../platform/clock.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { readCaptureFile } from './file-source.ts';
import type { CaptureStatistics } from './interface-source.ts';
import { moveSequences } from './move-sequences.ts';

/** The file is held in memory while it is played. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;
const TURN_MS = 50;
/** Connections of the next round begin so far from those of the last (agent/decode: 4 MiB). */
const ROUND_SEQUENCE_STEP = 0x1000_0000;
/** Pause between the end of the file and its next beginning. */
const PAUSE_NS = 1_000_000_000;
const SECOND_NS = 1_000_000_000;

export class PacedFileSource {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #blocks: FrameBlock[] = [];
  #sink: FrameBlockSink | undefined;
  #cancel = (): void => {};
  #block = 0;
  #frame = 0;
  /** Stamp of the first and last frame in the file, and what is added to every stamp now. */
  #firstNs = -1;
  #lastNs = 0;
  #shiftNs = 0;
  #startedMs = 0;
  #framesSeen = 0;
  #bytesSeen = 0;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** Reads the file; throws its OperatorFault when it is no readable capture with frames. */
  async start(sink: FrameBlockSink): Promise<void> {
    this.#sink = sink;
    let heldBytes = 0;
    const keep = {
      block: (block: FrameBlock): void => {
        heldBytes += block.bytes.length;
        if (heldBytes <= FILE_BYTES_MAX) this.#keep(block);
      },
    };
    const result = await readCaptureFile(this.#path, { interfaceIndex: 0 }, keep);
    if (this.#blocks.length === 0) {
      throw (
        result.fault ??
        new OperatorFault({
          code: 'CAPTURE_FILE_EMPTY',
          problem: `The capture file "${this.#path}" holds no frame.`,
          remedy: 'Set capture.file to a capture with traffic, or name an interface.',
        })
      );
    }
    this.#startedMs = this.#clock.monotonicMs();
    this.#rewind();
    this.#turnLater();
  }

  stop(): void {
    this.#cancel();
    this.#sink = undefined;
  }

  statistics(): CaptureStatistics {
    return {
      framesSeen: this.#framesSeen,
      framesDropped: 0,
      framesTruncated: 0,
      bytesSeen: this.#bytesSeen,
      linkUp: true,
      coveredMs: this.#clock.monotonicMs() - this.#startedMs,
    };
  }

  /** The reader reuses its buffers: what is played later is copied. */
  #keep(block: FrameBlock): void {
    const bytes = block.bytes.slice();
    const index = block.index.slice(0, block.framesCount * FRAME_WORDS);
    for (let word = 0; word < index.length; word += FRAME_WORDS) {
      const stampNs = index[word + FRAME_SECONDS] * SECOND_NS + index[word + FRAME_NANOSECONDS];
      if (this.#firstNs < 0) this.#firstNs = stampNs;
      this.#lastNs = Math.max(this.#lastNs, stampNs);
      index[word + FRAME_NUMBER] = 0;
    }
    this.#blocks.push({ ...block, bytes, index, historyAddress: -1 });
  }

  #rewind(): void {
    this.#block = 0;
    this.#frame = 0;
    this.#shiftNs = this.#clock.wallMs() * 1e6 - this.#firstNs;
  }

  #turnLater(): void {
    this.#cancel = this.#clock.after(TURN_MS, () => {
      this.#playUntilNow();
      this.#turnLater();
    });
  }

  #playUntilNow(): void {
    const nowNs = this.#clock.wallMs() * 1e6;
    while (this.#block < this.#blocks.length) {
      const block = this.#blocks[this.#block];
      const due = this.#dueFrames(block, nowNs);
      if (due > 0) this.#deliver(block, due);
      if (this.#frame < block.framesCount) return;
      this.#block++;
      this.#frame = 0;
    }
    if (nowNs <= this.#lastNs + this.#shiftNs + PAUSE_NS) return;
    for (const block of this.#blocks) moveSequences(block, ROUND_SEQUENCE_STEP);
    this.#rewind();
  }

  #dueFrames(block: FrameBlock, nowNs: number): number {
    let count = 0;
    while (this.#frame + count < block.framesCount) {
      const word = (this.#frame + count) * FRAME_WORDS;
      const { index } = block;
      const stampNs = index[word + FRAME_SECONDS] * SECOND_NS + index[word + FRAME_NANOSECONDS];
      if (stampNs + this.#shiftNs > nowNs) break;
      count++;
    }
    return count;
  }

  #deliver(block: FrameBlock, framesCount: number): void {
    const from = this.#frame * FRAME_WORDS;
    const index = block.index.slice(from, from + framesCount * FRAME_WORDS);
    for (let word = 0; word < index.length; word += FRAME_WORDS) {
      const stampNs =
        index[word + FRAME_SECONDS] * SECOND_NS + index[word + FRAME_NANOSECONDS] + this.#shiftNs;
      index[word + FRAME_SECONDS] = Math.floor(stampNs / SECOND_NS);
      index[word + FRAME_NANOSECONDS] = Math.floor(stampNs % SECOND_NS);
      this.#bytesSeen += index[word + FRAME_CAPTURED_BYTES];
    }
    this.#frame += framesCount;
    this.#framesSeen += framesCount;
    this.#sink?.block({ ...block, index, framesCount, monotonicMs: this.#clock.monotonicMs() });
  }
}
