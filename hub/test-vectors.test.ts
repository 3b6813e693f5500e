/**
 * Every vector is accepted or refused where its file says, by our own receiver and, as far as it
 * goes, by an independent COSE implementation. A second run of the generator changes nothing.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inflateRawSync } from 'node:zlib';
import { Sign1 } from '@auth0/cose';
import { testNeeding } from '../hil-tests/needs.ts';
import { ENCODING_CASES, MESSAGE_CASES, RULE_CASES, SIGNATURE_CASES } from './invalid-vectors.ts';
import { jsonOf, judge, type TestVector } from './test-vector.ts';
import {
  ADVISORY_CASES,
  ALERT_CASES,
  CERTIFICATE_CASES,
  LOSS_CASES,
  RECEIPT_CASES,
  REQUEST_CASES,
  SUMMARY_CASES,
} from './valid-vectors.ts';

const FOLDER = join(import.meta.dirname, 'test-vectors');
const files = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));

function vectorsOf(file: string): readonly TestVector[] {
  return JSON.parse(readFileSync(join(FOLDER, file), 'utf8'));
}

for (const file of files) {
  test(`${file}: each vector is judged as it says`, () => {
    const seen = new Map<string, string>();
    for (const vector of vectorsOf(file)) {
      const { name, valid, layer, reason, payload } = vector;
      const verdict = judge(vector, seen);
      if (verdict.valid) {
        assert.equal(valid, true, `${name} was taken`);
        if (payload !== undefined) assert.deepEqual(jsonOf(verdict.message), payload, name);
      } else {
        const { layer: refusedAt, reason: because } = verdict;
        assert.deepEqual(
          { valid, layer, reason },
          { valid: false, layer: refusedAt, reason: because },
          name,
        );
      }
    }
  });

  test(`${file}: @auth0/cose says the same of the signatures`, async () => {
    for (const vector of vectorsOf(file)) {
      // It believes the header about the algorithm, which a vector of layer \`rule\` abuses.
      if (vector.reason === 'algorithmMismatch') continue;
      const isGood = await oracleVerifies(vector);
      if (vector.valid || vector.layer === 'rule') assert.ok(isGood, vector.name);
      if (vector.layer === 'signature') assert.ok(!isGood, vector.name);
    }
  });
}

test('there are as many as the format promises, of both algorithms', () => {
  for (const [file, kind] of [
    ['summary.json', 'summary'],
    ['alert.json', 'alert'],
    ['receipt.json', 'receipt'],
  ]) {
    const vectors = vectorsOf(file).filter(({ payload }) => kindOf(payload) === kind);
    assert.ok(vectors.length >= 8, `${file}: ${vectors.length}`);
    assert.ok(
      vectors.some(({ algorithm }) => algorithm === 'ES256'),
      `${file} without ES256`,
    );
  }
  for (const file of files.filter((name) => name.startsWith('invalid-'))) {
    assert.ok(vectorsOf(file).filter(({ valid }) => !valid).length >= 10, file);
  }
});

test('the files hold the cases of the generator, in its order', () => {
  const cases = {
    'summary.json': SUMMARY_CASES,
    'alert.json': ALERT_CASES,
    'receipt.json': RECEIPT_CASES,
    'loss.json': LOSS_CASES,
    'request.json': REQUEST_CASES,
    'certificate.json': CERTIFICATE_CASES,
    'advisory.json': ADVISORY_CASES,
    'invalid-signature.json': SIGNATURE_CASES,
    'invalid-encoding.json': ENCODING_CASES,
    'invalid-rule.json': RULE_CASES,
    'invalid-message.json': MESSAGE_CASES,
  };
  assert.deepEqual(files.toSorted(), Object.keys(cases).toSorted());
  for (const [file, expected] of Object.entries(cases)) {
    assert.deepEqual(
      vectorsOf(file).map(({ name }) => name),
      expected.map(({ name }) => name),
      'run node hub/make-test-vectors.ts',
    );
  }
  for (const [index, { bytes, signer }] of [...SIGNATURE_CASES.entries()]) {
    if (signer.algorithm !== 'Ed25519') continue;
    assert.equal(
      vectorsOf('invalid-signature.json')[index].messageHex,
      Buffer.from(bytes).toString('hex'),
    );
  }
});

testNeeding(
  [
    { kind: 'package', pythonModule: 'cbor2' },
    { kind: 'package', pythonModule: 'cryptography' },
  ],
  'a verifier in Python, written from docs/wire-format.md, says the same of all layers',
  () => {
    const script = join(import.meta.dirname, 'verify.py');
    const run = spawnSync(
      '/usr/bin/python3',
      [script, ...files.map((file) => join(FOLDER, file))],
      { encoding: 'utf8' },
    );
    assert.equal(run.status, 0, run.stdout + run.stderr);
    const total = files.reduce((sum, file) => sum + vectorsOf(file).length, 0);
    assert.match(run.stdout, new RegExp(`${total} of ${total} as stated`));
  },
);

async function oracleVerifies(vector: TestVector): Promise<boolean> {
  try {
    const sign1 = Sign1.decode(Buffer.from(vector.messageHex, 'hex'));
    await sign1.verify(publicKeyOf(vector), { externalAAD: Buffer.from(vector.topic) });
    if (vector.valid) inflateRawSync(sign1.payload);
    return true;
  } catch {
    return false;
  }
}

function publicKeyOf({ algorithm, publicKeyHex }: TestVector): KeyObject {
  const raw = Buffer.from(publicKeyHex, 'hex');
  const x = (algorithm === 'Ed25519' ? raw : raw.subarray(1, 33)).toString('base64url');
  const key =
    algorithm === 'Ed25519'
      ? { kty: 'OKP', crv: 'Ed25519', x }
      : { kty: 'EC', crv: 'P-256', x, y: raw.subarray(33).toString('base64url') };
  return createPublicKey({ format: 'jwk', key });
}

function kindOf(payload: unknown): unknown {
  return typeof payload === 'object' && payload !== null && 'kind' in payload
    ? payload.kind
    : undefined;
}
