/** A block as the kernel writes one, field by field, and hostile variants that it never writes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as frame from '../../protocols/frame-block.ts';
import * as layout from './ring-layout.ts';

const BLOCK_BYTES = 4096;

interface FakeFrame {
  readonly wire: string;
  readonly originalBytes?: number;
  readonly status?: number;
  readonly vlanTci?: number;
  readonly vlanTpid?: number;
  readonly packetType?: number;
}

/** Lays frames out as `prb_fill_curr_block` of net/packet/af_packet.c does. */
function fakeBlock(frames: readonly FakeFrame[]): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  const view = new DataView(block.buffer);
  view.setUint32(layout.BLOCK_STATUS, layout.STATUS_USER, true);
  view.setUint32(layout.BLOCK_FRAMES_COUNT, frames.length, true);
  view.setUint32(layout.BLOCK_FIRST_FRAME, layout.BLOCK_HEADER_BYTES, true);
  let start = layout.BLOCK_HEADER_BYTES;
  frames.forEach((fake, at) => {
    const bytes = Buffer.from(fake.wire.replaceAll(' ', ''), 'hex');
    const bytesOffset = 82;
    const next = (bytesOffset + bytes.length + 7) & ~7;
    view.setUint32(start, at === frames.length - 1 ? 0 : next, true);
    view.setUint32(start + layout.HEADER_SECONDS, 1_790_000_000 + at, true);
    view.setUint32(start + layout.HEADER_NANOSECONDS, 999_999_999 - at, true);
    view.setUint32(start + layout.HEADER_CAPTURED_BYTES, bytes.length, true);
    view.setUint32(start + layout.HEADER_ORIGINAL_BYTES, fake.originalBytes ?? bytes.length, true);
    view.setUint32(start + layout.HEADER_STATUS, fake.status ?? layout.STATUS_USER, true);
    view.setUint16(start + layout.HEADER_BYTES_OFFSET, bytesOffset, true);
    view.setUint16(start + layout.HEADER_BYTES_OFFSET + 2, 96, true);
    view.setUint32(start + layout.HEADER_VLAN_TCI, fake.vlanTci ?? 0, true);
    view.setUint16(start + layout.HEADER_VLAN_TPID, fake.vlanTpid ?? 0, true);
    view.setUint16(start + layout.HEADER_VLAN_TPID + 2, 0xffff, true);
    block[start + layout.HEADER_PACKET_TYPE] = fake.packetType ?? 3;
    block.set(bytes, start + bytesOffset);
    start += next;
  });
  view.setUint32(layout.BLOCK_BYTES_USED, start, true);
  return block;
}

function read(block: Uint8Array, origin = 0): layout.BlockIndexer {
  const indexer = new layout.BlockIndexer(block.length);
  indexer.read(new Uint32Array(block.buffer), block, origin);
  return indexer;
}

const ETHERNET = '0200000000020200000000010800';
const VLAN_BITS = layout.STATUS_USER | layout.STATUS_VLAN_VALID | layout.STATUS_VLAN_TPID_VALID;

// biome-ignore format: one case per line
const cases = [
  { name: 'a plain frame has no flags',                     fake: { wire: `${ETHERNET} 01` },                                                                  expect: { captured: 15, original: 15, flags: 0, vlan: 0 } },
  { name: 'a stripped tag is TPID and TCI in one word',     fake: { wire: ETHERNET, status: VLAN_BITS, vlanTci: 0x6064, vlanTpid: 0x88a8 },                    expect: { captured: 14, original: 14, flags: frame.FRAME_FLAG_VLAN, vlan: 0x88a86064 } },
  { name: 'a tag whose TPID is not told is 802.1Q',         fake: { wire: ETHERNET, status: 1 | layout.STATUS_VLAN_VALID, vlanTci: 7, vlanTpid: 0x88a8 },      expect: { captured: 14, original: 14, flags: frame.FRAME_FLAG_VLAN, vlan: 0x81000007 } },
  { name: 'a TCI without its status bit is no tag',         fake: { wire: ETHERNET, vlanTci: 7, vlanTpid: 0x8100 },                                            expect: { captured: 14, original: 14, flags: 0, vlan: 0 } },
  { name: 'a checksum left to the card is not to be judged', fake: { wire: ETHERNET, status: 1 | layout.STATUS_CHECKSUM_NOT_READY },                            expect: { captured: 14, original: 14, flags: frame.FRAME_FLAG_CHECKSUM_NOT_READY, vlan: 0 } },
  { name: 'what this machine sends is marked',              fake: { wire: ETHERNET, packetType: layout.PACKET_TYPE_OUTGOING },                                 expect: { captured: 14, original: 14, flags: frame.FRAME_FLAG_OUTGOING, vlan: 0 } },
  { name: 'a frame cut by the kernel keeps its length',     fake: { wire: ETHERNET, originalBytes: 200_000 },                                                  expect: { captured: 14, original: 200_000, flags: 0, vlan: 0 } },
] as const;

