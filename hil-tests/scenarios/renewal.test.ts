/**
 * A certificate that ends soon is renewed while agent, broker and hub run: nobody lifts a finger,
 * the old pair works until the new one has connected, and the signing key changes with it.
 */
import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { eventually, fieldtap } from '../bench-process.ts';
import { testNeeding } from '../needs.ts';
import { type Gateway, good, OperatorDesk } from '../operator-desk.ts';

const DAY_MS = 86_400_000;

let desk: OperatorDesk | undefined;
after(() => desk?.close());

/** Whole days that the certificate in use holds; undefined while key and certificate are changed. */
function daysLeft({ credentials }: Gateway): number | undefined {
  const certificate = new X509Certificate(readFileSync(join(credentials, 'client-cert.pem')));
  const key = createPublicKey(readFileSync(join(credentials, 'client-key.pem')));
  if (!key.equals(certificate.publicKey)) return undefined;
  return Math.floor((new Date(certificate.validTo).getTime() - Date.now()) / DAY_MS);
}

testNeeding(
  [{ kind: 'package', program: 'mosquitto' }],
  'a certificate of a day and an old signing key renew themselves over the link',
  async () => {
    // Of two days, one of them past: at half of its time, so a renewal is due at once.
    const operator = await OperatorDesk.open({ certificateDays: 1 });
    desk = operator;
    const north = operator.gateway('north', 'North');
    const config = ['--config', north.config];
    const asked = await good(fieldtap(['enroll', ...config, '--out', north.request, '--json']));
    const { agentId } = JSON.parse(asked);
    const vouched = ['--agent', agentId, '--out', operator.folder];
    await good(operator.hub('enroll', north.request, ...vouched));
    const bundle = operator.path(`${agentId}.bundle.json`);
    await good(fieldtap(['enroll', ...config, '--bundle', bundle]));
    assert.equal(daysLeft(north), 0);
    const own = (file: string): string => join(north.credentials, file);
    const longAgo = new Date(Date.now() - 400 * DAY_MS);
    utimesSync(own('agent-key.pem'), longAgo, longAgo);
    const oldKey = readFileSync(own('client-key.pem'), 'utf8');

    operator.configureHub(730);
    await operator.startBroker();
    operator.startHub();
    const agent = operator.startAgent(north);

    await eventually(
      () => ((daysLeft(north) ?? 0) > 700 ? true : undefined),
      'a new certificate',
    ).catch((error) => assert.fail(`${error.message}\n${agent.stderr.slice(-2000)}`));
    assert.notEqual(readFileSync(own('client-key.pem'), 'utf8'), oldKey);
    assert.equal(existsSync(own('client-key.next.pem')), false);
    assert.equal(existsSync(own('client-cert.next.pem')), false);

    // Under the new pair and the new signing key messages go on, in one chain without a hole.
    const line = await eventually(async () => {
      const found = await operator.agentOf(agentId);
      return found?.keyNumbers.length === 2 ? found : undefined;
    }, 'the new signing key at the hub');
    assert.deepEqual(line.keyNumbers, [1, 2]);
    await operator.moreThan(agentId, line.messages + 2);
    const status = JSON.parse(await good(fieldtap(['status', ...config, '--json'])));
    assert.equal(status.uplink.certificateDaysLeft, 729);
    assert.equal(status.uplink.fault, undefined, JSON.stringify(status.uplink.fault));
    await operator.wholeArchive();
  },
);
