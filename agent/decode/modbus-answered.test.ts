/** A second answer that differs in any one byte is told, whatever the length of the answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModbusAnswered } from './modbus-answered.ts';

const SLOT = 1;
const KEY = 7;
const PDU_BYTES_MAX = 253;
const AT = 3;

function madePdu(pduBytes: number): Uint8Array {
  return Uint8Array.from({ length: AT + pduBytes }, (_, index) => (index * 37) & 0xff);
}

test('each byte counts, from 1 to 253 of them, and the same bytes elsewhere are the same', () => {
  const answered = new ModbusAnswered(2);
  for (let pduBytes = 1; pduBytes <= PDU_BYTES_MAX; pduBytes++) {
    const first = madePdu(pduBytes);
    answered.answer(SLOT, KEY, false, first, AT, pduBytes);
    const second = Uint8Array.from([0xff, ...first]).subarray(1);
    assert.equal(answered.differs(SLOT, second, AT, pduBytes), false, `${pduBytes} bytes`);
    for (let changed = 0; changed < pduBytes; changed++) {
      second[AT + changed] ^= 0x80;
      const name = `byte ${changed} of ${pduBytes}`;
      assert.equal(answered.differs(SLOT, second, AT, pduBytes), true, name);
      second[AT + changed] ^= 0x80;
    }
  }
});

test('what lies before and behind the PDU counts for nothing', () => {
  const answered = new ModbusAnswered(2);
  for (const pduBytes of [1, 7, 8, 9, 16, 17]) {
    const first = Uint8Array.from([...madePdu(pduBytes), 0, 0, 0, 0, 0, 0, 0, 0]);
    answered.answer(SLOT, KEY, false, first, AT, pduBytes);
    const second = first.map((byte, index) =>
      index < AT || index >= AT + pduBytes ? byte ^ 0xff : byte,
    );
    assert.equal(answered.differs(SLOT, second, AT, pduBytes), false, `${pduBytes} bytes`);
  }
});

test('of a request that was repeated, two answers may differ', () => {
  const answered = new ModbusAnswered(2);
  answered.answer(SLOT, KEY, true, madePdu(9), AT, 9);
  assert.equal(answered.differs(SLOT, madePdu(9).fill(0), AT, 9), false);
});

test('an answer that lies in the block is compared like any other, also after the block', () => {
  const [FIRST, SECOND] = [0, 1];
  for (const [name, ends] of [
    ['within the block', false],
    ['after the block', true],
  ] as const) {
    const answered = new ModbusAnswered(2);
    const block = madePdu(40);
    answered.beginBlock(block);
    answered.answer(FIRST, KEY, false, block, AT, 12);
    answered.answer(SECOND, KEY, false, block, AT + 12, 20);
    // The last of several answers counts, and one from elsewhere replaces one of the block.
    answered.answer(FIRST, KEY, false, block, AT + 1, 9);
    answered.answer(SECOND, KEY, false, madePdu(9), AT, 9);
    answered.answer(SECOND, KEY, false, block, AT + 2, 30);
    const other = Uint8Array.from(block);
    if (ends) {
      answered.endBlock();
      block.fill(0);
    }
    assert.equal(answered.differs(FIRST, other, AT + 1, 9), false, name);
    assert.equal(answered.differs(SECOND, other, AT + 2, 30), false, name);
    assert.equal(answered.differs(SECOND, other, AT + 3, 30), true, name);
    other[AT + 20] ^= 1;
    assert.equal(answered.differs(FIRST, other, AT + 1, 9), false, name);
    assert.equal(answered.differs(SECOND, other, AT + 2, 30), true, name);
  }
});

test('what replaced an answer of the block stays when the block ends', () => {
  const answered = new ModbusAnswered(1);
  const block = madePdu(20);
  answered.beginBlock(block);
  answered.answer(0, KEY, false, block, AT, 9);
  answered.answer(0, KEY, false, madePdu(9).fill(1), AT, 9);
  answered.endBlock();
  assert.equal(answered.differs(0, madePdu(9).fill(1), AT, 9), false);
  assert.equal(answered.differs(0, block, AT, 9), true);
});
