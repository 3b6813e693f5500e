/** Two ports of a tap, merged: order by stamp, nothing lost, nobody held up for long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  FRAME_CAPTURED_BYTES,
  FRAME_NANOSECONDS,
  FRAME_OFFSET,
  FRAME_SECONDS,
  FRAME_WORDS,
  type FrameBlock,
  LINKTYPE_ETHERNET,
} from '../../protocols/frame-block.ts';
import { TAP_HELD_BLOCKS_MAX, TAP_HOLD_MS, TapMerge } from './tap-merge.ts';

/** A block whose frames have these stamps (microseconds) and one byte each: port and number. */
function block(
  port: 0 | 1,
  stampsUs: readonly number[],
  monotonicMs = 0,
  history = -1,
): FrameBlock {
  const index = new Uint32Array(stampsUs.length * FRAME_WORDS);
  stampsUs.forEach((stamp, frame) => {
    const word = frame * FRAME_WORDS;
    index[word + FRAME_OFFSET] = frame;
    index[word + FRAME_CAPTURED_BYTES] = 1;
    index[word + FRAME_SECONDS] = 1_800_000_000 + Math.floor(stamp / 1e6);
    index[word + FRAME_NANOSECONDS] = (stamp % 1e6) * 1000;
  });
  return {
    bytes: Uint8Array.from(stampsUs, (_, frame) => port * 100 + frame),
    index,
    framesCount: stampsUs.length,
    interfaceIndex: port,
    linkType: LINKTYPE_ETHERNET,
    monotonicMs,
    historyAddress: history,
  };
}

function merge(): { tap: TapMerge; seen: string[] } {
  const seen: string[] = [];
  const tap = new TapMerge({
    block({ bytes, index, framesCount, interfaceIndex }) {
      for (let word = 0; word < framesCount * FRAME_WORDS; word += FRAME_WORDS) {
        const stamp = index[word + FRAME_NANOSECONDS] / 1000;
        assert.equal(Math.floor(bytes[index[word + FRAME_OFFSET]] / 100), interfaceIndex);
        seen.push(`${'AB'[interfaceIndex]}${stamp}`);
      }
    },
  });
  return { tap, seen };
}

// biome-ignore format: one case per line
const cases = [
  { name: 'a request and its response', a: [[1, 3]], b: [[2, 4]], expect: 'A1 B2 A3 B4' },
  { name: 'the response came up first', a: [[5]], b: [[1, 9]], expect: 'B1 A5 B9' },
  { name: 'runs of one port', a: [[1, 2, 3]], b: [[4, 5], [6]], expect: 'A1 A2 A3 B4 B5 B6' },
  { name: 'the same stamp: port A first', a: [[7]], b: [[7]], expect: 'A7 B7' },
  { name: 'one port is silent', a: [[1], [2]], b: [], expect: 'A1 A2' },
] as const;

for (const { name, a, b, expect } of cases) {
  test(`tap merge: ${name}`, () => {
    for (const history of [-1, 0]) {
      const { tap, seen } = merge();
      for (const stamps of b) tap.portSink(1).block(block(1, stamps, 0, history));
      for (const stamps of a) tap.portSink(0).block(block(0, stamps, 0, history));
      tap.flush();
      assert.equal(seen.join(' '), expect);
    }
  });
}

test('tap merge: a block waits for the other port, and not longer than its time', () => {
  const { tap, seen } = merge();
  tap.portSink(0).block(block(0, [1], 1000));
  tap.advance(1000 + TAP_HOLD_MS - 1);
  assert.deepEqual(seen, []);
  tap.advance(1000 + TAP_HOLD_MS);
  assert.deepEqual(seen, ['A1']);
});

test('tap merge: what is held has a limit, and what leaves early is counted', () => {
  const { tap, seen } = merge();
  for (let count = 0; count <= TAP_HELD_BLOCKS_MAX; count++) {
    tap.portSink(0).block(block(0, [count]));
  }
  assert.deepEqual(seen, ['A0']);
  assert.equal(tap.overflowed, 1);
});

test('tap merge: whatever the blocks of two ports, frames come out whole and in order', () => {
  const stamps = fc.array(fc.array(fc.nat(900_000), { maxLength: 5 }), { maxLength: 6 });
  const inOrder = (blocks: number[][]): number[][] => {
    const sorted = blocks.flat().sort((x, y) => x - y);
    return blocks.map(({ length }) => sorted.splice(0, length));
  };
  fc.assert(
    fc.property(stamps, stamps, (left, right) => {
      const { tap, seen } = merge();
      for (const each of inOrder(left)) tap.portSink(0).block(block(0, each));
      for (const each of inOrder(right)) tap.portSink(1).block(block(1, each));
      tap.flush();
      const times = seen.map((frame) => Number(frame.slice(1)));
      assert.deepEqual(
        times,
        [...left.flat(), ...right.flat()].sort((x, y) => x - y),
      );
    }),
  );
});
