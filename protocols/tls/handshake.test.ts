/**
 * Handshake messages as tables, in hex as RFC 5246 and RFC 8446 lay them out; then the properties
 * that hold for any bytes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cipherSuiteName, tlsVersionName } from './cipher-suites.ts';
import { createTlsHandshake, handshakeMessageBytes, readHandshakeMessage } from './handshake.ts';
import { modbusRole } from './modbus-role.ts';
import { tlsFragmentBytes } from './tls-record.ts';

const RANDOM = '11'.repeat(32);
/** `plc.example` in the server name extension. */
const NAME = '0000 0010 000e 00 000b 706c632e6578616d706c65';
const VERSIONS_OFFERED = '002b 0007 06 5a5a 0304 0303';

const message = (type: string, body: string) => `${type} ${size(body, 3)} ${body}`;
const vector = (sizeBytes: number, body: string) => `${size(body, sizeBytes)} ${body}`;
const clientHello = (extensions: string) =>
  message('01', `0303 ${RANDOM} 00 0004 c02f009c 01 00 ${vector(2, extensions)}`);
const serverHello = (suite: string, extensions: string) =>
  message('02', `0303 ${RANDOM} ${vector(1, '2222')} ${suite} 00 ${vector(2, extensions)}`);

// biome-ignore format: one case per line
const cases = [
  { name: 'client hello of TLS 1.2',        wire: clientHello(NAME),                           expect: { clientVersion: 0x0303, serverName: 'plc.example', isClientHelloSeen: true } },
  { name: 'client hello of TLS 1.3, grease left out', wire: clientHello(VERSIONS_OFFERED + NAME), expect: { clientVersion: 0x0304, serverName: 'plc.example' } },
  { name: 'client hello without extensions', wire: message('01', `0301 ${RANDOM} 00 0002 002f 01 00`), expect: { clientVersion: 0x0301, serverName: undefined } },
  { name: 'server name over its end',       wire: clientHello('0000 0010 000e 00 00ff 706c632e6578616d706c65'), expect: { serverName: undefined } },
  { name: 'extension over the end',         wire: clientHello('0000 00ff 000e'),                expect: { clientVersion: 0x0303, serverName: undefined } },
  { name: 'server hello of TLS 1.2',        wire: serverHello('c02f', ''),                      expect: { version: 0x0303, cipherSuite: 0xc02f } },
  { name: 'server hello of TLS 1.3',        wire: serverHello('1301', '002b 0002 0304'),        expect: { version: 0x0304, cipherSuite: 0x1301 } },
  { name: 'server hello cut behind its random', wire: message('02', `0303 ${RANDOM}`),          expect: { version: 0, cipherSuite: -1 } },
  { name: 'two certificates',               wire: message('0b', vector(3, `${vector(3, 'aabb')} ${vector(3, 'cc')}`)), expect: { serverCertificates: [hex('aabb'), hex('cc')], clientCertificates: [] } },
  { name: 'a certificate over the end',     wire: message('0b', vector(3, '0000ff aabb')),      expect: { serverCertificates: [] } },
  { name: 'no certificate',                 wire: message('0b', '000000'),                      expect: { serverCertificates: [] } },
  { name: 'certificate request',            wire: message('0d', '01 40 0000 0000'),             expect: { isCertificateRequested: true } },
  { name: 'a message of another type',      wire: message('0e', ''),                            expect: { version: 0, isClientHelloSeen: false } },
] as const;

for (const { name, wire, expect } of cases) {
  test(name, () => {
    const bytes = hex(wire);
    assert.equal(handshakeMessageBytes(bytes, 0), bytes.length);
    const handshake = createTlsHandshake();
    readHandshakeMessage(handshake, bytes, 0, bytes.length, false);
    const seen = Object.fromEntries(
      Object.keys(expect).map((key) => [
        key,
        Object.entries(handshake).find(([k]) => k === key)?.[1],
      ]),
    );
    assert.deepEqual(seen, { ...expect });
  });
}

