/**
 * The two ports of a tap as one stream: port A carries what a device sends, port B what it
 * receives, and each has a ring of its own whose blocks come up to a block's timeout late. Fed port
 * by port, responses would come before their requests; so blocks are held until the other port has
 * caught up, and frames leave in the order of their stamps, which one kernel made for both.
 */
import {
  FRAME_CAPTURED_BYTES,
  FRAME_NANOSECONDS,
  FRAME_OFFSET,
  FRAME_SECONDS,
  FRAME_WORDS,
  type FrameBlock,
  type FrameBlockSink,
} from '../../protocols/frame-block.ts';

/**
 * A block of the other port with frames as old as these has come by then, if there is one: three
 * times the rings' block timeout of 50 ms.
 */
export const TAP_HOLD_MS = 150;
/** Of both ports together; beyond, the oldest leave unmerged. Far less than a history holds. */
export const TAP_HELD_BLOCKS_MAX = 16;

const NANOSECONDS = 1e9;

interface HeldBlock {
  readonly block: FrameBlock;
  /** Words of the index that have left. */
  word: number;
}

export class TapMerge {
  readonly #sink: FrameBlockSink;
  readonly #ports: readonly [HeldBlock[], HeldBlock[]] = [[], []];
  #overflowed = 0;

  constructor(sink: FrameBlockSink) {
    this.#sink = sink;
  }

  /** Blocks that had to leave before the other port had caught up, since start. */
  get overflowed(): number {
    return this.#overflowed;
  }

  /** Where the source of port 0 (A) or 1 (B) puts its blocks. */
  portSink(port: 0 | 1): FrameBlockSink {
    return { block: (block) => this.#take(this.#ports[port], block) };
  }

  /** To be called every few milliseconds: a port that is silent holds nobody up for long. */
  advance(monotonicMs: number): void {
    const [a, b] = this.#ports;
    const isDue = ([first]: readonly HeldBlock[]): boolean =>
      first !== undefined && monotonicMs - first.block.monotonicMs >= TAP_HOLD_MS;
    while (isDue(a) || isDue(b)) this.#emitRun();
  }

  /** End of capture: all that is held leaves. */
  flush(): void {
    const [a, b] = this.#ports;
    while (a.length > 0 || b.length > 0) this.#emitRun();
  }

  #take(port: HeldBlock[], block: FrameBlock): void {
    if (block.framesCount === 0) return;
    port.push({ block: kept(block), word: 0 });
    const [a, b] = this.#ports;
    // While both ports hold something, the earlier of the two first frames can't be overtaken.
    while (a.length > 0 && b.length > 0) this.#emitRun();
    if (a.length + b.length > TAP_HELD_BLOCKS_MAX) {
      this.#overflowed++;
      this.#emitRun();
    }
  }

  /** The longest run of frames of one port before the other port's next one. */
  #emitRun(): void {
    const [a, b] = this.#ports;
    const isA = b.length === 0 || (a.length > 0 && stampOf(a[0]) <= stampOf(b[0]));
    const port = isA ? a : b;
    const other = isA ? b : a;
    const [held] = port;
    if (held === undefined) return;
    const { block, word: from } = held;
    const end = block.framesCount * FRAME_WORDS;
    if (other.length === 0) {
      held.word = end;
    } else {
      const limit = stampOf(other[0]);
      do held.word += FRAME_WORDS;
      while (held.word < end && stampOf(held) <= limit);
    }
    if (held.word >= end) port.shift();
    this.#sink.block({
      ...block,
      index: block.index.subarray(from, held.word),
      framesCount: (held.word - from) / FRAME_WORDS,
    });
  }
}

/** Nanoseconds as a double: exact to 256 ns in this century, and what is compared is nearer. */
function stampOf({ block, word }: HeldBlock): number {
  const { index } = block;
  return index[word + FRAME_SECONDS] * NANOSECONDS + index[word + FRAME_NANOSECONDS];
}

/**
 * A block is valid only during the call: the index is copied. Bytes in a frame history stay where
 * they are for longer than anything is held here; without one, they are copied too.
 */
function kept(block: FrameBlock): FrameBlock {
  const index = block.index.slice(0, block.framesCount * FRAME_WORDS);
  if (block.historyAddress >= 0) return { ...block, index };
  let used = 0;
  for (let word = 0; word < index.length; word += FRAME_WORDS) {
    used += index[word + FRAME_CAPTURED_BYTES];
  }
  const bytes = new Uint8Array(used);
  used = 0;
  for (let word = 0; word < index.length; word += FRAME_WORDS) {
    const offset = index[word + FRAME_OFFSET];
    const length = index[word + FRAME_CAPTURED_BYTES];
    bytes.set(block.bytes.subarray(offset, offset + length), used);
    index[word + FRAME_OFFSET] = used;
    used += length;
  }
  return { ...block, bytes, index };
}
