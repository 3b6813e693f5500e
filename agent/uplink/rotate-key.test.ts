/** A change of keys in the chain: announced by the old one, proved by the new one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestBuffers } from '../../buffer/test-kit.ts';
import { openAgentMessage } from '../../protocols/uplink/open.ts';
import { verificationKey } from '../../protocols/uplink/signature.ts';
import { newSigner, UplinkBench } from './test-kit.ts';

test('a new key is announced under the old one, and signs from there on', () => {
  const bench = new UplinkBench(new TestBuffers());
  bench.uplink.start();
  bench.link.up();
  bench.drain();
  const next = { ...newSigner(), signerId: bench.agent.signerId, keyNumber: 2 };
  assert.equal(bench.uplink.rotateKey(next).kind, 'appended');
  const [announced] = bench.deliver();
  assert.ok(announced.kind === 'keyRotation');
  assert.deepEqual(
    [announced.newKeyNumber, Buffer.from(announced.newPublicKey)],
    [2, Buffer.from(next.publicKey)],
  );
  bench.report();
  bench.advance(2000);
  assert.equal(bench.link.take().length, 0, 'the hub could not know its key yet');
  bench.receipt(1);
  const [{ bytes }] = bench.link.take();
  const key = verificationKey('Ed25519', next.publicKey);
  const opened = openAgentMessage(bytes, ({ keyNumber }) => (keyNumber === 2 ? key : undefined));
  assert.equal(opened.kind, 'opened');
  bench.link.down();
  bench.buffer.close();
});
