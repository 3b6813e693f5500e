/**
 * The fuzzer on tapped serial lines: frames of RTU and ASCII, both directions mixed, mutated, cut
 * into the pieces of a slow reader, with noise and silences between them.
 */
import { createDecodeCounters } from '../../agent/decode/decode-counters.ts';
import { SerialLines } from '../../agent/decode/serial-lines.ts';
import {
  FRAME_CAPTURED_BYTES,
  FRAME_NANOSECONDS,
  FRAME_SECONDS,
  FRAME_WORDS,
  LINKTYPE_SERIAL_BYTES,
} from '../../protocols/frame-block.ts';
import { encodeAsciiFrame } from '../../protocols/modbus/ascii.ts';
import { encodeRtuFrame } from '../../protocols/modbus/rtu-framer.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { FuzzState, FuzzTarget } from './fuzz-target.ts';
import { mutate } from './mutate.ts';
import { RECORDING_SINK } from './null-sink.ts';
import type { FuzzSeeds } from './seeds.ts';

const FIRST_SECOND = 1_790_000_000;
const LINE = { baudRate: 9600, parity: 'even', stopBits: 1 } as const;
const NOISE = Uint8Array.of(0x3a, 0x3a, 0x0d, 0x00, 0xff, 0x0a);

interface Piece {
  readonly bytes: Uint8Array;
  readonly afterMs: number;
}

export function serialTarget(seeds: FuzzSeeds): FuzzTarget {
  return { name: 'serial', begin: () => serialState(seeds) };
}

function serialState(seeds: FuzzSeeds): FuzzState {
  const counters = createDecodeCounters();
  const lines = new SerialLines(
    [
      { ...LINE, lineName: 'rtu', framing: 'rtu', interfaceIndex: 0 },
      { ...LINE, lineName: 'ascii', framing: 'ascii', interfaceIndex: 1 },
    ],
    RECORDING_SINK,
    counters,
  );
  let pieces: readonly Piece[] = [];
  let interfaceIndex = 0;
  let timeMs = 0;
  return {
    make: (random) => {
      interfaceIndex = random.below(2);
      pieces = piecesOf(seeds, random, interfaceIndex === 0);
    },
    run: () => {
      const before = lines.countsOf(interfaceIndex).framesCount;
      for (const { bytes, afterMs } of pieces) {
        timeMs += afterMs;
        lines.block(blockOf(bytes, interfaceIndex, timeMs));
        if (afterMs > 1000) lines.advance((FIRST_SECOND * 1000 + timeMs) * 1000);
      }
      return lines.countsOf(interfaceIndex).framesCount > before;
    },
  };
}

function piecesOf(seeds: FuzzSeeds, random: SeededRandom, isRtu: boolean): Piece[] {
  const encode = isRtu ? encodeRtuFrame : encodeAsciiFrame;
  const pieces: Piece[] = [];
  for (let count = 1 + random.below(3); count > 0; count -= 1) {
    const pair = random.pick(seeds.modbus);
    const unitId = random.below(6) === 0 ? 0 : 1;
    for (const pdu of pair) {
      if (random.below(8) === 0 || pdu.length === 0) continue;
      const frame = encode(unitId, pdu);
      const bytes = random.below(3) === 0 ? mutate(frame, 0, random, NOISE) : frame;
      const cut = random.below(3) === 0 ? random.below(bytes.length + 1) : 0;
      const afterMs = random.pick([0, 5, 20, 300, 1500]);
      if (cut > 0) pieces.push({ bytes: bytes.subarray(0, cut), afterMs });
      pieces.push({ bytes: bytes.subarray(cut), afterMs: cut > 0 ? random.below(8) : afterMs });
    }
    if (random.below(5) === 0) pieces.push({ bytes: NOISE, afterMs: random.below(40) });
  }
  return pieces;
}

function blockOf(bytes: Uint8Array, interfaceIndex: number, timeMs: number) {
  const index = new Uint32Array(FRAME_WORDS);
  index[FRAME_CAPTURED_BYTES] = bytes.length;
  index[FRAME_SECONDS] = FIRST_SECOND + Math.floor(timeMs / 1000);
  index[FRAME_NANOSECONDS] = (timeMs % 1000) * 1_000_000;
  const place = { interfaceIndex, monotonicMs: -1, historyAddress: -1 };
  return { bytes, index, framesCount: 1, linkType: LINKTYPE_SERIAL_BYTES, ...place };
}
