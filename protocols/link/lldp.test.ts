// LLDP: what a neighbour tells, whatever stands in its frame.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readLldp } from './lldp.ts';

const text = (words: string) => [...words].map((letter) => letter.charCodeAt(0));
const tlv = (type: number, ...value: number[]) => [
  (type << 1) | (value.length >> 8),
  value.length & 0xff,
  ...value,
];
const MAC = [0x00, 0x80, 0xf4, 0x01, 0x02, 0x03];
const CHASSIS = tlv(1, 4, ...MAC);
const PORT = tlv(2, 5, ...text('Gi1/0/3'));
const TIME_TO_LIVE = tlv(3, 0, 120);
const END = tlv(0);

test('chassis, port, name, description, capabilities and management address', () => {
  const bytes = Uint8Array.from([
    ...CHASSIS,
    ...PORT,
    ...TIME_TO_LIVE,
    ...tlv(4, ...text('uplink')),
    ...tlv(5, ...text('switch-3')),
    ...tlv(6, ...text('Acme OS 2')),
    ...tlv(7, 0, 0x14, 0, 0x14),
    ...tlv(8, 5, 1, 10, 0, 1, 2, 2, 0, 0, 0, 1, 0),
    ...END,
  ]);
  assert.deepEqual(readLldp(bytes, 0, bytes.length), {
    chassisId: '00:80:f4:01:02:03',
    chassisMacAddress: '00:80:f4:01:02:03',
    portId: 'Gi1/0/3',
    portDescription: 'uplink',
    systemName: 'switch-3',
    systemDescription: 'Acme OS 2',
    capabilities: ['bridge', 'router'],
    managementAddress: '10.0.1.2',
  });
});

test('without a chassis or a port it names nobody', () => {
  const bytes = Uint8Array.from([...PORT, ...TIME_TO_LIVE, ...END]);
  assert.equal(readLldp(bytes, 0, bytes.length), undefined);
});

test('a frame that is cut tells what came before the cut', () => {
  const whole = [...CHASSIS, ...PORT, ...TIME_TO_LIVE, ...tlv(5, ...text('switch-3')), ...END];
  for (let end = 0; end <= whole.length; end++) {
    const found = readLldp(Uint8Array.from(whole.slice(0, end)), 0, end);
    assert.equal(found !== undefined, end >= CHASSIS.length + PORT.length);
  }
});

test('any bytes: no throw, and no text longer than a TLV', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (tail) => {
      const bytes = Uint8Array.from([...CHASSIS, ...PORT, ...tail]);
      const found = readLldp(bytes, 0, bytes.length);
      assert.ok((found?.systemDescription?.length ?? 0) <= 255);
    }),
  );
});
