/** ASCII frames cut from characters that come whole, torn, damaged and among noise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AsciiFramer, encodeAsciiFrame } from './ascii.ts';
import { lrc } from './lrc.ts';
import type { SerialFrameSink } from './serial-frame-sink.ts';
import { type SerialSide, SerialTurn } from './serial-turn.ts';
import { fromHex } from './testdata-hex.ts';

class Seen implements SerialFrameSink {
  readonly frames: string[] = [];
  readonly gaps: boolean[] = [];
  readonly faults: string[] = [];
  notFramedBytes = 0;

  frame(frame: Parameters<SerialFrameSink['frame']>[0]): void {
    const { bytes, offset, pduBytes, isRequest, hasGap } = frame;
    const hex = Buffer.from(bytes.subarray(offset, offset + 1 + pduBytes)).toString('hex');
    this.frames.push(`${isRequest ? '>' : '<'} ${hex}`);
    this.gaps.push(hasGap);
  }

  notFramed(...[bytes, , shown, length, , name]: Parameters<SerialFrameSink['notFramed']>): void {
    assert.ok(shown <= bytes.length && shown <= length);
    this.notFramedBytes += length;
    this.faults.push(`${name} ${length}`);
  }
}

function listen(
  pieces: readonly (string | Uint8Array)[],
  side: SerialSide = 'both',
  stepUs = 1000,
): Seen {
  const seen = new Seen();
  const framer = new AsciiFramer(new SerialTurn(side), seen);
  pieces.forEach((piece, index) => {
    const bytes = typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece;
    framer.push(bytes, 0, bytes.length, index * stepUs);
  });
  framer.flush();
  assert.equal(framer.heldBytes, 0);
  return seen;
}

test('the LRC is the one of the specification', () => {
  // V1.02 section 2.5.2.2: all bytes of the message, LRC included, sum up to 0.
  const bytes = fromHex('f7031389000a');
  assert.equal(lrc(bytes, 0, bytes.length), 0x60);
});

// biome-ignore format: one case per line
const cases = [
  { name: 'a request',                          wire: ':1103006B00037E\r\n',   frames: ['> 1103006b0003'], left: [] },
  { name: 'small hexadecimal digits',           wire: ':1103006b00037e\r\n',   frames: ['> 1103006b0003'], left: [] },
  { name: 'request, then its response',         wire: ':1103006B00037E\r\n:110306022B0000006455\r\n', frames: ['> 1103006b0003', '< 110306022b00000064'], left: [] },
  { name: 'a write and its echo',               wire: ':110600010003E5\r\n:110600010003E5\r\n', frames: ['> 110600010003', '< 110600010003'], left: [] },
  { name: 'an exception',                       wire: ':1183026A\r\n',         frames: ['< 118302'], left: [] },
  { name: 'a wrong LRC',                        wire: ':1103006B00037F\r\n',   frames: [], left: ['lrcInvalid 17'] },
  { name: 'an odd number of digits',            wire: ':1103006B0003E\r\n',    frames: [], left: ['lrcInvalid 16'] },
  { name: 'a character that is no digit',       wire: ':1103006G00037E\r\n',   frames: [], left: ['lrcInvalid 17'] },
  { name: 'nothing between colon and end',      wire: ':\r\n',                 frames: [], left: ['lrcInvalid 3'] },
  { name: 'a colon ends a frame that was cut',  wire: ':110300:1103006B00037E\r\n', frames: ['> 1103006b0003'], left: ['lrcInvalid 7'] },
  { name: 'a row of colons is noise, once',     wire: `${':'.repeat(40)}1103006B00037E\r\n`, frames: ['> 1103006b0003'], left: ['undefined 39'] },
  { name: 'noise between frames',               wire: 'xy\r\n:1103006B00037E\r\nz', frames: ['> 1103006b0003'], left: ['undefined 4', 'undefined 1'] },
  { name: 'a line end without CR ends nothing', wire: ':1103006B00037E\n',     frames: [], left: ['undefined 16'] },
] as const;

for (const { name, wire, frames, left } of cases) {
  test(name, () => {
    for (const pieces of [[wire], [...wire]]) {
      const seen = listen(pieces);
      assert.deepEqual([seen.frames, seen.faults], [frames, left]);
    }
  });
}

test('a prefix of a frame is none, and is told', () => {
  const wire = ':1103006B00037E\r\n';
  for (let length = 0; length < wire.length; length += 1) {
    const seen = listen([wire.slice(0, length)]);
    assert.deepEqual([seen.frames, seen.notFramedBytes], [[], length]);
  }
});

test('more than 513 characters are no frame', () => {
  const seen = listen([`:${'11'.repeat(300)}\r\n`]);
  assert.deepEqual([seen.frames, seen.faults[0]], [[], 'lrcInvalid 513']);
});

test('the longest frame is one', () => {
  const frame = encodeAsciiFrame(1, new Uint8Array(253).fill(3));
  assert.equal(frame.length, 513);
  assert.equal(listen([frame]).frames.length, 1);
});

test('the line feed is replaced by sub-function 3, from the response on', () => {
  const change = encodeAsciiFrame(0x11, fromHex('08 0003 2100'));
  const read = ':1103006B00037E\r!';
  assert.equal(listen([change, change, read]).frames.length, 3);
  assert.equal(listen([read]).frames.length, 0);
});

test('a silence of more than a second inside a frame is told', () => {
  const halves = [':1103006B', '00037E\r\n'];
  assert.deepEqual(listen(halves, 'both', 900_000).gaps, [false]);
  assert.deepEqual(listen(halves, 'both', 1_100_000).gaps, [true]);
});

test('the direction of a TCP stream is known', () => {
  const write = ':110600010003E5\r\n';
  assert.deepEqual(
    listen([write, write], 'client').frames.map(([way]) => way),
    ['>', '>'],
  );
  assert.deepEqual(
    listen([write, write], 'server').frames.map(([way]) => way),
    ['<', '<'],
  );
});

test('any bytes in any pieces: no throw, every byte told once, the same result', () => {
  const pdu = fc.uint8Array({ minLength: 1, maxLength: 30 });
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    fc.constantFrom(Buffer.from(':'), Buffer.from('\r\n'), Buffer.from('0A')),
    pdu.map((bytes) => encodeAsciiFrame(bytes[0], bytes)),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 20 }),
      fc.integer({ min: 1, max: 50 }),
      (pieces, size) => {
        const stream = Buffer.concat(pieces);
        const whole = listen([stream], 'both', 0);
        const torn: Uint8Array[] = [];
        for (let at = 0; at < stream.length; at += size) torn.push(stream.subarray(at, at + size));
        const again = listen(torn, 'both', 0);
        assert.deepEqual(again.frames, whole.frames);
        assert.equal(again.notFramedBytes, whole.notFramedBytes);
      },
    ),
    { numRuns: 300 },
  );
});
