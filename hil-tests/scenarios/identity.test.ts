/**
 * A gateway's life with its hub, by commands alone: codes, enrolment, first messages, a new key, a
 * renewal, an advisory, a replacement, revocation and the way out. Real mosquitto, mutual TLS.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import {
  type BenchProcess,
  type Ended,
  eventually,
  fieldtap,
  startFieldtap,
  startHub,
} from '../bench-process.ts';
import { BENCH_CAPTURE } from '../bench-site.ts';
import { testNeeding } from '../needs.ts';
import { freePort, startTlsBroker } from '../tls-broker.ts';

const folder = mkdtempSync(join(tmpdir(), 'ft-identity-'));
const started: BenchProcess[] = [];
after(async () => {
  await Promise.all(started.map((each) => each.stop()));
  rmSync(folder, { recursive: true, force: true });
});

const path = (...names: string[]): string => join(folder, ...names);
const hubConfig = path('hub.yaml');

function keep(process: BenchProcess): BenchProcess {
  started.push(process);
  return process;
}

function hub(...words: string[]): Promise<Ended> {
  return keep(startHub([...words, '--config', hubConfig])).ended();
}

async function good(run: Promise<Ended>): Promise<string> {
  const { exitCode, stdout, stderr } = await run;
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

async function refused(run: Promise<Ended>, code: string): Promise<void> {
  const { exitCode, stderr } = await run;
  assert.equal(exitCode, 1, stderr);
  assert.match(stderr, new RegExp(`\\[${code}\\]`));
}

interface Gateway {
  readonly config: string;
  readonly credentials: string;
  readonly request: string;
}

function gateway(name: string, siteName: string, port: number): Gateway {
  mkdirSync(path(name));
  const config = path(name, 'fieldtap.yaml');
  writeFileSync(
    config,
    `site: { name: ${siteName}, sector: water }
capture: { file: ${JSON.stringify(BENCH_CAPTURE)} }
buffer: { path: agent.db, quotaMiB: 64 }
uplink: { broker: "mqtts://127.0.0.1:${port}", summaryIntervalMs: 1000, credentials: enrolment }
diagnostics: { socket: agent.sock }
`,
  );
  const request = path(name, 'request.json');
  return { config, credentials: path(name, 'enrolment'), request };
}

function enroll({ config, request }: Gateway, ...words: string[]): Promise<Ended> {
  return fieldtap(['enroll', '--config', config, '--out', request, '--json', ...words]);
}

interface AgentLine {
  readonly agentId: string;
  readonly isRevoked: boolean;
  readonly replaces?: string;
  readonly keyNumbers: readonly number[];
  readonly messages: number;
}

async function agents(): Promise<readonly AgentLine[]> {
  const { stdout } = await hub('agents', '--json');
  return stdout === '' ? [] : JSON.parse(stdout).agents;
}

const agentOf = async (agentId: string): Promise<AgentLine | undefined> =>
  (await agents()).find((line) => line.agentId === agentId);

/** More messages than `before` have come. */
function moreThan(agentId: string, before: number): Promise<number> {
  return eventually(async () => {
    const messages = (await agentOf(agentId))?.messages ?? 0;
    return messages > before ? messages : undefined;
  }, `more than ${before} messages of ${agentId}`);
}

