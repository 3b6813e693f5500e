/**
 * A certificate that ends soon is renewed while agent, broker and hub run: nobody lifts a finger,
 * the old pair works until the new one has connected, and the signing key changes with it.
 */
import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
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

const DAY_MS = 86_400_000;
const folder = mkdtempSync(join(tmpdir(), 'ft-renewal-'));
const started: BenchProcess[] = [];
after(async () => {
  await Promise.all(started.map((each) => each.stop()));
  rmSync(folder, { recursive: true, force: true });
});

const path = (...names: string[]): string => join(folder, ...names);

function keep(process: BenchProcess): BenchProcess {
  started.push(process);
  return process;
}

async function good(run: Promise<Ended>): Promise<string> {
  const { exitCode, stdout, stderr } = await run;
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

function hub(...words: string[]): Promise<Ended> {
  return keep(startHub([...words, '--config', path('hub.yaml')])).ended();
}

function writeHubConfig(port: number, certificateDays: number): void {
  writeFileSync(
    path('hub.yaml'),
    `broker: { url: "mqtts://127.0.0.1:${port}", ca: tls/ca.pem, certificate: tls/hub.pem, key: tls/hub-key.pem }
database: { path: hub.db }
keys: keys
agents: agents
certificateDays: ${certificateDays}
`,
  );
}

/** Whole days that the certificate in use holds; undefined while key and certificate are changed. */
function daysLeft(): number | undefined {
  const certificate = new X509Certificate(readFileSync(path('enrolment', 'client-cert.pem')));
  const key = createPublicKey(readFileSync(path('enrolment', 'client-key.pem')));
  if (!key.equals(certificate.publicKey)) return undefined;
  return Math.floor((new Date(certificate.validTo).getTime() - Date.now()) / DAY_MS);
}

testNeeding(
  [{ kind: 'package', program: 'mosquitto' }],
  'a certificate of a day and an old signing key renew themselves over the link',
  async () => {
    const port = await freePort();
    // Of two days, one of them past: at half of its time, so a renewal is due at once.
    writeHubConfig(port, 1);
    const names = ['--broker-certificate', '127.0.0.1', '--hub-certificate', 'hub'];
    await good(hub('enroll', ...names, '--out', path('tls')));
    writeFileSync(
      path('fieldtap.yaml'),
      `site: { name: North, sector: water }
capture: { file: ${JSON.stringify(BENCH_CAPTURE)} }
buffer: { path: agent.db, quotaMiB: 64 }
uplink: { broker: "mqtts://127.0.0.1:${port}", summaryIntervalMs: 1000, credentials: enrolment }
diagnostics: { socket: agent.sock }
`,
    );
    const config = ['--config', path('fieldtap.yaml')];
    const request = path('request.json');
    const asked = await good(fieldtap(['enroll', ...config, '--out', request, '--json']));
    const { agentId } = JSON.parse(asked);
    await good(hub('enroll', request, '--agent', agentId, '--out', folder));
    await good(fieldtap(['enroll', ...config, '--bundle', path(`${agentId}.bundle.json`)]));
    assert.equal(daysLeft(), 0);
    const longAgo = new Date(Date.now() - 400 * DAY_MS);
    utimesSync(path('enrolment', 'agent-key.pem'), longAgo, longAgo);
    const oldKey = readFileSync(path('enrolment', 'client-key.pem'), 'utf8');

    writeHubConfig(port, 730);
    keep(
      (await startTlsBroker({ tls: path('tls'), revocationList: path('keys', 'ca.crl'), port }))
        .process,
    );
    keep(startHub(['run', '--config', path('hub.yaml')]));
    const agent = keep(startFieldtap(['run', ...config]));

    await eventually(() => ((daysLeft() ?? 0) > 700 ? true : undefined), 'a new certificate').catch(
      (error) => assert.fail(`${error.message}\n${agent.stderr.slice(-2000)}`),
    );
    assert.notEqual(readFileSync(path('enrolment', 'client-key.pem'), 'utf8'), oldKey);
    assert.equal(existsSync(path('enrolment', 'client-key.next.pem')), false);
    assert.equal(existsSync(path('enrolment', 'client-cert.next.pem')), false);

    // Under the new pair and the new signing key messages go on, in one chain without a hole.
    const line = await eventually(async () => {
      const { agents } = JSON.parse(await good(hub('agents', '--json')));
      const [{ keyNumbers, messages }] = agents;
      return keyNumbers.length === 2 ? { keyNumbers, messages } : undefined;
    }, 'the new signing key at the hub');
    assert.deepEqual(line.keyNumbers, [1, 2]);
    await eventually(async () => {
      const { agents } = JSON.parse(await good(hub('agents', '--json')));
      return agents[0].messages > line.messages + 2 ? true : undefined;
    }, 'messages by the new key');
    const status = JSON.parse(await good(fieldtap(['status', ...config, '--json'])));
    assert.equal(status.uplink.certificateDaysLeft, 729);
    assert.equal(status.uplink.fault, undefined, JSON.stringify(status.uplink.fault));
    // What is on its way just now may look like a hole once, but not for long.
    let tries = 0;
    await eventually(async () => {
      const archive = path(`all-${++tries}.ftar`);
      await good(hub('export', archive));
      return (await fieldtap(['verify', archive])).exitCode === 0 ? true : undefined;
    }, 'one chain without a hole');
  },
);
