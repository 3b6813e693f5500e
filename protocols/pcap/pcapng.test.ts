/** The block-structured capture file, read as a table of draft-ietf-opsawg-pcapng. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { byteByByte, bytesOf, framesOf } from './frames-of.ts';

const SECTION = '0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000';
const SECTION_BIG = '0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c';
const ETHERNET = '01000000 14000000 0100 0000 00000000 14000000';
const ETHERNET_BIG = '00000001 00000014 0001 0000 00000000 00000014';
const RAW = '01000000 14000000 6500 0000 00000000 14000000';
const RADIOTAP = '01000000 14000000 7f00 0000 00000000 14000000';
const PACKET = '06000000 24000000 00000000 00000000 01000000 02000000 02000000 aabb0000 24000000';
const PACKET_OF_1 = PACKET.replace('24000000 00000000', '24000000 01000000');
const UNKNOWN = 'efbe0000 14000000 0102030405060708 14000000';

/** An interface with one option: code, length and value in hexadecimal, already padded. */
function interfaceWith(option: string): string {
  const bytes = 20 + bytesOf(option).length + 4;
  const total = bytes.toString(16).padStart(2, '0');
  return `01000000 ${total}000000 0100 0000 00000000 ${option} 00000000 ${total}000000`;
}

/** A packet of interface 0 with the stamp as two little-endian words. */
function packetAt(high: string, low: string): string {
  return `06000000 24000000 00000000 ${high} ${low} 02000000 02000000 aabb0000 24000000`;
}

