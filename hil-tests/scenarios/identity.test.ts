/**
 * A gateway's life with its hub, by commands alone: codes, enrolment, first messages, a new key, a
 * renewal, an advisory, a replacement, revocation and the way out. Real mosquitto, mutual TLS.
 */
import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { type Ended, eventually, fieldtap } from '../bench-process.ts';
import { testNeeding } from '../needs.ts';
import { type Gateway, good, OperatorDesk, refused } from '../operator-desk.ts';

let desk: OperatorDesk | undefined;
after(() => desk?.close());

function enroll({ config, request }: Gateway, ...words: string[]): Promise<Ended> {
  return fieldtap(['enroll', '--config', config, '--out', request, '--json', ...words]);
}

testNeeding(
  [{ kind: 'package', program: 'mosquitto' }],
  'a gateway is enrolled, renewed, re-keyed, warned, replaced, revoked and reset',
  async () => {
    const operator = await OperatorDesk.open();
    desk = operator;
    const { folder } = operator;
    const path = (...names: string[]): string => operator.path(...names);
    const hub = (...words: string[]): Promise<Ended> => operator.hub(...words);
    writeFileSync(path('sites.csv'), 'siteName,sector\n"Waterworks, North",water\n');
    await good(hub('enroll', '--sites', path('sites.csv'), '--out', folder));
    const code = /,([a-z2-9]{5}(?:-[a-z2-9]{5}){3})$/m.exec(
      readFileSync(path('codes.csv'), 'utf8'),
    )?.[1];
    assert.ok(code !== undefined);
    assert.equal(statSync(path('codes.csv')).mode & 0o777, 0o600);
    const broker = await operator.startBroker();
    operator.startHub();

    // By a code: no question is asked, the site's name is the one of the list, once.
    const north = operator.gateway('north', 'Anything');
    const { agentId } = JSON.parse(await good(enroll(north, '--code', code.toUpperCase())));
    assert.equal(statSync(join(north.credentials, 'agent-key.pem')).mode & 0o777, 0o600);
    const enrolled = JSON.parse(
      await good(hub('enroll', north.request, '--out', folder, '--json')),
    );
    assert.deepEqual(
      [enrolled.agentId, enrolled.siteName, enrolled.how],
      [agentId, 'Waterworks, North', 'code'],
    );
    const bundle = path(`${agentId}.bundle.json`);
    const other = operator.gateway('other', 'Other');
    const otherId = JSON.parse(await good(enroll(other, '--code', code))).agentId;
    await refused(hub('enroll', other.request, '--out', folder), 'HUB_ENROLMENT_REFUSED');
    await refused(enroll(other, '--bundle', bundle), 'ENROLMENT_BUNDLE_REFUSED');
    const forged = readFileSync(bundle, 'utf8').replace('127.0.0.1', '127.0.0.9');
    writeFileSync(path('forged.json'), forged);
    await refused(enroll(north, '--bundle', path('forged.json')), 'ENROLMENT_BUNDLE_REFUSED');
    await good(enroll(north, '--bundle', bundle));
    assert.equal(statSync(join(north.credentials, 'client-key.pem')).mode & 0o777, 0o600);

    // Its messages arrive.
    let agent = operator.startAgent(north);
    let messages = await operator.moreThan(agentId, 1);

    // An advisory of its sector reaches it, and its answer reaches the hub.
    const advisory = path('advisory.yaml');
    writeFileSync(
      advisory,
      `advisoryId: 2026-007
sector: water
validHours: 24
tlp: amber
headline: Writes to pump controllers from outside
advice: Compare the set points with the drawing.
indicators: { functionCodes: [16] }
`,
    );
    await good(hub('advise', '--file', advisory));
    const seen = await eventually(async () => {
      const { stdout } = await hub('advise', '--json');
      const [{ sites }] = JSON.parse(stdout).advisories;
      return sites.find(
        (site: { agentId: string; receivedAfterSeconds?: number }) =>
          site.agentId === agentId && site.receivedAfterSeconds !== undefined,
      );
    }, 'the answer to the advisory');
    assert.ok(seen.receivedAfterSeconds < 60, JSON.stringify(seen));
    await refused(
      hub('advise', '--file', rolledBack(advisory, path('rolled-back.yaml'))),
      'HUB_ADVISORY_INVALID',
    );

    // A new key of another algorithm: announced in the chain, believed without a new enrolment.
    await good(enroll(north, '--rotate', '--algorithm', 'ES256'));
    agent.signal('SIGTERM');
    await agent.ended();
    messages = (await operator.agentOf(agentId))?.messages ?? 0;
    agent = operator.startAgent(north);
    await operator.moreThan(agentId, messages + 3);
    assert.deepEqual((await operator.agentOf(agentId))?.keyNumbers, [1, 2]);
    await good(hub('revoke', agentId, '--key', '1'));
    messages = await operator.moreThan(agentId, (await operator.agentOf(agentId))?.messages ?? 0);

    // A renewal is signed by the new key, and needs no code.
    await good(enroll(north));
    const renewal = JSON.parse(await good(hub('enroll', north.request, '--out', folder, '--json')));
    assert.equal(renewal.how, 'renewal');
    await good(enroll(north, '--bundle', bundle));
    await refused(fieldtap(['factory-reset', '--config', north.config, '--yes']), 'BUFFER_IN_USE');

    // Archives: nothing is missing, anyone can check.
    await operator.wholeArchive();

    // The other gateway takes its place: only when the operator says so.
    await good(enroll(other, '--replaces', agentId));
    const vouched = ['--agent', otherId, '--out', folder];
    await refused(hub('enroll', other.request, ...vouched), 'HUB_ENROLMENT_REFUSED');
    await good(hub('enroll', other.request, ...vouched, '--replace'));
    await good(enroll(other, '--bundle', path(`${otherId}.bundle.json`)));
    assert.equal((await operator.agentOf(agentId))?.isRevoked, true);
    assert.equal((await operator.agentOf(otherId))?.replaces, agentId);

    // What still comes over the old link is refused by name; a new link isn't made.
    await eventually(async () => {
      const { stdout } = await hub('gaps', '--json');
      const { findings } = JSON.parse(stdout);
      const isNamed = (finding: { reason: string; agentId: string }): boolean =>
        finding.reason === 'revoked' && finding.agentId === agentId;
      return findings.some(isNamed) || undefined;
    }, 'a finding about the revoked key');
    broker.signal('SIGHUP');
    agent.signal('SIGTERM');
    await agent.ended();
    agent = operator.startAgent(north);
    await eventually(
      () => (/ertificate|TLS/i.test(agent.stderr) ? true : undefined),
      'the refusal at the broker to be told',
    );
    agent.signal('SIGTERM');
    await agent.ended();
    const waiting = await fieldtap(['factory-reset', '--config', north.config]);
    assert.match(waiting.stderr, /messages wait/);
    const removed = await good(fieldtap(['factory-reset', '--config', north.config, '--yes']));
    assert.match(removed, /agent-key\.pem/);
    assert.throws(() => statSync(join(north.credentials, 'client-key.pem')));
    assert.throws(() => statSync(path('north', 'agent.db')));
  },
);

function rolledBack(advisory: string, file: string): string {
  writeFileSync(file, `${readFileSync(advisory, 'utf8')}revision: 1\n`);
  return file;
}
