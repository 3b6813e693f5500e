/** Every function code's PDU, field by field, and any part of any message. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { coverFault, type ExplainedField } from '../explain.ts';
import { explainModbus, explainNoModbus, explainRtu, isRtuFrame } from './explain.ts';

// biome-ignore format: one case per line
const cases = [
  { side: 'request',  pdu: '01 0013 0013',                     holds: ['functionCode=1 (readCoils)', 'address=19', 'quantity=19'] },
  { side: 'response', pdu: '01 02 cd01', asked: '01 0013 000a', holds: ['byteCount=2', 'coils=10110011 10'] },
  { side: 'response', pdu: '02 01 05',                         holds: ['discreteInputs=10100000'] },
  { side: 'request',  pdu: '03 006b 0003',                     holds: ['functionCode=3 (readHoldingRegisters)', 'address=107'] },
  { side: 'response', pdu: '03 04 022b 0064', asked: '03 006b 0002', holds: ['[0]=555 <- address 107', '[1]=100 <- address 108'] },
  { side: 'response', pdu: '83 02',                            holds: ['functionCode=3 (readHoldingRegisters, refused)', 'exceptionCode=2 (illegalDataAddress)'] },
  { side: 'request',  pdu: '05 00ac ff00',                     holds: ['outputValue=0xff00 (ON)'] },
  { side: 'request',  pdu: '05 00ac 1234',                     holds: ['outputValue=0x1234 <- coilValueIllegal: expected 0x0000 or 0xFF00, found 4660'], loose: true },
  { side: 'request',  pdu: '06 0001 0003',                     holds: ['registerValue=3'] },
  { side: 'response', pdu: '07 6d',                            holds: ['exceptionStatus=01101101'] },
  { side: 'request',  pdu: '08 0000 a537',                     holds: ['subFunction=0 (returnQueryData)', 'data=42295'] },
  { side: 'response', pdu: '08 000b 0007',                     holds: ['counter=7'] },
  { side: 'response', pdu: '0b ffff 0108',                     holds: ['status=0xffff', 'eventCount=264'] },
  { side: 'response', pdu: '0c 08 0000 0108 0121 20 00',       holds: ['messageCount=289', '[0]=listenOnly 0x20', '[1]=restart 0x00'] },
  { side: 'request',  pdu: '0f 0013 000a 02 cd01',             holds: ['coils=10110011 10'] },
  { side: 'request',  pdu: '10 0001 0002 04 000a 0102',        holds: ['[0]=10 <- address 1', '[1]=258 <- address 2'] },
  { side: 'response', pdu: '11 05 2a ff 412d31',               holds: ['serverId=0x2a', 'runIndicatorStatus=0xff (on)', 'additionalData=A-1'] },
  { side: 'request',  pdu: '14 07 06 0004 0001 0002',          holds: ['fileNumber=4', 'recordNumber=1', 'recordLength=2 registers'] },
  { side: 'response', pdu: '14 06 05 06 0dfe 0020',            holds: ['fileResponseBytes=5', 'recordData=2 registers'] },
  { side: 'request',  pdu: '15 0d 06 0004 0007 0003 06af04be100d', holds: ['requestDataBytes=13', 'recordData=3 registers'] },
  { side: 'request',  pdu: '16 0004 00f2 0025',                holds: ['andMask=0x00f2', 'orMask=0x0025'] },
  { side: 'request',  pdu: '17 0003 0006 000e 0001 02 00ff',   holds: ['read.address=3', 'write.address=14', '[0]=255 <- address 14'] },
  { side: 'response', pdu: '18 0006 0002 01b8 1284',           holds: ['fifoCount=2', '[1]=4740'] },
  { side: 'request',  pdu: '2b 0e 01 00',                      holds: ['meiType=14', 'readDeviceIdCode=1'] },
  { side: 'response', pdu: '2b 0e 01 01 00 00 01 00 03 414243', holds: ['moreFollows=no', 'objectId=0 (vendorName)', 'value=ABC'] },
  { side: 'request',  pdu: '2b 0d 0102',                       holds: ['data='] },
  { side: 'request',  pdu: '5a 17 10 0000',                    holds: ['sessionKey=(session key, 1 byte, not shown)', 'umasFunction=0x10 (takePlcReservation)'] },
  { side: 'request',  pdu: '63 0102',                          holds: ['notDecoded='], loose: true },
  { side: 'request',  pdu: '03 006b 0003 aa',                  holds: ['notDecoded= <- bytesAfterPdu: expected 5, found 6'] },
] as const;

for (const each of cases) {
  test(`explain ${each.side} ${each.pdu}`, () => {
    const message = adu(each.pdu);
    const asked = 'asked' in each ? hex(each.asked) : undefined;
    const field = explainModbus({
      bytes: message,
      from: 0,
      to: message.length,
      frameOffset: 54,
      aduBytes: message.length,
      isRequest: each.side === 'request',
      request: asked && { bytes: asked, offset: 0, length: asked.length },
    });
    assert.equal(coverFault([field], 54, 54 + message.length), undefined);
    const leaves = leavesOf([field]);
    const isLoose = 'loose' in each;
    for (const text of each.holds) {
      const found = leaves.some((leaf) =>
        isLoose ? leaf.startsWith(text.slice(0, 40)) : leaf === text,
      );
      assert.ok(found, `${text} in ${leaves.join(' | ')}`);
    }
  });
}

test('a part of a message says which, and that it goes on', () => {
  const bytes = adu('03 04 022b 0064');
  const part = { bytes, aduBytes: 13, isRequest: false };
  const head = explainModbus({ ...part, from: 0, to: 10, frameOffset: 54 });
  const tail = explainModbus({ ...part, from: 10, to: 13, frameOffset: 54 });
  assert.equal(head.note, 'part of a response, bytes 0..9 of 13; it goes on in a later frame');
  assert.equal(tail.note, 'part of a response, bytes 10..12 of 13');
  assert.equal(coverFault([tail], 54, 57), undefined);
  assert.match(leavesOf([tail])[0], /^\[0\]=555 <- bytes 1\.\.1 of 2/);
});

test('no header: the fault stands at its field', () => {
  const leaves = leavesOf([explainNoModbus(hex('0001 0000 1770 01'), 0, 7)]);
  assert.ok(leaves.includes('lengthBytes=6000 <- lengthTooLong: expected 2..254, found 6000'));
});

test('an RTU frame in a stream, by its check', () => {
  const frame = hex('11 03 006b 0003 7687');
  assert.ok(isRtuFrame(frame, 0, frame.length));
  const field = explainRtu(frame, 0, frame.length, true);
  assert.equal(coverFault([field], 0, frame.length), undefined);
  assert.ok(leavesOf([field]).includes('crc=0x8776, right'));
  assert.ok(!isRtuFrame(hex('11 03 006b 0003 7688'), 0, 8));
});

test('any bytes, any part, either side: an exact cover', () => {
  const functionCodes = fc.constantFrom(
    0,
    1,
    2,
    3,
    8,
    12,
    15,
    16,
    17,
    20,
    21,
    23,
    24,
    43,
    90,
    0x83,
    99,
  );
  const tail = fc.uint8Array({ maxLength: 60 });
  fc.assert(
    fc.property(
      functionCodes,
      tail,
      fc.nat(),
      fc.nat(),
      fc.boolean(),
      (code, rest, a, b, isRequest) => {
        const bytes = Uint8Array.from([0, 1, 0, 0, 0, rest.length + 2, 1, code, ...rest]);
        const to = 1 + (a % bytes.length);
        const from = b % to;
        const part = { bytes, from, to, frameOffset: 9, aduBytes: bytes.length, isRequest };
        assert.equal(coverFault([explainModbus(part)], 9, 9 + to - from), undefined);
        assert.equal(coverFault([explainNoModbus(bytes, from, to)], from, to), undefined);
        if (rest.length < 4) return;
        assert.equal(
          coverFault([explainRtu(rest, 0, rest.length, isRequest)], 0, rest.length),
          undefined,
        );
      },
    ),
    { numRuns: 400 },
  );
});

function adu(pdu: string): Uint8Array {
  const body = hex(pdu);
  return Uint8Array.from([0, 17, 0, 0, 0, body.length + 1, 3, ...body]);
}

function leavesOf(fields: readonly ExplainedField[]): string[] {
  return fields.flatMap(({ name, value, note, children }) =>
    children === undefined
      ? [
          `${name}=${value}${name.startsWith('coils') || name === 'discreteInputs' || note === undefined ? '' : ` <- ${note}`}`,
        ]
      : leavesOf(children),
  );
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}