// biome-ignore format: one case per line
const single = [
  { name: 'enhanced packet, microseconds by default', wire: `${SECTION} ${ETHERNET} ${packetAt('fe5b0600', '07e025da')}`, expect: { seconds: 1_790_000_000, nanoseconds: 7000 } },
  { name: 'stamp of one microsecond', wire: `${SECTION} ${ETHERNET} ${packetAt('00000000', '01000000')}`, expect: { seconds: 0, nanoseconds: 1000 } },
  { name: 'stamp beyond the lower half: 2^32 us', wire: `${SECTION} ${ETHERNET} ${packetAt('01000000', '00000000')}`, expect: { seconds: 4294, nanoseconds: 967_296_000 } },
  { name: 'big-endian section', wire: `${SECTION_BIG} ${ETHERNET_BIG} 00000006 00000024 00000000 00000001 00000000 00000002 00000002 aabb0000 00000024`, expect: { seconds: 4294, nanoseconds: 967_296_000, linkType: 1 } },
  { name: 'if_tsresol 9: nanoseconds, 1790000000.000000001', wire: `${SECTION} ${interfaceWith('0900 0100 09000000')} ${packetAt('845bd718', '0100f323')}`, expect: { seconds: 1_790_000_000, nanoseconds: 1 } },
  { name: 'if_tsresol 0: seconds', wire: `${SECTION} ${interfaceWith('0900 0100 00000000')} ${packetAt('00000000', '803bb16a')}`, expect: { seconds: 1_790_000_000, nanoseconds: 0 } },
  { name: 'if_tsresol 0x81: half seconds', wire: `${SECTION} ${interfaceWith('0900 0100 81000000')} ${packetAt('00000000', '03000000')}`, expect: { seconds: 1, nanoseconds: 500_000_000 } },
  { name: 'if_tsresol 0xa0: 2^-32 s', wire: `${SECTION} ${interfaceWith('0900 0100 a0000000')} ${packetAt('803bb16a', '00000080')}`, expect: { seconds: 1_790_000_000, nanoseconds: 500_000_000 } },
  { name: 'if_tsresol 12: picoseconds, rounded down', wire: `${SECTION} ${interfaceWith('0900 0100 0c000000')} ${packetAt('e8000000', '6f27a5d4')}`, expect: { seconds: 1, nanoseconds: 5 } },
  { name: 'if_tsresol 0x7f: finer than any stamp', wire: `${SECTION} ${interfaceWith('0900 0100 7f000000')} ${packetAt('ffffffff', 'ffffffff')}`, expect: { seconds: 0, nanoseconds: 0 } },
  { name: 'if_tsoffset: seconds that are added', wire: `${SECTION} ${interfaceWith('0e00 0800 803bb16a00000000')} ${packetAt('00000000', '01000000')}`, expect: { seconds: 1_790_000_000, nanoseconds: 1000 } },
  { name: 'if_tsoffset below zero stops at 1970', wire: `${SECTION} ${interfaceWith('0e00 0800 feffffffffffffff')} ${packetAt('00000000', '40420f00')}`, expect: { seconds: 0 } },
  { name: 'a stamp after 2106 stops there', wire: `${SECTION} ${ETHERNET} ${packetAt('ffffffff', 'ffffffff')}`, expect: { seconds: 4_294_967_295 } },
  { name: 'other options are skipped', wire: `${SECTION} ${interfaceWith('0200 0500 6574683000000000 0900 0100 00000000')} ${packetAt('00000000', '05000000')}`, expect: { seconds: 5 } },
  { name: 'blocks we do not know are skipped', wire: `${SECTION} ${UNKNOWN} ${ETHERNET} ${UNKNOWN} ${PACKET} ${UNKNOWN}`, expect: { number: 1 } },
  { name: 'options of a packet are skipped', wire: `${SECTION} ${ETHERNET} 06000000 2c000000 00000000 00000000 00000000 02000000 02000000 aabb0000 0200040000000000 2c000000`, expect: { number: 1 } },
  { name: 'a snap length cut the frame', wire: `${SECTION} ${ETHERNET} 06000000 24000000 00000000 00000000 00000000 02000000 ea050000 aabb0000 24000000`, expect: { originalBytes: 1514 } },
  { name: 'simple packet has no stamp and is of interface 0', wire: `${SECTION} ${RAW} ${ETHERNET} 03000000 14000000 02000000 aabb0000 14000000`, expect: { linkType: 101, seconds: 0 } },
  { name: 'simple packet, cut at the snap length of interface 0', wire: `${SECTION} 01000000 14000000 0100 0000 02000000 14000000 03000000 14000000 09000000 aabbcc00 14000000`, expect: { originalBytes: 9 } },
  { name: 'obsolete packet block', wire: `${SECTION} ${ETHERNET} 02000000 24000000 0000 0900 00000000 07000000 02000000 02000000 aabb0000 24000000`, expect: { nanoseconds: 7000 } },
] as const;

for (const { name, wire, expect } of single) {
  test(`pcapng: ${name}`, () => {
    const { frames, end } = framesOf([bytesOf(wire)]);
    assert.deepEqual(end, { kind: 'whole' });
    assert.equal(frames.length, 1);
    assert.equal(frames[0].hex, 'aabb');
    assert.deepEqual({ ...frames[0], ...expect }, frames[0]);
    assert.deepEqual(framesOf(byteByByte(bytesOf(wire))).frames, frames);
  });
}

const TWO_KINDS = `${SECTION} ${ETHERNET} ${RAW} ${PACKET} ${PACKET_OF_1} ${PACKET_OF_1} ${PACKET}`;

// biome-ignore format: one case per line
const many = [
  { name: 'a section alone', wire: SECTION, linkTypes: [], numbers: [] },
  { name: 'two interfaces of two link types, in order', wire: TWO_KINDS, linkTypes: [1, 101, 101, 1], numbers: [1, 2, 3, 4] },
  { name: 'two sections number their interfaces anew', wire: `${TWO_KINDS} ${SECTION} ${RAW} ${PACKET}`, linkTypes: [1, 101, 101, 1, 101], numbers: [1, 2, 3, 4, 5] },
  { name: 'two sections of both byte orders', wire: `${SECTION} ${RAW} ${PACKET} ${SECTION_BIG} ${ETHERNET_BIG} 00000003 00000014 00000002 aabb0000 00000014`, linkTypes: [101, 1], numbers: [1, 2] },
] as const;

