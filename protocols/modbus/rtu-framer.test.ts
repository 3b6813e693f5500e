/** RTU frames cut from bytes that come whole, merged, torn, byte by byte, cut and with bits flipped. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc16 } from './crc16.ts';
import { encodeRtuFrame, RtuFramer } from './rtu-framer.ts';
import type { SerialFrameSink } from './serial-frame-sink.ts';
import { type SerialSide, SerialTurn } from './serial-turn.ts';
import { fromHex } from './testdata-hex.ts';

class Seen implements SerialFrameSink {
  readonly frames: string[] = [];
  readonly times: number[] = [];
  readonly gaps: boolean[] = [];
  readonly faults: string[] = [];
  notFramedBytes = 0;

  frame(frame: Parameters<SerialFrameSink['frame']>[0]): void {
    const { bytes, offset, pduBytes, isRequest, timeUs, hasGap } = frame;
    const hex = Buffer.from(bytes.subarray(offset, offset + 1 + pduBytes)).toString('hex');
    this.frames.push(`${isRequest ? '>' : '<'} ${hex}`);
    this.times.push(timeUs);
    this.gaps.push(hasGap);
  }

  notFramed(...[bytes, , shown, length, , name]: Parameters<SerialFrameSink['notFramed']>): void {
    assert.ok(shown <= bytes.length && shown <= length);
    this.notFramedBytes += length;
    if (name !== undefined) this.faults.push(`${name} ${length}`);
  }
}

/** Seeded, so that a failure is the same tomorrow. */
class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }
}

function framed(text: string): Uint8Array {
  const bytes = fromHex(text);
  return encodeRtuFrame(bytes[0], bytes.subarray(1));
}

function listen(
  pieces: readonly Uint8Array[],
  side: SerialSide = 'both',
  stepUs = 10_000,
  seen = new Seen(),
): Seen {
  const framer = new RtuFramer(new SerialTurn(side), seen);
  for (const [index, piece] of pieces.entries()) {
    framer.push(piece, 0, piece.length, index * stepUs);
  }
  framer.flush();
  assert.equal(framer.heldBytes, 0);
  return seen;
}

test('the CRC is the one of the specification', () => {
  // V1.02 section 6.2.2 shows 02 07 giving 0x1241, sent as 41 12.
  assert.equal(crc16(fromHex('0207'), 0, 2), 0x1241);
  assert.equal(Buffer.from(framed('0207')).toString('hex'), '02074112');
});

// biome-ignore format: one case per line
const pairs = [
  { name: 'readCoils',                  request: '11 01 0013 0013',             response: '11 01 03 cd6b05' },
  { name: 'readDiscreteInputs',         request: '11 02 00c4 0016',             response: '11 02 03 acdb35' },
  { name: 'readHoldingRegisters',       request: '11 03 006b 0003',             response: '11 03 06 022b00000064' },
  { name: 'readInputRegisters',         request: '11 04 0008 0001',             response: '11 04 02 000a' },
  { name: 'writeSingleCoil, echoed',    request: '11 05 00ac ff00',             response: '11 05 00ac ff00' },
  { name: 'writeSingleRegister, echo',  request: '11 06 0001 0003',             response: '11 06 0001 0003' },
  { name: 'readExceptionStatus',        request: '11 07',                       response: '11 07 6d' },
  { name: 'diagnostics',                request: '11 08 0000 a537',             response: '11 08 0000 a537' },
  { name: 'diagnostics, longer',        request: '11 08 0000 a537 0102',        response: '11 08 0000 a537 0102' },
  { name: 'getCommEventCounter',        request: '11 0b',                       response: '11 0b ffff 0108' },
  { name: 'getCommEventLog',            request: '11 0c',                       response: '11 0c 08 0000 0108 0121 20 00' },
  { name: 'writeMultipleCoils',         request: '11 0f 0013 000a 02 cd01',     response: '11 0f 0013 000a' },
  { name: 'writeMultipleRegisters',     request: '11 10 0001 0002 04 000a0102', response: '11 10 0001 0002' },
  { name: 'reportServerId',             request: '11 11',                       response: '11 11 03 42ff01' },
  { name: 'readFileRecord',             request: '11 14 07 06 0004 0001 0001',  response: '11 14 04 03 06 0dfe' },
  { name: 'writeFileRecord',            request: '11 15 09 06 0004 0007 0001 06af', response: '11 15 09 06 0004 0007 0001 06af' },
  { name: 'maskWriteRegister',          request: '11 16 0004 00f2 0025',        response: '11 16 0004 00f2 0025' },
  { name: 'readWriteMultipleRegisters', request: '11 17 0003 0002 000e 0001 02 00ff', response: '11 17 04 00fe0acd' },
  { name: 'readFifoQueue',              request: '11 18 04de',                  response: '11 18 0006 0002 01b8 1284' },
  { name: 'readDeviceIdentification',   request: '11 2b 0e 01 00',              response: '11 2b 0e 01 01 00 00 02 00 03 414243 01 01 44' },
  { name: 'canOpenGeneralReference',    request: '11 2b 0d 0102',               response: '11 2b 0d 0304' },
  { name: 'schneiderUmas, no length',   request: '11 5a 00 02',                 response: '11 5a 00 fe 0102030405' },
  { name: 'exception',                  request: '11 01 04a1 0001',             response: '11 81 02' },
  { name: 'exception of unknown code',  request: '11 63 01',                    response: '11 e3 01' },
  { name: 'function code 0',            request: '11 00 01',                    response: '11 00 01' },
] as const;

