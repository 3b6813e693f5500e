/**
 * What is taken for OPC UA and what only looks like it: one beginning of a stream a line.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  ACKNOWLEDGE,
  type Bytes,
  chunk,
  HELLO,
  int32,
  letters,
  message,
  OPEN_REQUEST,
  OPEN_RESPONSE,
  open,
  request,
  response,
  sequence,
  text,
} from './opcua-made-traffic.ts';
import { recognizeOpcua, senderOfOpcua } from './opcua-recognition.ts';
import {
  SENDER_CLIENT as CLIENT,
  RECOGNIZED_MORE as MORE,
  RECOGNIZED_NO as NO,
  SENDER_SERVER as SERVER,
  SENDER_UNKNOWN as UNKNOWN,
  RECOGNIZED_YES as YES,
} from './stream-analyzer.ts';

const CIPHER: Bytes = new Array(64).fill(0xcc);

// biome-ignore format: one case per line
const cases: readonly { name: string; bytes: Bytes; is: number; sender: number }[] = [
  { name: 'HEL', bytes: HELLO, is: YES, sender: CLIENT },
  { name: 'ACK', bytes: ACKNOWLEDGE, is: YES, sender: SERVER },
  { name: 'ERR, sent by either side', bytes: message('ERRF', int32(0x80010000 | 0), text('no')), is: YES, sender: UNKNOWN },
  { name: 'RHE, sent by the server', bytes: message('RHEF', text('urn:plc'), text('opc.tcp://plc')), is: YES, sender: SERVER },
  { name: 'OPN request', bytes: open('None', 0, sequence(1, 1), OPEN_REQUEST), is: YES, sender: CLIENT },
  { name: 'OPN response', bytes: open('None', 7, sequence(1, 1), OPEN_RESPONSE), is: YES, sender: SERVER },
  { name: 'OPN encrypted', bytes: open('Basic256Sha256', 7, CIPHER), is: YES, sender: UNKNOWN },
  { name: 'MSG request', bytes: chunk('F', 2, 2, request(631)), is: YES, sender: CLIENT },
  { name: 'MSG response', bytes: chunk('F', 2, 2, response(634, 0)), is: YES, sender: SERVER },
  { name: 'MSG encrypted', bytes: message('MSGC', int32(7), int32(1), CIPHER), is: YES, sender: UNKNOWN },
  { name: 'CLO', bytes: message('CLOF', int32(7), int32(1), CIPHER), is: YES, sender: CLIENT },
  { name: 'MSG of channel 0 with nothing readable', bytes: message('MSGF', int32(0), int32(1), CIPHER), is: NO, sender: UNKNOWN },
  { name: 'HEL with bytes behind its URL', bytes: message('HELF', HELLO.slice(8), [0]), is: NO, sender: CLIENT },
  { name: 'HEL in chunks', bytes: message('HELC', HELLO.slice(8)), is: NO, sender: CLIENT },
  { name: 'ACK of another size', bytes: message('ACKF', ACKNOWLEDGE.slice(8), [0]), is: NO, sender: SERVER },
  { name: 'ACK with tiny buffers', bytes: message('ACKF', int32(0), int32(10), int32(10), int32(0), int32(0)), is: NO, sender: SERVER },
  { name: 'OPN whose policy is no URI', bytes: message('OPNF', int32(0), text('ftp://nowhere.example/policy'), CIPHER), is: NO, sender: UNKNOWN },
  { name: 'text that begins like it', bytes: letters('MSGFoo bar, and more words in a line of chat'), is: NO, sender: UNKNOWN },
  { name: 'HELO of mail', bytes: letters('HELO mail.example.com\r\n'), is: NO, sender: CLIENT },
  { name: 'a size of 2 GB', bytes: [...letters('MSGF'), ...int32(0x7fffffff), ...CIPHER], is: NO, sender: UNKNOWN },
  { name: 'Modbus', bytes: [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1], is: NO, sender: UNKNOWN },
];

for (const { name, bytes, is, sender } of cases) {
  test(name, () => {
    const placed = Uint8Array.from([9, 9, 9, ...bytes]);
    assert.equal(recognizeOpcua(placed, 3, bytes.length), is);
    assert.equal(senderOfOpcua(placed, 3, bytes.length), sender);
  });
}

test('every prefix of what is recognised wants more, or is recognised already', () => {
  for (const { bytes } of cases.filter(({ is }) => is === YES)) {
    const whole = Uint8Array.from(bytes);
    for (let length = 1; length <= 8; length++) {
      assert.equal(recognizeOpcua(whole.subarray(0, length), 0, length) === NO, false);
    }
    assert.equal(recognizeOpcua(whole.subarray(0, 2), 0, 2), MORE);
  }
});

test('noise is not recognised', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 80 }), (bytes) => {
      assert.equal(recognizeOpcua(bytes, 0, bytes.length), NO);
      senderOfOpcua(bytes, 0, bytes.length);
    }),
    { numRuns: 3000 },
  );
});
