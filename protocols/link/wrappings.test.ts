/**
 * Every wrapping as a table: the same TCP segment inside, found with its own addresses; then what
 * looks like a wrapping and is none, and the properties that hold for any bytes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encapsulationNames } from './encapsulations.ts';
import {
  FRAME_MALFORMED,
  FRAME_OTHER,
  FRAME_TCP,
  FRAME_UDP,
  FrameHeaders,
  type FrameKind,
} from './frame-headers.ts';
import { hsrPathId, hsrSequenceNumber } from './hsr.ts';
import { hsrFrame, nested, prpFrame, WRAPPINGS } from './made-wrappings.ts';
import { prpLanId, prpSequenceNumber, prpTrailerAt } from './prp.ts';
import { readFrame } from './read-frame.ts';
import { tcpPayloadOffset } from './tcp.ts';

const ETHERNET = 1;
const MACS = '02aabbccddee 021122334455';
const TCP = '9c40 01f6 00000001 00000002 50 18 2000 0000 0000 aabbccdd';
const V4 = `${MACS} 0800 4500 002c 0001 4000 40 06 0000 0a000005 0a000109 ${TCP}`;
const V6 = `${MACS} 86dd 60000000 0018 06 40 fd${'00'.repeat(14)}05 fd${'00'.repeat(14)}09 ${TCP}`;

for (const { name, wrap, encapsulations, vlanIds = [] } of WRAPPINGS) {
  test(`${name}: the segment inside, IPv4 and IPv6`, () => {
    for (const plain of [fromHex(V4), fromHex(V6)]) {
      const bytes = wrap(plain);
      const { headers, kind } = read(bytes);
      assert.equal(kind, FRAME_TCP);
      assert.deepEqual(encapsulationNames(headers.encapsulations), encapsulations);
      assert.deepEqual([...headers.vlanIds.subarray(0, headers.vlanIdsCount)], vlanIds);
      const payload = tcpPayloadOffset(bytes, headers.transport, headers.transportEnd);
      assert.deepEqual(
        [...bytes.subarray(payload, headers.transportEnd)],
        [0xaa, 0xbb, 0xcc, 0xdd],
      );
      assert.equal(headers.isIpv6, plain[12] === 0x86);
      assert.equal(bytes[headers.sourceAddress], headers.isIpv6 ? 0xfd : 0x0a);
      assert.equal(headers.cutBytes, 0);
    }
  });
}

test('a tunnel that carries frames gives the MAC addresses of the frame inside', () => {
  for (const { name, wrap } of WRAPPINGS) {
    if (!/ERSPAN I+$|VXLAN|bridged|Geneve: E/.test(name)) continue;
    const bytes = wrap(fromHex(V4));
    assert.equal(bytes[read(bytes).headers.sourceMac + 1], 0x11, name);
  }
});

test('a snap length that cuts inside a tunnel leaves the count of the bytes that are missing', () => {
  for (const { name, wrap } of WRAPPINGS) {
    if (name === 'PRP') continue;
    const bytes = wrap(fromHex(V4));
    const { headers, kind } = read(bytes.subarray(0, bytes.length - 3));
    assert.deepEqual([name, kind, headers.cutBytes], [name, FRAME_TCP, 3]);
  }
});

test('a tag that the ring took away counts as the outer one of a stack', () => {
  const bytes = WRAPPINGS[0].wrap(fromHex(V4));
  const headers = new FrameHeaders();
  headers.vlanIdsCount = 1;
  readFrame(headers, bytes, 0, bytes.length, ETHERNET);
  assert.deepEqual(encapsulationNames(headers.encapsulations), ['qinq']);
});

const UDP = (port: string, payload: string) =>
  `${MACS} 0800 4500 0040 0001 4000 40 11 0000 0a000005 0a000109 c000 ${port} 002c 0000 ${payload} ${'00'.repeat(36)}`;
const GRE = (header: string) =>
  `${MACS} 0800 4500 0040 0001 4000 40 2f 0000 0a000005 0a000109 ${header} ${'00'.repeat(40)}`;

// biome-ignore format: one case per line
const others: readonly { name: string; wire: string; kind: FrameKind }[] = [
  { name: 'UDP 4789 without the flag of VXLAN',   wire: UDP('12b5', '00000000 00006400'), kind: FRAME_UDP },
  { name: 'UDP 4789 with a reserved byte set',    wire: UDP('12b5', '08000000 00006401'), kind: FRAME_UDP },
  { name: 'UDP 6081, version 1 of Geneve',        wire: UDP('17c1', '4000 6558 00006400'), kind: FRAME_UDP },
  { name: 'UDP 6081, a control packet',           wire: UDP('17c1', '0080 6558 00006400'), kind: FRAME_UDP },
  { name: 'UDP 6081, options over the end',       wire: UDP('17c1', '3f00 6558 00006400'), kind: FRAME_UDP },
  { name: 'UDP 4790',                             wire: UDP('12b6', '08000000 00006400'), kind: FRAME_UDP },
  { name: 'GRE with source routing',              wire: GRE('4000 0800 00000000'), kind: FRAME_OTHER },
  { name: 'GRE version 2',                        wire: GRE('0002 0800'), kind: FRAME_OTHER },
  { name: 'GRE with a protocol nobody reads',     wire: GRE('0000 883e'), kind: FRAME_OTHER },
  { name: 'GRE, no IPv4 header inside',           wire: GRE('0000 0800'), kind: FRAME_MALFORMED },
  { name: 'ERSPAN II of version 3',               wire: GRE('1000 88be 00000001 3064 0001 00000000'), kind: FRAME_OTHER },
  { name: 'ERSPAN III with a frame type unknown', wire: GRE('1000 22eb 00000001 2064 0001 00000000 0000 1000'), kind: FRAME_OTHER },
  { name: 'PPPoE discovery',                      wire: `${MACS} 8863 1109 0000 0004 0101 0000`, kind: FRAME_OTHER },
  { name: 'PPPoE, link control',                  wire: `${MACS} 8864 1100 0001 0006 c021 0901 0004`, kind: FRAME_OTHER },
  { name: 'MPLS, associated channel',             wire: `${MACS} 8847 00064140 10000007 0000`, kind: FRAME_OTHER },
  { name: 'MPLS, a stack without bottom',         wire: `${MACS} 8847 ${'00064040'.repeat(40)}`, kind: FRAME_OTHER },
  { name: 'MPLS, stack over the end',             wire: `${MACS} 8847 00064040 0006`, kind: FRAME_OTHER },
  { name: 'HSR tag cut',                          wire: `${MACS} 892f 1034 0007`, kind: FRAME_OTHER },
];

for (const { name, wire, kind } of others) {
  test(name, () => assert.equal(read(fromHex(wire)).kind, kind));
}

test('tunnels in tunnels end somewhere', () => {
  assert.equal(read(nested(8, fromHex(V4))).kind, FRAME_TCP);
  assert.equal(read(nested(13, fromHex(V4))).kind, FRAME_OTHER);
});

test('the trailer of PRP: LAN and sequence; other bytes behind a frame are none', () => {
  const frame = prpFrame(fromHex(V4), 'b', 0x1234);
  const at = prpTrailerAt(frame, 0, frame.length);
  assert.deepEqual([at, prpLanId(frame, at)], [frame.length - 6, 0xb]);
  assert.equal(prpSequenceNumber(frame, at), 0x1234);
  const padded = Uint8Array.from([...frame, 0]);
  const otherLan = prpFrame(fromHex(V4), 'c', 1);
  const otherSize = Uint8Array.from(frame);
  otherSize[at + 3] ^= 1;
  for (const other of [padded, otherLan, otherSize, fromHex(V4)]) {
    assert.equal(prpTrailerAt(other, 0, other.length), -1);
  }
});

test('the tag of HSR: path and sequence', () => {
  const frame = hsrFrame(fromHex(V4), '3', 0x1234);
  const { hsrTag } = read(frame).headers;
  assert.deepEqual([hsrPathId(frame, hsrTag), hsrSequenceNumber(frame, hsrTag)], [3, 0x1234]);
});

test('every prefix of every wrapping is read within its bytes', () => {
  for (const { wrap } of WRAPPINGS) {
    const bytes = wrap(fromHex(V4));
    for (let length = 0; length <= bytes.length; length++) checkBounds(bytes.subarray(0, length));
  }
});

test('any bytes inside any wrapping: no throw, nothing read past the end', () => {
  const wrappings = fc.constantFrom(...WRAPPINGS);
  const bytes = fc.uint8Array({ maxLength: 120 });
  fc.assert(
    fc.property(wrappings, wrappings, bytes, fc.nat(), ({ wrap }, inner, tail, cut) => {
      const start = wrap(inner.wrap(fromHex(V4)));
      checkBounds(Uint8Array.from([...start.subarray(0, cut % start.length), ...tail]));
    }),
    { numRuns: 1000 },
  );
});

/** The same frame before zeros and before ones: a read past the end would tell them apart. */
function checkBounds(bytes: Uint8Array): void {
  const outcomes = [0x00, 0xff].map((poison) => {
    const copy = new Uint8Array(bytes.length + 64).fill(poison);
    copy.set(bytes);
    const headers = new FrameHeaders();
    const kind = readFrame(headers, copy, 0, bytes.length, ETHERNET);
    if (kind !== FRAME_TCP && kind !== FRAME_UDP) return { kind };
    assert.ok(headers.transportEnd <= bytes.length);
    return { kind, headers };
  });
  assert.deepEqual(outcomes[0], outcomes[1]);
}

function read(bytes: Uint8Array): { headers: FrameHeaders; kind: FrameKind } {
  const headers = new FrameHeaders();
  return { headers, kind: readFrame(headers, bytes, 0, bytes.length, ETHERNET) };
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}