for (const { name, request, response } of pairs) {
  test(`${name}: both frames, by turn on one line and by direction`, () => {
    const bytes = [framed(request), framed(response)];
    const expected = [`> ${plain(request)}`, `< ${plain(response)}`];
    const stream = Uint8Array.from([...bytes[0], ...bytes[1]]);
    const perByte = Array.from(stream, (byte) => Uint8Array.of(byte));
    for (const pieces of [bytes, [stream], perByte]) {
      const seen = listen(pieces, 'both', 100);
      assert.deepEqual([seen.frames, seen.notFramedBytes], [expected, 0]);
    }
    assert.deepEqual(listen([bytes[0]], 'client').frames, [expected[0]]);
    assert.deepEqual(listen([bytes[1]], 'server').frames, [expected[1]]);
  });

  test(`${name}: a prefix of a frame is none, and is told`, () => {
    for (const [side, text] of [
      ['client', request],
      ['server', response],
    ] as const) {
      const frame = framed(text);
      for (let length = 0; length < frame.length; length += 1) {
        const seen = listen([frame.subarray(0, length)], side);
        assert.deepEqual([seen.frames, seen.notFramedBytes], [[], length]);
      }
    }
  });
}

test('a broadcast has no response: the next frame is a request', () => {
  const write = '00 06 0001 0003';
  assert.deepEqual(
    listen([framed(write), framed(write)]).frames,
    Array(2).fill(`> ${plain(write)}`),
  );
});

test('the same write again: an echo within a second, a retry after it', () => {
  const write = framed('11 06 0001 0003');
  const directions = (stepUs: number) =>
    listen([write, write], 'both', stepUs).frames.map((text) => text[0]);
  assert.deepEqual(directions(400_000), ['>', '<']);
  assert.deepEqual(directions(1_010_000), ['>', '>']);
});

test('a request repeated without an answer is not taken for a response', () => {
  const read = framed('11 03 1000 0010');
  const other = framed('12 03 1000 0010');
  assert.deepEqual(
    listen([read, read, other]).frames.map((text) => text[0]),
    ['>', '>', '>'],
  );
});

test('a response that looks like a request first is still one', () => {
  // 45 registers, whose first 8 bytes have the length of a read request.
  const response = `11 03 5a ${'0001'.repeat(45)}`;
  const seen = listen([framed('11 03 0000 002d'), framed(response)]);
  assert.deepEqual(seen.frames[1], `< ${plain(response)}`);
});

test('a cut frame costs itself alone, and the next keeps its own time', () => {
  const request = framed('11 03 0000 007d');
  const cut = framed(`11 03 fa ${'00'.repeat(250)}`).subarray(0, 9);
  const next = framed('12 03 0000 0001');
  const seen = listen([request, cut, next], 'both', 300_000);
  assert.deepEqual(
    [seen.frames, seen.times],
    [
      ['> 11030000007d', '> 120300000001'],
      [0, 600_000],
    ],
  );
  assert.deepEqual([seen.notFramedBytes, seen.faults], [9, ['crcInvalid 9']]);
});

test('a frame with a silence inside is whole, and the silence is told', () => {
  const frame = framed('11 03 0000 0001');
  const seen = listen([frame.subarray(0, 5), frame.subarray(5)], 'both', 300_000);
  assert.deepEqual([seen.frames.length, seen.gaps], [1, [true]]);
});

test('noise before the first frame is no fault: listening began inside a frame', () => {
  const seen = listen([fromHex('0102030405060708'), framed('11 03 0000 0001')]);
  assert.deepEqual([seen.frames.length, seen.notFramedBytes, seen.faults], [1, 8, []]);
});

