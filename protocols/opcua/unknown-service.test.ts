// Services that are in no table: their header is read by who sent it, from bytes that an independent
// encoder wrote, and nothing is told where the bytes are no such header.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import * as opcua from 'node-opcua';
import { unknownServiceHeader } from './unknown-service.ts';

const digest = { pseudonym: () => 'p', sha256: () => 's' };
const T = new Date('2026-09-21T14:13:20.002Z');
const PASSWORD = 'correct horse battery';

/** A type id of a vendor, a header as node-opcua writes it, and a body that nobody knows. */
function encoded(typeId: string, header: { encode(stream: opcua.BinaryStream): void }): Uint8Array {
  const stream = new opcua.BinaryStream(10_000);
  opcua.encodeNodeId(opcua.resolveNodeId(typeId), stream);
  header.encode(stream);
  opcua.encodeString(PASSWORD, stream);
  return Uint8Array.from(stream.buffer.subarray(0, stream.length));
}

const REQUEST = new opcua.RequestHeader({
  authenticationToken: opcua.resolveNodeId('ns=1;i=123456'),
  timestamp: T,
  requestHandle: 9,
  auditEntryId: 'audit',
  timeoutHint: 60000,
});
const RESPONSE = new opcua.ResponseHeader({
  timestamp: T,
  requestHandle: 9,
  serviceResult: opcua.StatusCodes.BadServiceUnsupported,
});

function headerOf(bytes: Uint8Array, isRequest: boolean) {
  return unknownServiceHeader({ bytes, offset: 0, length: bytes.length }, isRequest, digest);
}

for (const typeId of ['ns=2;i=5001', 'i=20000', 'ns=3;s=VendorRequest']) {
  test(`a request of type ${typeId}: its header, and nothing behind it`, () => {
    const told = headerOf(encoded(typeId, REQUEST), true);
    assert.deepEqual(told, {
      requestHeader: {
        authenticationToken: 'hash:p',
        timestamp: T.toISOString(),
        requestHandle: 9,
        returnDiagnostics: 0,
        auditEntryId: 'audit',
        timeoutHintMs: 60000,
      },
    });
    assert.ok(!JSON.stringify(told).includes(PASSWORD));
  });

  test(`a response of type ${typeId}`, () => {
    const { responseHeader } = headerOf(encoded(typeId, RESPONSE), false);
    assert.equal(responseHeader?.requestHandle, 9);
    assert.equal(responseHeader?.serviceResult?.name, 'BadServiceUnsupported');
  });
}

test('bytes that end inside the header tell nothing, at any length', () => {
  const request = encoded('ns=2;i=5001', REQUEST);
  const whole = request.length - 4 - PASSWORD.length;
  for (let length = 0; length < whole; length++) {
    assert.deepEqual(headerOf(request.subarray(0, length), true), {}, `${length} bytes`);
  }
});

// biome-ignore format: one header per line
const IMPLAUSIBLE = [
  { name: 'a time after the year 5254', isRequest: true, at: 11 + 7, byte: 0x7f },
  { name: 'bits of diagnostics that there are none of', isRequest: true, at: 11 + 14, byte: 0x40 },
  { name: 'a reserved severity', isRequest: false, at: 4 + 15, byte: 0xc0 },
];

for (const { name, isRequest, at, byte } of IMPLAUSIBLE) {
  test(`a header that could be read and can't be one: ${name}`, () => {
    const bytes = encoded('ns=2;i=5001', isRequest ? REQUEST : RESPONSE);
    assert.notDeepEqual(headerOf(bytes, isRequest), {});
    assert.deepEqual(headerOf(bytes.with(at, byte), isRequest), {});
  });
}

test('cipher text tells nothing, and no bytes make it throw', () => {
  const told = { count: 0 };
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 40, maxLength: 120 }), fc.boolean(), (bytes, side) => {
      if (Object.keys(headerOf(bytes, side)).length > 0) told.count++;
    }),
    { numRuns: 500 },
  );
  assert.ok(told.count <= 25, `${told.count} of 500`);
});