testNeeding(
  [{ kind: 'package', program: 'mosquitto' }],
  'a gateway is enrolled, renewed, re-keyed, warned, replaced, revoked and reset',
  async () => {
    const port = await freePort();
    writeFileSync(
      hubConfig,
      `broker: { url: "mqtts://127.0.0.1:${port}", ca: tls/ca.pem, certificate: tls/hub.pem, key: tls/hub-key.pem }
database: { path: hub.db }
keys: keys
agents: agents
`,
    );
    const tls = path('tls');
    const names = ['--broker-certificate', '127.0.0.1', '--hub-certificate', 'hub'];
    await good(hub('enroll', ...names, '--out', tls));
    writeFileSync(path('sites.csv'), 'siteName,sector\n"Waterworks, North",water\n');
    await good(hub('enroll', '--sites', path('sites.csv'), '--out', folder));
    const code = /,([a-z2-9]{5}(?:-[a-z2-9]{5}){3})$/m.exec(
      readFileSync(path('codes.csv'), 'utf8'),
    )?.[1];
    assert.ok(code !== undefined);
    assert.equal(statSync(path('codes.csv')).mode & 0o777, 0o600);
    const revocationList = path('keys', 'ca.crl');
    const broker = await startTlsBroker({ tls, revocationList, port });
    keep(broker.process);
    keep(startHub(['run', '--config', hubConfig]));

    // By a code: no question is asked, the site's name is the one of the list, once.
    const north = gateway('north', 'Anything', port);
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
    const other = gateway('other', 'Other', port);
    const otherId = JSON.parse(await good(enroll(other, '--code', code))).agentId;
    await refused(hub('enroll', other.request, '--out', folder), 'HUB_ENROLMENT_REFUSED');
    await refused(enroll(other, '--bundle', bundle), 'ENROLMENT_BUNDLE_REFUSED');
    const forged = readFileSync(bundle, 'utf8').replace('127.0.0.1', '127.0.0.9');
    writeFileSync(path('forged.json'), forged);
    await refused(enroll(north, '--bundle', path('forged.json')), 'ENROLMENT_BUNDLE_REFUSED');
    await good(enroll(north, '--bundle', bundle));
    assert.equal(statSync(join(north.credentials, 'client-key.pem')).mode & 0o777, 0o600);

    // Its messages arrive.
    let agent = keep(startFieldtap(['run', '--config', north.config]));
    let messages = await moreThan(agentId, 1);

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
    await refused(hub('advise', '--file', rolledBack(advisory)), 'HUB_ADVISORY_INVALID');

    // A new key of another algorithm: announced in the chain, believed without a new enrolment.
    await good(enroll(north, '--rotate', '--algorithm', 'ES256'));
    agent.signal('SIGTERM');
    await agent.ended();
    messages = (await agentOf(agentId))?.messages ?? 0;
    agent = keep(startFieldtap(['run', '--config', north.config]));
    await moreThan(agentId, messages + 3);
    assert.deepEqual((await agentOf(agentId))?.keyNumbers, [1, 2]);
    await good(hub('revoke', agentId, '--key', '1'));
    messages = await moreThan(agentId, (await agentOf(agentId))?.messages ?? 0);

    // A renewal is signed by the new key, and needs no code.
    await good(enroll(north));
    const renewal = JSON.parse(await good(hub('enroll', north.request, '--out', folder, '--json')));
    assert.equal(renewal.how, 'renewal');
    await good(enroll(north, '--bundle', bundle));
    await refused(fieldtap(['factory-reset', '--config', north.config, '--yes']), 'BUFFER_IN_USE');

    // Archives: nothing is missing, anyone can check.
    await good(hub('export', path('all.ftar')));
    await good(fieldtap(['verify', path('all.ftar')]));

    // The other gateway takes its place: only when the operator says so.
    await good(enroll(other, '--replaces', agentId));
    const vouched = ['--agent', otherId, '--out', folder];
    await refused(hub('enroll', other.request, ...vouched), 'HUB_ENROLMENT_REFUSED');
    await good(hub('enroll', other.request, ...vouched, '--replace'));
    await good(enroll(other, '--bundle', path(`${otherId}.bundle.json`)));
    assert.equal((await agentOf(agentId))?.isRevoked, true);
    assert.equal((await agentOf(otherId))?.replaces, agentId);

    // What still comes over the old link is refused by name; a new link isn't made.
    await eventually(async () => {
      const { stdout } = await hub('gaps', '--json');
      const { findings } = JSON.parse(stdout);
      const isNamed = (finding: { reason: string; agentId: string }): boolean =>
        finding.reason === 'revoked' && finding.agentId === agentId;
      return findings.some(isNamed) || undefined;
    }, 'a finding about the revoked key');
    broker.process.signal('SIGHUP');
    agent.signal('SIGTERM');
    await agent.ended();
    agent = keep(startFieldtap(['run', '--config', north.config]));
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

function rolledBack(advisory: string): string {
  const file = path('rolled-back.yaml');
  writeFileSync(file, `${readFileSync(advisory, 'utf8')}revision: 1\n`);
  return file;
}
