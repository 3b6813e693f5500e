/** The classic capture file, read as a table of draft-ietf-opsawg-pcap, and written back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { byteByByte, bytesOf, framesOf, hexOf } from './frames-of.ts';
import { encodePcapHeader, encodePcapRecord } from './pcap-write.ts';

const LITTLE = 'd4c3b2a1 0200 0400 00000000 00000000 00000400 01000000';
const BIG = 'a1b2c3d4 0002 0004 00000000 00000000 00040000 00000001';
const SECONDS = 1_790_000_000;

// biome-ignore format: one case per line
const frames = [
  { name: 'microseconds, little-endian', wire: `${LITTLE} 803bb16a 40420f00 02000000 02000000 aabb`, expect: { seconds: SECONDS, nanoseconds: 999_999_999 } },
  { name: 'one microsecond', wire: `${LITTLE} 803bb16a 01000000 02000000 02000000 aabb`, expect: { seconds: SECONDS, nanoseconds: 1000 } },
  { name: 'microseconds, big-endian', wire: `${BIG} 6ab13b80 00000007 00000002 00000002 aabb`, expect: { seconds: SECONDS, nanoseconds: 7000 } },
  { name: 'nanoseconds, little-endian', wire: `4d3cb2a1 ${LITTLE.slice(8)} 803bb16a 07000000 02000000 02000000 aabb`, expect: { seconds: SECONDS, nanoseconds: 7 } },
  { name: 'nanoseconds, big-endian', wire: `a1b23c4d ${BIG.slice(8)} 6ab13b80 00000007 00000002 00000002 aabb`, expect: { seconds: SECONDS, nanoseconds: 7 } },
  { name: 'fraction beyond a second is held below it', wire: `${LITTLE} 803bb16a ffffffff 02000000 02000000 aabb`, expect: { nanoseconds: 999_999_999 } },
  { name: 'seconds up to 2106', wire: `${LITTLE} ffffffff 00000000 02000000 02000000 aabb`, expect: { seconds: 4_294_967_295 } },
  { name: 'a snap length cut the frame', wire: `${LITTLE} 803bb16a 00000000 02000000 ea050000 aabb`, expect: { originalBytes: 1514 } },
  { name: 'original length below the captured one is raised to it', wire: `${LITTLE} 803bb16a 00000000 02000000 01000000 aabb`, expect: { originalBytes: 2 } },
  { name: 'any minor version', wire: `${LITTLE.replace('0400', '0300')} 803bb16a 00000000 02000000 02000000 aabb`, expect: { number: 1 } },
  { name: 'length of a check sequence in the link type word', wire: `${LITTLE.slice(0, -8)} 01000044 803bb16a 00000000 02000000 02000000 aabb`, expect: { linkType: 1 } },
  { name: 'DLT_RAW 12 of old writers is RAW', wire: `${LITTLE.slice(0, -8)} 0c000000 803bb16a 00000000 02000000 02000000 aabb`, expect: { linkType: 101 } },
  { name: 'LINUX_SLL2', wire: `${LITTLE.slice(0, -8)} 14010000 803bb16a 00000000 02000000 02000000 aabb`, expect: { linkType: 276 } },
] as const;

for (const { name, wire, expect } of frames) {
  test(`pcap: ${name}`, () => {
    const { frames: read, end } = framesOf([bytesOf(wire)]);
    assert.equal(end.kind, 'whole');
    assert.equal(read.length, 1);
    assert.equal(read[0].hex, 'aabb');
    assert.deepEqual({ ...read[0], ...expect }, read[0]);
  });
}

const ONE = '803bb16a 00000000 02000000 02000000 aabb';

// biome-ignore format: one case per line
const ends = [
  { name: 'a header alone is an empty capture', wire: LITTLE, frames: 0, expect: { kind: 'whole' } },
  { name: 'no byte at all', wire: '', frames: 0, expect: { kind: 'empty' } },
  { name: 'half a magic', wire: 'd4c3', frames: 0, expect: { kind: 'notCapture', firstBytesHex: 'd4c3' } },
  { name: 'text', wire: '48656c6c6f', frames: 0, expect: { kind: 'notCapture', firstBytesHex: '48656c6c' } },
  { name: 'an empty frame is a frame', wire: `${LITTLE} 803bb16a 00000000 00000000 00000000`, frames: 1, expect: { kind: 'whole' } },
  { name: 'half a header', wire: LITTLE.slice(0, 20), frames: 0, expect: { kind: 'damaged', damage: { offsetBytes: 0, problem: 'the file header of 24 bytes ends after 8' } } },
  { name: 'another major version', wire: `${LITTLE.replace('0200', '0300')} ${ONE}`, frames: 0, expect: { kind: 'damaged', damage: { offsetBytes: 4, problem: "the format's major version is 3 instead of 2" } } },
  { name: 'a captured length beyond every snap length', wire: `${LITTLE} ${ONE} 803bb16a 00000000 01000400 01000400 aabb`, frames: 1, expect: { kind: 'damaged', damage: { offsetBytes: 50, problem: 'frame 2 claims 262145 bytes, over 262144' } } },
  { name: 'a captured length of 4 GiB', wire: `${LITTLE} ${ONE} 803bb16a 00000000 ffffffff 01000400 aabb`, frames: 1, expect: { kind: 'damaged', damage: { offsetBytes: 50, problem: 'frame 2 claims 4294967295 bytes, over 262144' } } },
  { name: 'the last record is half written', wire: `${LITTLE} ${ONE} ${ONE} 803bb16a 00000000 04000000 04000000 aabb`, frames: 2, expect: { kind: 'damaged', damage: { offsetBytes: 60, problem: 'frame 3 is cut off 18 bytes after its beginning' } } },
  { name: 'radio frames', wire: `${LITTLE.slice(0, -8)} 7f000000 ${ONE}`, frames: 0, expect: { kind: 'linkTypeUnsupported', linkType: 127, framesCount: 0 } },
  { name: 'gzip', wire: '1f8b0808 00', frames: 0, expect: { kind: 'compressed', program: 'gzip' } },
  { name: 'zstd', wire: '28b52ffd 00', frames: 0, expect: { kind: 'compressed', program: 'zstd' } },
  { name: 'xz', wire: 'fd377a58 5a00', frames: 0, expect: { kind: 'compressed', program: 'xz' } },
  { name: 'bzip2', wire: '425a6839', frames: 0, expect: { kind: 'compressed', program: 'bzip2' } },
  { name: 'lz4', wire: '04224d18', frames: 0, expect: { kind: 'compressed', program: 'lz4' } },
] as const;

for (const { name, wire, frames: count, expect } of ends) {
  test(`pcap ends: ${name}`, () => {
    for (const chunks of [[bytesOf(wire)], byteByByte(bytesOf(wire))]) {
      const read = framesOf(chunks);
      assert.deepEqual(read.end, expect);
      assert.equal(read.frames.length, count);
      assert.equal(read.framesCount, count);
    }
  });
}

const frameList = fc.array(
  fc.record({
    frame: fc.uint8Array({ maxLength: 80 }),
    seconds: fc.nat({ max: 0xffffffff }),
    nanoseconds: fc.nat({ max: 999_999_999 }),
    cutBytes: fc.nat({ max: 100 }),
  }),
  { maxLength: 20 },
);

test('what pcap-write wrote reads back, in chunks of any size', () => {
  fc.assert(
    fc.property(frameList, fc.integer({ min: 1, max: 64 }), (list, chunkBytes) => {
      const file = join([
        encodePcapHeader({ linkType: 1, unit: 'nanoseconds' }),
        ...list.map(({ frame, seconds, nanoseconds, cutBytes }) =>
          encodePcapRecord(frame, seconds, nanoseconds, frame.length + cutBytes),
        ),
      ]);
      const read = framesOf(chunksOf(file, chunkBytes));
      assert.deepEqual(read.end, { kind: 'whole' });
      assert.deepEqual(
        read.frames,
        list.map(({ frame, seconds, nanoseconds, cutBytes }, index) => ({
          number: index + 1,
          linkType: 1,
          seconds,
          nanoseconds,
          originalBytes: frame.length + cutBytes,
          hex: hexOf(frame),
        })),
      );
      assert.equal(
        read.bytesCount,
        list.reduce((sum, { frame }) => sum + frame.length, 0),
      );
    }),
    { numRuns: 100 },
  );
});

test('every prefix delivers its whole frames and tells of the half one', () => {
  const frame = bytesOf('00112233445566778899');
  const record = encodePcapRecord(frame, SECONDS, 0);
  const file = join([
    encodePcapHeader({ linkType: 1, unit: 'microseconds' }),
    ...Array.from({ length: 3 }, () => record),
  ]);
  for (let length = 24; length <= file.length; length++) {
    const read = framesOf([file.subarray(0, length)]);
    assert.equal(read.frames.length, Math.floor((length - 24) / record.length));
    assert.equal(read.end.kind, (length - 24) % record.length === 0 ? 'whole' : 'damaged');
  }
});

test('any bytes behind a header: no throw, and the same frames byte by byte', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.uint8Array({ maxLength: 200 }), (isBig, noise) => {
      // Small lengths, so that noise makes frames and not only damage at the first one.
      const file = join([bytesOf(isBig ? BIG : LITTLE), noise.map((byte) => byte & 7)]);
      const whole = framesOf([file]);
      assert.deepEqual(framesOf(byteByByte(file)), whole);
      framesOf([join([bytesOf(LITTLE), noise])]);
      framesOf([noise]);
    }),
    { numRuns: 50 },
  );
});

test('frames of 256 KiB cross the chunks without a loss', () => {
  const frame = new Uint8Array(262_144).map((_, index) => index * 7);
  const records = Array.from({ length: 5 }, (_, number) => encodePcapRecord(frame, number, 0));
  const file = join([encodePcapHeader({ linkType: 1, unit: 'nanoseconds' }), ...records]);
  for (const chunkBytes of [65_536, 1_000_003]) {
    const read = framesOf(chunksOf(file, chunkBytes));
    assert.deepEqual(read.end, { kind: 'whole' });
    assert.deepEqual(
      read.frames.map(({ seconds }) => seconds),
      records.map((_, number) => number),
    );
    assert.ok(read.frames.every(({ hex }) => hex.length === 2 * frame.length));
    assert.equal(read.frames[4].hex, read.frames[0].hex);
  }
});

function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function* chunksOf(bytes: Uint8Array, chunkBytes: number): Generator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
    yield bytes.subarray(offset, offset + chunkBytes);
  }
}