for (const { name, wire, linkTypes, numbers } of many) {
  test(`pcapng: ${name}`, () => {
    for (const chunks of [[bytesOf(wire)], byteByByte(bytesOf(wire))]) {
      const { frames, end } = framesOf(chunks);
      assert.deepEqual(end, { kind: 'whole' });
      assert.deepEqual(
        frames.map(({ linkType }) => linkType),
        linkTypes,
      );
      assert.deepEqual(
        frames.map(({ number }) => number),
        numbers,
      );
    }
  });
}

// biome-ignore format: one case per line
const ends = [
  { name: 'one interface of a foreign link type', wire: `${SECTION} ${ETHERNET} ${RADIOTAP} ${PACKET} ${PACKET_OF_1} ${PACKET}`, numbers: [1, 3], expect: { kind: 'linkTypeUnsupported', linkType: 127, framesCount: 1 } },
  { name: 'a foreign interface without a frame is no fault', wire: `${SECTION} ${ETHERNET} ${RADIOTAP} ${PACKET}`, numbers: [1], expect: { kind: 'whole' } },
  { name: 'a section of another version is left out', wire: `${SECTION} ${ETHERNET} ${PACKET} ${SECTION.replace('0100', '0200')} ${PACKET} ${SECTION} ${ETHERNET} ${PACKET}`, numbers: [1, 2], expect: damage(96, 'a section of major version 2 instead of 1 was left out') },
  { name: 'no byte order', wire: `0a0d0d0a 1c000000 4d3c2b1b`, numbers: [], expect: damage(8, 'a section names no byte order') },
  { name: 'a block shorter than its fields', wire: `${SECTION} ${ETHERNET} 06000000 1c000000 00000000`, numbers: [], expect: damage(52, 'a block claims 28 bytes') },
  { name: 'a length that is no multiple of four', wire: `${SECTION} efbe0000 15000000 00000000`, numbers: [], expect: damage(32, 'a block claims 21 bytes') },
  { name: 'an unknown block of length 0', wire: `${SECTION} efbe0000 00000000 00000000`, numbers: [], expect: damage(32, 'a block claims 0 bytes') },
  { name: 'a packet block of 4 GiB', wire: `${SECTION} ${ETHERNET} 06000000 fcffffff 00000000`, numbers: [], expect: damage(52, 'a block claims 4294967292 bytes, over 524288') },
  { name: 'an unknown block of 4 GiB is skipped until the file ends', wire: `${SECTION} ${ETHERNET} ${PACKET} efbe0000 fcffffff 00000000`, numbers: [1], expect: damage(96, 'the block after frame 1 is cut off') },
  { name: 'the two lengths of a packet differ', wire: `${SECTION} ${ETHERNET} ${PACKET.slice(0, -8)}28000000`, numbers: [], expect: damage(80, 'a block ends in another length than it begins with') },
  { name: 'the two lengths of an unknown block differ', wire: `${SECTION} ${UNKNOWN.slice(0, -8)}18000000`, numbers: [], expect: damage(44, 'a block ends in another length than it begins with') },
  { name: 'a captured length beyond the block', wire: `${SECTION} ${ETHERNET} ${PACKET.replace('02000000 02000000', '05000000 05000000')}`, numbers: [], expect: damage(68, 'frame 1 claims 5 bytes') },
  { name: 'a packet of no interface', wire: `${SECTION} ${PACKET}`, numbers: [], expect: damage(36, 'frame 1 names interface 0, which no block describes') },
  { name: 'an option longer than its block', wire: `${SECTION} 01000000 18000000 0100 0000 00000000 0900 0500 18000000`, numbers: [], expect: damage(28, 'an option of an interface is longer than its block') },
  { name: 'the last block is half written', wire: `${SECTION} ${ETHERNET} ${PACKET} ${PACKET.slice(0, 40)}`, numbers: [1], expect: damage(84, 'the block after frame 1 is cut off') },
] as const;

