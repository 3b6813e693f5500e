/** Changes that break decoders: edges of integers, lying lengths, parts cut, doubled, exchanged. */
import type { SeededRandom } from '../seeded-random.ts';

const EDGES = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff];
const EDGES_32 = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 0x00010000, 0x10000000];
const CHANGES_MAX = 6;
const PART_BYTES_MAX = 64;
/** No mutant grows beyond this. */
export const MUTANT_BYTES_MAX = 16_384;

type Change = (
  bytes: Uint8Array,
  from: number,
  random: SeededRandom,
  other: Uint8Array,
) => Uint8Array;

const CHANGES: readonly Change[] = [flipBit, setEdge, setEdge, setWord, setWord32, setRandom];
const RESIZES: readonly Change[] = [cutPart, doublePart, insertRandom, truncate, splice];

/** A copy with one to six changes, none before `from`. */
export function mutate(
  seed: Uint8Array,
  from: number,
  random: SeededRandom,
  other: Uint8Array,
  mayResize = true,
): Uint8Array {
  let bytes: Uint8Array = seed.slice();
  const changes = 1 + random.below(CHANGES_MAX);
  for (let index = 0; index < changes && bytes.length > from; index += 1) {
    const isResize = mayResize && random.below(4) === 0;
    bytes = random.pick(isResize ? RESIZES : CHANGES)(bytes, from, random, other);
  }
  return bytes.length > MUTANT_BYTES_MAX ? bytes.slice(0, MUTANT_BYTES_MAX) : bytes;
}

function placeIn(bytes: Uint8Array, from: number, random: SeededRandom): number {
  return from + random.below(bytes.length - from);
}

function flipBit(bytes: Uint8Array, from: number, random: SeededRandom): Uint8Array {
  bytes[placeIn(bytes, from, random)] ^= 1 << random.below(8);
  return bytes;
}

function setEdge(bytes: Uint8Array, from: number, random: SeededRandom): Uint8Array {
  bytes[placeIn(bytes, from, random)] = random.pick(EDGES);
  return bytes;
}

function setRandom(bytes: Uint8Array, from: number, random: SeededRandom): Uint8Array {
  bytes[placeIn(bytes, from, random)] = random.below(256);
  return bytes;
}

function setWord(bytes: Uint8Array, from: number, random: SeededRandom): Uint8Array {
  const at = placeIn(bytes, from, random);
  bytes[at] = random.pick(EDGES);
  if (at + 1 < bytes.length) bytes[at + 1] = random.pick(EDGES);
  return bytes;
}

function setWord32(bytes: Uint8Array, from: number, random: SeededRandom): Uint8Array {
  const at = placeIn(bytes, from, random);
  const value = random.pick(EDGES_32);
  const isLittle = random.below(2) === 0;
  for (let index = 0; index < 4 && at + index < bytes.length; index += 1) {
    bytes[at + index] = value >>> (isLittle ? index * 8 : 24 - index * 8);
  }
  return bytes;
}

function cutPart(bytes: Uint8Array, from: number, random: SeededRandom): Uint8Array {
  const at = placeIn(bytes, from, random);
  const end = Math.min(bytes.length, at + 1 + random.below(PART_BYTES_MAX));
  return joined(bytes.subarray(0, at), bytes.subarray(end));
}

function doublePart(bytes: Uint8Array, from: number, random: SeededRandom): Uint8Array {
  const at = placeIn(bytes, from, random);
  const end = Math.min(bytes.length, at + 1 + random.below(PART_BYTES_MAX));
  return joined(bytes.subarray(0, end), bytes.subarray(at));
}

function insertRandom(bytes: Uint8Array, from: number, random: SeededRandom): Uint8Array {
  const at = placeIn(bytes, from, random);
  const part = Uint8Array.from({ length: 1 + random.below(16) }, () => random.below(256));
  return joined(bytes.subarray(0, at), part, bytes.subarray(at));
}

function truncate(bytes: Uint8Array, from: number, random: SeededRandom): Uint8Array {
  return bytes.slice(0, placeIn(bytes, from, random));
}

function splice(
  bytes: Uint8Array,
  from: number,
  random: SeededRandom,
  other: Uint8Array,
): Uint8Array {
  const at = placeIn(bytes, from, random);
  return joined(bytes.subarray(0, at), other.subarray(random.below(other.length)));
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
