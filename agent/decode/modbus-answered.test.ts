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