for (const { name, wire, numbers, expect } of ends) {
  test(`pcapng ends: ${name}`, () => {
    for (const chunks of [[bytesOf(wire)], byteByByte(bytesOf(wire))]) {
      const { frames, end } = framesOf(chunks);
      assert.deepEqual(end, expect);
      assert.deepEqual(
        frames.map(({ number }) => number),
        numbers,
      );
    }
  });
}

test('more interfaces than the table holds', () => {
  const read = framesOf([bytesOf(SECTION + ETHERNET.repeat(4097))]);
  assert.deepEqual(read.end, damage(28 + 4096 * 20, 'a section has more than 4096 interfaces'));
});

test('stamps of every resolution, against exact arithmetic', () => {
  const resolution = fc.oneof(fc.nat({ max: 22 }), fc.integer({ min: 0x80, max: 0x80 + 66 }));
  const stamps = fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { maxLength: 4 });
  const steps = fc.array(fc.bigInt({ min: -3n, max: 2n ** 33n }), { maxLength: 4 });
  fc.assert(
    fc.property(resolution, stamps, steps, (tsresol, jumps, small) => {
      const values = [...jumps];
      for (const step of small) {
        values.push(BigInt.asUintN(64, (values.at(-1) ?? 1_790_000_000_000_000_000n) + step));
      }
      const option = `0900 0100 ${tsresol.toString(16).padStart(2, '0')}000000`;
      const packets = values.map((value) => packetAt(word(value >> 32n), word(value)));
      const wire = `${SECTION} ${interfaceWith(option)} ${packets.join(' ')}`;
      const units = (tsresol & 0x80 ? 2n : 10n) ** BigInt(tsresol & 0x7f);
      const { frames } = framesOf([bytesOf(wire)]);
      values.forEach((value, index) => {
        const seconds = value / units > 0xffffffffn ? 0xffffffffn : value / units;
        assert.equal(BigInt(frames[index].seconds), seconds);
        const nanoseconds = ((value % units) * 1_000_000_000n) / units;
        assert.equal(BigInt(frames[index].nanoseconds), nanoseconds);
      });
    }),
    { numRuns: 300 },
  );
});

test('every prefix delivers its whole frames', () => {
  const file = bytesOf(`${TWO_KINDS} ${UNKNOWN}`);
  let frames = 0;
  for (let length = 4; length <= file.length; length++) {
    const read = framesOf([file.subarray(0, length)]);
    assert.ok(read.frames.length >= frames);
    frames = read.frames.length;
    const isWhole = [28, 48, 68, 104, 140, 176, 212, 232].includes(length);
    assert.equal(read.end.kind, isWhole ? 'whole' : 'damaged', `${length} bytes`);
  }
  assert.equal(frames, 4);
});

test('any bytes for any byte of a file: no throw, and the same frames byte by byte', () => {
  const base = bytesOf(
    `${TWO_KINDS} ${UNKNOWN} ${SECTION_BIG} ${ETHERNET_BIG} ${SECTION} ${TWO_KINDS}`,
  );
  const change = fc.tuple(fc.nat({ max: base.length - 1 }), fc.nat({ max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const file = base.slice();
      for (const [offset, value] of changes) file[offset] = value;
      const whole = framesOf([file]);
      assert.deepEqual(framesOf(byteByByte(file)), whole);
    }),
    { numRuns: 100 },
  );
});

function damage(offsetBytes: number, problem: string) {
  return { kind: 'damaged', damage: { offsetBytes, problem } } as const;
}

/** The lower 32 bits in the byte order of a little-endian file. */
function word(value: bigint): string {
  const bytes = new DataView(new ArrayBuffer(4));
  bytes.setUint32(0, Number(value & 0xffffffffn), true);
  return [0, 1, 2, 3].map((index) => bytes.getUint8(index).toString(16).padStart(2, '0')).join('');
}
