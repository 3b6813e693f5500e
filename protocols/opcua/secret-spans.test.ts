/**
 * The promise that no secret leaves the decoder, seen from outside: the bytes of the password,
 * token and nonce appear in no record, and the mask covers each of them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ByteSpan } from '../decoded.ts';
import { activateSessionFacts, secretSpans } from './secret-spans.ts';
import { decodeServiceBody } from './service-body.ts';

const PASSWORD = 'tr0ub4dor&3';
const USER = 'operator1';
const digest = { pseudonym: () => '0123456789abcdef', sha256: () => 'f'.repeat(64) };

function int32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >> 24) & 0xff];
}

function text(value: string): number[] {
  return [...int32(value.length), ...Buffer.from(value, 'latin1')];
}

const NULL_TEXT = int32(-1);
/** Token ns=1;i=0xCAFEBABE, then timestamp, handle, diagnostics, audit id, timeout, no header. */
const TOKEN = [0xbe, 0xba, 0xfe, 0xca];
const HEADER = [
  2,
  1,
  0,
  ...TOKEN,
  ...new Array(8).fill(0),
  ...int32(1),
  ...int32(0),
  ...NULL_TEXT,
  ...int32(9),
  0,
  0,
  0,
];

interface Login {
  readonly password?: readonly number[];
  readonly algorithm?: string;
  readonly typeId?: number;
  readonly claimedBytes?: number;
}

function activateSession(login: Login): ByteSpan {
  const algorithm = login.algorithm === undefined ? NULL_TEXT : text(login.algorithm);
  const password = login.password ?? [...Buffer.from(PASSWORD)];
  const claimed = int32(login.claimedBytes ?? password.length);
  const token = [...text('policy'), ...text(USER), ...claimed, ...password, ...algorithm];
  const typeId = login.typeId ?? 324;
  const bytes = Uint8Array.from([
    ...[1, 0, 467 & 0xff, 467 >> 8, ...HEADER],
    ...[...text('rsa'), ...text('SIGNATURE1')],
    ...[...int32(0), ...int32(0)],
    ...[1, 0, typeId & 0xff, typeId >> 8, 1, ...int32(token.length), ...token],
    ...[...NULL_TEXT, ...text('SIGNATURE2')],
  ]);
  return { bytes, offset: 0, length: bytes.length };
}

function masked(body: ByteSpan): string {
  const bytes = Uint8Array.from(body.bytes);
  for (const { offset, length } of secretSpans(body, 467))
    bytes.fill(0x2a, offset, offset + length);
  return Buffer.from(bytes).toString('latin1');
}

const ECC_SECRET = [1, 0, 0x8a, 0x44, 1, ...int32(3), 1, 2, 3];

// biome-ignore format: one case per line
const logins: readonly { name: string; login: Login; expect: object }[] = [
  { name: 'password without algorithm is clear text', login: {}, expect: { tokenType: 'UserName', policyId: 'policy', passwordPresent: true, passwordIsClearText: true, tokenBytes: 11 } },
  { name: 'an empty algorithm is none', login: { algorithm: '' }, expect: { tokenType: 'UserName', policyId: 'policy', passwordPresent: true, passwordIsClearText: true, encryptionAlgorithm: '', tokenBytes: 11 } },
  { name: 'an algorithm means encrypted', login: { algorithm: 'rsa' }, expect: { tokenType: 'UserName', policyId: 'policy', passwordPresent: true, passwordIsClearText: false, encryptionAlgorithm: 'rsa', tokenBytes: 11 } },
  { name: 'EccEncryptedSecret names none and is encrypted', login: { password: ECC_SECRET }, expect: { tokenType: 'UserName', policyId: 'policy', passwordPresent: true, passwordIsClearText: false, tokenBytes: 12 } },
  { name: 'no password, nothing in clear', login: { password: [] }, expect: { tokenType: 'UserName', policyId: 'policy', passwordPresent: false, passwordIsClearText: false, tokenBytes: 0 } },
  { name: 'a token of unknown type tells nothing', login: { typeId: 999 }, expect: {} },
  { name: 'a password longer than its token tells no more than was read', login: { claimedBytes: 5000 }, expect: { tokenType: 'UserName', policyId: 'policy' } },
];

for (const { name, login, expect } of logins) {
  test(name, () => {
    assert.deepEqual(activateSessionFacts(activateSession(login)), expect);
  });
}

test('neither record nor masked bytes show user, password, token or signature', () => {
  for (const { login } of logins) {
    const body = activateSession(login);
    const record = JSON.stringify(decodeServiceBody(body, false, digest));
    const hidden = masked(body);
    for (const secret of [
      PASSWORD,
      USER,
      'SIGNATURE1',
      'SIGNATURE2',
      String.fromCharCode(...TOKEN),
    ]) {
      assert.equal(record.includes(secret), false, `record: ${secret}`);
      assert.equal(hidden.includes(secret), false, `mask: ${secret}`);
    }
    const isWhole = !record.includes('"malformed"');
    assert.equal(hidden.includes('rsa'), isWhole, 'what is no secret stays');
  }
});

test('cut anywhere, the mask covers what is left of each secret', () => {
  const { bytes } = activateSession({});
  for (let length = 4; length < bytes.length; length++) {
    const hidden = masked({ bytes: bytes.subarray(0, length), offset: 0, length });
    for (const secret of [PASSWORD, USER, 'SIGNATURE1', 'SIGNATURE2']) {
      for (let shown = 2; shown <= secret.length; shown++) {
        assert.equal(hidden.includes(secret.slice(0, shown)), false, `${secret} at ${length}`);
      }
    }
  }
});

test('a token is masked where any request breaks off in it, and in an unknown service', () => {
  const token = [5, 1, 0, ...text(PASSWORD)];
  const at = 4 + 3 + 4;
  for (const typeId of [631, 465, 671]) {
    const wire = [1, 0, typeId & 0xff, typeId >> 8, ...token, ...new Array(40).fill(0)];
    for (let cut = at + 1; cut <= wire.length; cut++) {
      const bytes = Uint8Array.from(wire.slice(0, cut));
      for (const { offset, length } of secretSpans({ bytes, offset: 0, length: cut }, typeId)) {
        assert.ok(offset >= 0 && offset + length <= cut, 'a span lies in the body');
        bytes.fill(0x2a, offset, offset + length);
      }
      const shown = Buffer.from(bytes.subarray(at)).toString('latin1');
      assert.ok(!shown.includes(PASSWORD.slice(0, Math.min(3, cut - at))), `${typeId} cut ${cut}`);
    }
  }
});

test('with any one byte damaged, no secret comes into a text of the record or stays unmasked', () => {
  const { bytes } = activateSession({});
  const shown: string[] = [];
  for (let at = 4; at < bytes.length; at++) {
    for (const byte of [0, 1, 0x20, 0x47, 0x70, bytes[at] ^ 1, bytes[at] + 30]) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = byte;
      const body = { bytes: damaged, offset: 0, length: damaged.length };
      const record = JSON.stringify(decodeServiceBody(body, false, digest));
      for (const secret of [PASSWORD, USER, 'SIGNATURE1', 'SIGNATURE2']) {
        if (record.includes(secret)) shown.push(`record: ${secret}, byte ${at} is ${byte}`);
        if (masked(body).includes(secret)) shown.push(`mask: ${secret}, byte ${at} is ${byte}`);
      }
    }
  }
  assert.deepEqual(shown, []);
});
