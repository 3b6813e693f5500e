/** What the port of the probe makes of bytes: whole frames, however they come. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import { RtuPort } from './rtu-port.ts';

const SILENCE_MS = 5;
const ASKED = '0111c02c';
const ANSWER = '011106b4ff4c4d42335832';
const EXCEPTION = '01830180f0';

class Stream extends EventEmitter {
  written = '';
  write(bytes: Uint8Array): void {
    this.written += Buffer.from(bytes).toString('hex');
  }
  come(hex: string): void {
    this.emit('data', Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  }
}

// biome-ignore format: one case per line
const cases = [
  { name: 'an exception at once',                    pieces: [EXCEPTION],                       frames: [EXCEPTION] },
  { name: 'an answer byte by byte',                  pieces: ANSWER.match(/../g) ?? [],         frames: [ANSWER] },
  { name: 'our own request comes first',             pieces: [ASKED + ANSWER],                  frames: [ANSWER] },
  { name: 'our own request comes first, in a piece', pieces: [ASKED, ANSWER],                   frames: [ANSWER] },
  { name: 'a wrong check ends with the silence',     pieces: ['0111020102ffff'],                frames: ['0111020102ffff'] },
  { name: 'noise that is shorter than any frame',    pieces: ['00ff'],                          frames: [] },
];

for (const { name, pieces, frames } of cases) {
  test(name, async () => {
    const stream = new Stream();
    const port = new RtuPort(stream, SILENCE_MS);
    const heard: string[] = [];
    port.on('data', (frame: Buffer) => heard.push(frame.toString('hex')));
    port.write(Buffer.from(ASKED, 'hex'));
    for (const piece of pieces) stream.come(piece);
    await new Promise((resolve) => setTimeout(resolve, 10 * SILENCE_MS));
    assert.equal(stream.written, ASKED);
    assert.deepEqual(heard, frames);
  });
}

test('any bytes: no throw, and no frame that is longer than one may be', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 8 }), (pieces) => {
      const stream = new Stream();
      const port = new RtuPort(stream, SILENCE_MS);
      port.on('data', (frame: Buffer) => assert.ok(frame.length <= 256));
      for (const piece of pieces) stream.emit('data', Buffer.from(piece));
      port.close(() => {});
    }),
  );
});