for (const { name, fake, expect } of cases) {
  test(`ring: ${name}`, () => {
    const { index, framesCount } = read(fakeBlock([fake]));
    assert.equal(framesCount, 1);
    assert.equal(index[frame.FRAME_OFFSET], layout.BLOCK_HEADER_BYTES + 82);
    assert.equal(index[frame.FRAME_CAPTURED_BYTES], expect.captured);
    assert.equal(index[frame.FRAME_ORIGINAL_BYTES], expect.original);
    assert.equal(index[frame.FRAME_FLAGS], expect.flags);
    assert.equal(index[frame.FRAME_VLAN], expect.vlan);
    assert.equal(index[frame.FRAME_SECONDS], 1_790_000_000);
    assert.equal(index[frame.FRAME_NANOSECONDS], 999_999_999);
    assert.equal(index[frame.FRAME_NUMBER], 0);
  });
}

test('ring: frames keep their order, and offsets count from where the block lies', () => {
  const frames = [`${ETHERNET} 01`, `${ETHERNET} 0203`, `${ETHERNET} 040506`];
  const block = fakeBlock(frames.map((wire) => ({ wire })));
  const { index, framesCount, bytesSeen } = read(block, 1000);
  assert.equal(framesCount, 3);
  assert.equal(bytesSeen, 15 + 16 + 17);
  frames.forEach((wire, at) => {
    const from = index[at * frame.FRAME_WORDS + frame.FRAME_OFFSET] - 1000;
    const length = index[at * frame.FRAME_WORDS + frame.FRAME_CAPTURED_BYTES];
    const found = Buffer.from(block.subarray(from, from + length)).toString('hex');
    assert.equal(found, wire.replaceAll(' ', ''));
  });
});

test('ring: an empty block has no frames, and the next one is counted afresh', () => {
  const indexer = read(fakeBlock([{ wire: ETHERNET, originalBytes: 99 }]));
  assert.equal(indexer.framesTruncated, 1);
  indexer.read(new Uint32Array(BLOCK_BYTES >>> 2), new Uint8Array(BLOCK_BYTES), 0);
  assert.deepEqual([indexer.framesCount, indexer.bytesSeen, indexer.framesTruncated], [0, 0, 0]);
});

test('ring: a header that leads out of its block ends the walk and is counted', () => {
  const block = fakeBlock([{ wire: ETHERNET }, { wire: ETHERNET }]);
  const view = new DataView(block.buffer);
  view.setUint32(layout.BLOCK_HEADER_BYTES + 96 + layout.HEADER_CAPTURED_BYTES, 1 << 30, true);
  const { framesCount, framesRefused } = read(block);
  assert.deepEqual([framesCount, framesRefused], [1, 1]);
});

test('ring: whatever stands in a block, the index stays inside it', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 256, maxLength: 256 }),
      fc.nat(2000),
      fc.nat(255),
      (noise, framesTold, first) => {
        const block = Uint8Array.from(noise);
        const view = new DataView(block.buffer);
        view.setUint32(layout.BLOCK_FRAMES_COUNT, framesTold, true);
        view.setUint32(layout.BLOCK_FIRST_FRAME, first & ~3, true);
        const { index, framesCount } = read(block);
        for (let at = 0; at < framesCount; at++) {
          const word = at * frame.FRAME_WORDS;
          const end = index[word + frame.FRAME_OFFSET] + index[word + frame.FRAME_CAPTURED_BYTES];
          assert.ok(end <= block.length);
        }
      },
    ),
    { numRuns: 300 },
  );
});