test('a certificate belongs to whoever sent it', () => {
  const bytes = hex(message('0b', vector(3, vector(3, 'aabb'))));
  const handshake = createTlsHandshake();
  readHandshakeMessage(handshake, bytes, 0, bytes.length, true);
  assert.deepEqual(handshake.clientCertificates, [hex('aabb')]);
});

// biome-ignore format: one case per line
const headers = [
  { name: 'handshake',                    wire: '16 0301 0200', bytes: 512 },
  { name: 'application data',             wire: '17 0303 4000', bytes: 16_384 },
  { name: 'empty application data',       wire: '17 0303 0000', bytes: 0 },
  { name: 'empty handshake',              wire: '16 0303 0000', bytes: -1 },
  { name: 'content type 25',              wire: '19 0303 0001', bytes: -1 },
  { name: 'SSL 2.0',                      wire: '16 0200 0001', bytes: -1 },
  { name: 'longer than any cipher makes', wire: '17 0303 4801', bytes: -1 },
  { name: 'an MBAP header',               wire: '00 0100 0006', bytes: -1 },
] as const;

for (const { name, wire, bytes } of headers) {
  test(`record header: ${name}`, () => assert.equal(tlsFragmentBytes(hex(wire), 0), bytes));
}

const OID = '06 0b 2b06010401 83890c 8622 01';
// biome-ignore format: one case per line
const roles = [
  { name: 'a role',                    wire: `30 20 ${OID} 04 0a 0c 08 4f70657261746f72`,          role: 'Operator' },
  { name: 'a critical one',            wire: `30 20 ${OID} 01 01 ff 04 0a 0c 08 4f70657261746f72`, role: 'Operator' },
  { name: 'no role',                   wire: '30 20 06 03 551d11 04 02 30 00 00000000000000000000', role: undefined },
  { name: 'another type of text',      wire: `30 20 ${OID} 04 0a 13 08 4f70657261746f72`,          role: undefined },
  { name: 'a length over the end',     wire: `30 20 ${OID} 04 3a 0c 38 4f70657261746f72`,          role: undefined },
  { name: 'lengths that differ',       wire: `30 20 ${OID} 04 0a 0c 07 4f70657261746f72`,          role: undefined },
  { name: 'the identifier at the end', wire: `30 20 ${OID}`,                                       role: undefined },
] as const;

for (const { name, wire, role } of roles) {
  test(`Modbus role: ${name}`, () => assert.equal(modbusRole(hex(wire)), role));
}

test('names, and numbers where there is none', () => {
  assert.equal(cipherSuiteName(0x1302), 'TLS_AES_256_GCM_SHA384');
  assert.equal(cipherSuiteName(0x00ff), '0x00ff');
  assert.deepEqual([0x0303, 0x7f1c].map(tlsVersionName), ['TLS 1.2', '0x7f1c']);
});

test('every prefix of every message, and any bytes: no throw, nothing read past the end', () => {
  const check = (bytes: Uint8Array) => {
    const outcomes = [0x00, 0xff].map((poison) => {
      const copy = new Uint8Array(bytes.length + 70_000).fill(poison);
      copy.set(bytes);
      const handshake = createTlsHandshake();
      for (const fromClient of [true, false]) {
        readHandshakeMessage(handshake, copy, 0, bytes.length, fromClient);
      }
      modbusRole(bytes);
      return handshake;
    });
    assert.deepEqual(outcomes[0], outcomes[1]);
  };
  for (const { wire } of cases) {
    const bytes = hex(wire);
    for (let length = 4; length <= bytes.length; length++) check(bytes.subarray(0, length));
  }
  const starts = fc.constantFrom(...cases.map(({ wire }) => hex(wire)));
  fc.assert(
    fc.property(
      starts,
      fc.nat(),
      fc.uint8Array({ minLength: 4, maxLength: 60 }),
      (start, cut, tail) =>
        check(Uint8Array.from([...start.subarray(0, cut % start.length), ...tail])),
    ),
    { numRuns: 200 },
  );
});

function size(body: string, bytes: number): string {
  return hex(body)
    .length.toString(16)
    .padStart(bytes * 2, '0');
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}
