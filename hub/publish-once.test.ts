/** A command of the hub tells its operator which message a dead broker didn't take. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import { publishOnce } from './publish-once.ts';

const MESSAGE = { topic: 'ft/v1/adv/all', bytes: Uint8Array.of(1), isRetained: true };
const TOLD = { code: 'HUB_ADVISORY_NOT_PUBLISHED', what: 'the advisory', remedy: 'Mend the link.' };

/** A port that nobody listens at any more. */
async function deadPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('nobody listens: the caller’s own code, what was not taken, where, and the remedy', async () => {
  const url = `mqtt://127.0.0.1:${await deadPort()}`;
  await assert.rejects(publishOnce({ url, allowPlain: true }, MESSAGE, TOLD), (fault) => {
    assert.ok(fault instanceof OperatorFault);
    assert.equal(fault.code, 'HUB_ADVISORY_NOT_PUBLISHED');
    assert.match(fault.message, /didn't take the advisory .*ECONNREFUSED/);
    assert.ok(fault.message.includes(url));
    assert.equal(fault.remedy, 'Mend the link.');
    return true;
  });
});
