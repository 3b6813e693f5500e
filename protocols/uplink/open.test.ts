/** The envelope: who may sign what, in which spelling, and that nothing hostile gets further. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { Sign1 } from '@auth0/cose';
import fc from 'fast-check';
import { encodeAgentMessage } from './codec.ts';
import {
  DELIVERED_BYTES_MAX,
  INFLATED_BYTES_MAX,
  openMessage,
  signDeflated,
  signMessage,
} from './cose.ts';
import { openAgentMessage, openReceipt, sealAgentMessage, sealReceipt } from './open.ts';
import { sampleEs256Signer, sampleSigner } from './sample-keys.ts';
import { sampleReceipt, sampleSummary } from './sample-messages.ts';
import {
  isCanonicalSignature,
  type KeyId,
  type Signer,
  type VerificationKey,
  verificationKey,
} from './signature.ts';
import { receiptTopic, streamTopic } from './topics.ts';

const agent = sampleSigner('agent');
const tpm = sampleEs256Signer('agent');
const other = sampleSigner('other agent');
const hub = sampleSigner('hub');
const ID = agent.signerId;
const topic = streamTopic(ID, 2);
const message = sampleSummary(ID, 2);
const sealed = sealAgentMessage(agent, message);

function keysOf(...signers: readonly Signer[]): (keyId: KeyId) => VerificationKey | undefined {
  return ({ signerId, keyNumber }) => {
    const signer = signers.find(
      (each) => each.signerId === signerId && each.keyNumber === keyNumber,
    );
    return signer && verificationKey(signer.algorithm, signer.publicKey);
  };
}

const keys = keysOf(agent, tpm, other, hub);

for (const signer of [agent, tpm]) {
  test(`${signer.algorithm}: what is sealed opens, with and without the delivered topic`, () => {
    const bytes = sealAgentMessage(signer, message);
    for (const delivered of [topic, `bridge/x/${topic}`, undefined]) {
      const opened = openAgentMessage(bytes, keys, delivered);
      assert.equal(opened.kind, 'opened', JSON.stringify(opened));
      assert.ok(opened.kind === 'opened');
      assert.deepEqual(opened.message, message);
      assert.deepEqual(opened.keyId, { signerId: ID, keyNumber: signer.keyNumber });
    }
  });
}

test('an independent implementation of COSE reads our envelope', async () => {
  const theirs = Sign1.decode(sealed);
  assert.equal(theirs.protectedHeaders.get(1), -8);
  assert.equal(Buffer.from(theirs.signature).length, 64);
  assert.deepEqual(Uint8Array.from(sealed.subarray(0, 4)), Uint8Array.of(0xd2, 0x84, 0x58, 0x22));
});

test('ES256 signatures are always of the lower half, so that a message has one hash', () => {
  for (let turn = 0; turn < 20; turn++) {
    assert.ok(isCanonicalSignature('ES256', tpm.sign(Uint8Array.of(turn))));
  }
});

// biome-ignore format: one case per line
const refused: readonly { name: string; bytes: Uint8Array; delivered?: string; layer: string; reason: string }[] = [
  { name: 'on another agent\'s topic',        bytes: sealed, delivered: streamTopic(other.signerId, 2),              layer: 'rule', reason: 'topicMismatch' },
  { name: 'on another stream\'s topic',       bytes: sealed, delivered: streamTopic(ID, 1),                          layer: 'rule', reason: 'topicMismatch' },
  { name: 'on a topic that only ends alike',  bytes: sealed, delivered: `x${topic}`,                                 layer: 'rule', reason: 'topicMismatch' },
  { name: 'signed for the stream of alerts',  bytes: signMessage(agent, streamTopic(ID, 1), encodeAgentMessage(message)), layer: 'rule', reason: 'streamMismatch' },
  { name: 'another agent inside',             bytes: signMessage(agent, topic, encodeAgentMessage(sampleSummary(other.signerId, 2))), layer: 'rule', reason: 'signerMismatch' },
  { name: 'another agent\'s key id',          bytes: signMessage({ ...agent, signerId: other.signerId }, topic, encodeAgentMessage(message)), layer: 'signature', reason: 'signatureInvalid' },
  { name: 'a key number not enrolled',        bytes: sealAgentMessage({ ...agent, keyNumber: 7 }, message),          layer: 'signature', reason: 'keyUnknown' },
  { name: 'one byte too many for a hub',      bytes: new Uint8Array(DELIVERED_BYTES_MAX + 1),                        layer: 'encoding', reason: 'tooLarge' },
  { name: 'a bomb of 8 MiB',                  bytes: signDeflated(agent, topic, deflateRawSync(new Uint8Array(1 << 23))), layer: 'encoding', reason: 'inflatedTooLarge' },
  { name: 'the largest inflation, of zeros',  bytes: signDeflated(agent, topic, deflateRawSync(new Uint8Array(INFLATED_BYTES_MAX))), layer: 'encoding', reason: 'trailingBytes' },
  { name: 'no payload',                       bytes: signDeflated(agent, topic, new Uint8Array(0)),                  layer: 'encoding', reason: 'payloadNotDeflate' },
];

for (const { name, bytes, delivered, layer, reason } of refused) {
  test(`refused: ${name}`, () => {
    const opened = openAgentMessage(bytes, keys, delivered ?? topic);
    assert.ok(opened.kind === 'refused');
    assert.deepEqual([opened.layer, opened.reason], [layer, reason]);
  });
}

test("a message can't speak for another agent, not even to be refused in its name", () => {
  const broken = encodeAgentMessage({ ...sampleSummary(other.signerId, 2), toUs: 0 });
  const opened = openAgentMessage(signMessage(agent, topic, broken), keys, topic);
  assert.ok(opened.kind === 'refused' && opened.reason === 'timeReversed');
  assert.equal(opened.place, undefined);
});

test('a receipt opens for its agent alone', () => {
  const bytes = sealReceipt(hub, sampleReceipt(ID, 1));
  assert.equal(openReceipt(bytes, keys, ID, receiptTopic(ID)).kind, 'opened');
  assert.equal(openReceipt(bytes, keys, other.signerId).kind, 'refused');
  assert.equal(
    openReceipt(bytes, keysOf(agent), ID).kind,
    'refused',
    'by a hub that it does not know',
  );
  const moved = signMessage(hub, receiptTopic(ID), encodeAgentMessage(message));
  assert.ok(openReceipt(moved, keys, ID).kind === 'refused', 'a summary is no receipt');
});

test('a flipped bit anywhere is refused', () => {
  for (let place = 0; place < sealed.length; place += place < 60 ? 1 : 5) {
    const copy = Uint8Array.from(sealed);
    copy[place] ^= 1 << (place & 7);
    assert.equal(openAgentMessage(copy, keys, topic).kind, 'refused', `byte ${place}`);
  }
});

test('any bytes, and any behind a good beginning, give an answer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(sealed.length), (bytes, length) => {
      const mixed = Uint8Array.from([...sealed.subarray(0, length), ...bytes]);
      for (const each of [bytes, mixed]) {
        const opened = openMessage(each, keys, () => [topic]);
        if (each.length !== sealed.length) assert.equal(opened.kind, 'refused');
      }
    }),
  );
});

test('a key of the wrong size or off the curve is none', () => {
  assert.equal(verificationKey('Ed25519', new Uint8Array(31)), undefined);
  assert.equal(verificationKey('ES256', new Uint8Array(65)), undefined);
  assert.equal(verificationKey('ES256', agent.publicKey), undefined);
});