test('addresses 248 to 255 are reserved, and framed all the same', () => {
  assert.equal(listen([framed('f8 03 0000 0001')]).frames.length, 1);
});

for (const share of [1, 2]) {
  test(`${share} % of the frames with a bit flipped, ${share} % cut: every intact one is found`, () => {
    const dice = new Dice(77 + share);
    const intact: string[] = [];
    const parts: Uint8Array[] = [];
    for (const [frame, text] of madeTraffic(dice, 4000)) {
      const fate = dice.below(100);
      if (fate < share) {
        const flipped = frame.slice();
        flipped[dice.below(frame.length)] ^= 1 << dice.below(8);
        parts.push(flipped);
      } else if (fate < share * 2) {
        parts.push(frame.subarray(0, dice.below(frame.length)));
      } else {
        intact.push(text);
        parts.push(frame);
      }
    }
    const stream = Uint8Array.from(parts.flatMap((part) => [...part]));
    const sizes = [() => 1, () => 64, () => 1 + dice.below(300)];
    for (const size of sizes) {
      const found = listen(split(stream, size), 'both', 1).frames.map((text) => text.slice(2));
      assert.deepEqual(missing(intact, found), []);
      assert.ok(found.length <= intact.length + 2, `${found.length} of ${intact.length}`);
    }
  });
}

test('any bytes in any pieces: no throw, every byte told once, the same result', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .tuple(fc.integer({ min: 0, max: 255 }), fc.constantFrom(...pairs))
      .map(([unit, pair]) => encodeRtuFrame(unit, fromHex(pair.request).subarray(1))),
    fc.constantFrom(...pairs).map(({ response }) => framed(response)),
  );
  const side = fc.constantFrom('client' as const, 'server' as const, 'both' as const);
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 20 }),
      side,
      fc.integer({ min: 1, max: 70 }),
      (pieces, of, size) => {
        const stream = Uint8Array.from(pieces.flatMap((part) => [...part]));
        const whole = listen([stream], of, 0);
        const torn = listen(
          split(stream, () => size),
          of,
          0,
        );
        assert.deepEqual(torn.frames, whole.frames);
        assert.equal(torn.notFramedBytes, whole.notFramedBytes);
        const framedBytes = whole.frames.reduce((sum, text) => sum + (text.length - 2) / 2 + 2, 0);
        assert.equal(framedBytes + whole.notFramedBytes, stream.length);
      },
    ),
    { numRuns: 300 },
  );
});

/** Polls as a plant has them, with their text as `Seen` writes it, without the direction. */
function* madeTraffic(dice: Dice, count: number): Generator<[Uint8Array, string]> {
  for (let pair = 0; pair < count / 2; pair += 1) {
    const unit = 1 + dice.below(10);
    const address = [dice.below(4), dice.below(256)];
    const quantity = 1 + dice.below(60);
    const data = Array.from({ length: quantity * 2 }, () => dice.below(256));
    const kind = dice.below(10);
    const register = [dice.below(256), dice.below(256)];
    if (kind < 7) {
      const code = kind < 5 ? 3 : 4;
      yield made(unit, [code, ...address, 0, quantity]);
      yield made(unit, [code, quantity * 2, ...data]);
    } else if (kind === 7) {
      yield made(unit, [6, ...address, ...register]);
      yield made(unit, [6, ...address, ...register]);
    } else if (kind === 8) {
      yield made(unit, [16, ...address, 0, quantity, quantity * 2, ...data]);
      yield made(unit, [16, ...address, 0, quantity]);
    } else {
      yield made(unit, [1, ...address, 0, 8]);
      yield dice.below(2) === 0 ? made(unit, [0x81, 2]) : made(unit, [1, 1, dice.below(256)]);
    }
  }
}

function made(unit: number, pdu: readonly number[]): [Uint8Array, string] {
  const frame = encodeRtuFrame(unit, Uint8Array.from(pdu));
  return [frame, Buffer.from(frame.subarray(0, frame.length - 2)).toString('hex')];
}

function split(stream: Uint8Array, size: () => number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < stream.length; ) {
    const length = size();
    pieces.push(stream.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

/** Those of `intact` that are not, in this order, among `found`. */
function missing(intact: readonly string[], found: readonly string[]): string[] {
  const lost: string[] = [];
  let at = 0;
  for (const text of intact) {
    const next = found.indexOf(text, at);
    if (next < 0 || next > at + 50) lost.push(text);
    else at = next + 1;
  }
  return lost;
}

function plain(text: string): string {
  return text.replaceAll(' ', '');
}
