/**
 * Who plays the broker: without a certificate, self-signed, of another authority, expired, under a
 * wrong name, revoked. Neither agent nor hub says a word of MQTT to it, and both say why.
 */
import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { createServer, type Server, type TlsOptions } from 'node:tls';
import {
  type BenchProcess,
  eventually,
  fieldtap,
  startFieldtap,
  startHub,
} from '../bench-process.ts';
import { BENCH_CAPTURE } from '../bench-site.ts';
import { testNeeding } from '../needs.ts';
import { command } from '../plant/command.ts';
import { CertificateAuthority, type KeyPair } from '../plant/pki.ts';
import { freePort, startTlsBroker } from '../tls-broker.ts';

const folder = mkdtempSync(join(tmpdir(), 'ft-broker-'));
const path = (...names: string[]): string => join(folder, ...names);
const started: BenchProcess[] = [];
after(async () => {
  await Promise.all(started.map((each) => each.stop()));
  rmSync(folder, { recursive: true, force: true });
});

const HOST = '127.0.0.1';
const ELSEWHERE = '127.0.0.77';

interface Row {
  readonly name: string;
  readonly pair: KeyPair | undefined;
  /** In the agent's log: the code of its fault, and what names the reason. */
  readonly agentCode: string;
  readonly agentSays: RegExp;
  /** `reason` in the hub's log. */
  readonly hubReason: string;
}

testNeeding(
  [{ kind: 'package', program: 'openssl' }],
  'a broker that is not the one it should be: agent and hub say why, and nothing else',
  async () => {
    const authority = await CertificateAuthority.make(path('pki'));
    const stranger = await CertificateAuthority.make(path('stranger'));
    const at = { ipAddress: HOST };
    const revoked = await authority.issue('revoked', 'broker', at);
    const revocationList = await authority.revoke(revoked);
    const rows = await rowsOf(authority, stranger);
    const port = await freePort();
    await enrol(authority, port);
    for (const row of rows) await refusedByBoth(row, port);
    takeRevocationList(revocationList);
    for (const row of rowsWithList(rows, revoked)) await refusedByBoth(row, port);
    // The same files, and a broker under its own name: heard, so the refusals above were no accident.
    const good = await authority.issue('good', 'broker', at);
    assert.ok((await heard(good, port)) >= 2, 'agent and hub speak to the right one');
  },
);

/** What agent and hub show of themselves; mosquitto is set up as hub/README.md says. */
interface OwnRow {
  readonly name: string;
  readonly pair: KeyPair | undefined;
  /** In the agent's log. */
  readonly agentSays: RegExp;
  /** In the hub's log. */
  readonly hubSays: RegExp;
}

testNeeding(
  [
    { kind: 'package', program: 'openssl' },
    { kind: 'package', program: 'mosquitto' },
  ],
  'their own certificate is not the one it should be: the broker refuses, agent and hub say why',
  async () => {
    const authority = await CertificateAuthority.make(path('pki'));
    const port = await freePort();
    await enrol(authority, port);
    const good = await authority.issue('good', 'broker', { ipAddress: HOST });
    const revoked = await authority.issue('gone', 'gone');
    const revocationList = await authority.revoke(revoked);
    const tls = path('tls');
    mkdirSync(tls);
    copyFileSync(good.certificate, join(tls, 'broker.pem'));
    copyFileSync(good.key, join(tls, 'broker-key.pem'));
    copyFileSync(authority.certificate, join(tls, 'ca.pem'));
    const broker = await startTlsBroker({ tls, revocationList, port });
    started.push(broker.process);
    for (const row of await ownRows(authority, revoked)) await ownRefused(row);
  },
);

async function ownRows(
  authority: CertificateAuthority,
  revoked: KeyPair,
): Promise<readonly OwnRow[]> {
  const selfSigned = await authority.issue('own-self', 'own', { isSelfSigned: true });
  const expired = await authority.issue('own-expired', 'own');
  await expire('own-expired');
  const another = await authority.issue('another', 'a'.repeat(26));
  const refused = /ownCertificateRefused/;
  // biome-ignore format: one case per line
  return [
    { name: 'none',         pair: undefined,  agentSays: /UPLINK_TLS_FILE_MISSING/,                 hubSays: refused },
    { name: 'self-signed',  pair: selfSigned, agentSays: /UPLINK_TLS_REFUSED.*unknown ca/,          hubSays: refused },
    { name: 'expired',      pair: expired,    agentSays: /UPLINK_TLS_REFUSED.*certificate expired/, hubSays: refused },
    { name: 'revoked',      pair: revoked,    agentSays: /UPLINK_TLS_REFUSED.*certificate revoked/, hubSays: refused },
    { name: "another's",    pair: another,    agentSays: /UPLINK_(BROKER|PUBLISH)_REFUSED.*not authorized/, hubSays: /HUB_PUBLISH_REFUSED/ },
  ];
}

async function ownRefused({ name, pair, agentSays, hubSays }: OwnRow): Promise<void> {
  const own = ['client-cert.pem', 'client-key.pem'].map((file) => path('enrolment', file));
  const hubConfig = readFileSync(path('hub.yaml'), 'utf8');
  const shown = pair ? `  certificate: ${pair.certificate}\n  key: ${pair.key}\n` : '';
  writeFileSync(
    path('hub.yaml'),
    hubConfig.replace(/ {2}certificate: .*\n {2}key: .*\n|(?<=ca: .*\n)(?=database)/, shown),
  );
  for (const file of own) rmSync(file, { force: true });
  if (pair !== undefined) {
    copyFileSync(pair.certificate, own[0]);
    copyFileSync(pair.key, own[1]);
  }
  const [agent, hub] = startBoth();
  const isSaid = (what: RegExp) => (each: BenchProcess) => what.test(each.stderr) || undefined;
  await agent.until(isSaid(agentSays), `${name}: ${agentSays}`);
  await hub.until(isSaid(hubSays), `${name}: ${hubSays}`);
  await Promise.all([agent.stop(), hub.stop()]);
}

async function rowsOf(
  authority: CertificateAuthority,
  stranger: CertificateAuthority,
): Promise<readonly Row[]> {
  const at = { ipAddress: HOST };
  const selfSigned = await authority.issue('self', HOST, { ...at, isSelfSigned: true });
  const foreign = await stranger.issue('foreign', 'broker', at);
  const expired = await authority.issue('expired', 'broker', at);
  await expire('expired');
  const elsewhere = await authority.issue('elsewhere', 'broker', { ipAddress: ELSEWHERE });
  const nameless = await authority.issue('nameless', 'broker');
  // biome-ignore format: one case per line
  return [
    { name: 'no certificate',       pair: undefined,  agentCode: 'UPLINK_TLS_REFUSED',         agentSays: /handshake failure/i, hubReason: 'brokerWithoutCertificate' },
    { name: 'self-signed',          pair: selfSigned, agentCode: 'UPLINK_TLS_REFUSED',         agentSays: /self-signed/,        hubReason: 'brokerSelfSigned' },
    { name: 'another authority',    pair: foreign,    agentCode: 'UPLINK_TLS_REFUSED',         agentSays: /unable to verify|local issuer/, hubReason: 'brokerOfAnotherAuthority' },
    { name: 'expired',              pair: expired,    agentCode: 'UPLINK_CERTIFICATE_EXPIRED', agentSays: /CERT_HAS_EXPIRED/,   hubReason: 'brokerExpired' },
    { name: 'for another address',  pair: elsewhere,  agentCode: 'UPLINK_TLS_REFUSED',         agentSays: /127\.0\.0\.1 is not in the cert/, hubReason: 'brokerWrongName' },
    { name: 'without any name',     pair: nameless,   agentCode: 'UPLINK_TLS_REFUSED',         agentSays: /altnames|not in the cert/, hubReason: 'brokerWrongName' },
  ];
}

/** With a list of what is withdrawn, an issuer without a list is a stranger. */
function rowsWithList(rows: readonly Row[], revoked: KeyPair): readonly Row[] {
  const base = { agentCode: 'UPLINK_TLS_REFUSED' };
  const selfSigned = rows.find(({ hubReason }) => hubReason === 'brokerSelfSigned')?.pair;
  // biome-ignore format: one case per line
  return [
    { ...base, name: 'revoked',                pair: revoked,    agentSays: /revoked/, hubReason: 'brokerRevoked' },
    { ...base, name: 'self-signed, with list', pair: selfSigned, agentSays: /CRL/,     hubReason: 'brokerOfAnotherAuthority' },
  ];
}

/** Signs the certificate of this name once more, so that it ended yesterday. */
async function expire(name: string): Promise<void> {
  const file = (ending: string): string => path('pki', `${name}.${ending}`);
  const by = ['-CA', path('pki', 'ca.pem'), '-CAkey', path('pki', 'ca.key'), '-CAcreateserial'];
  const words = ['x509', '-req', '-in', file('csr'), ...by, '-days', '-1'];
  await command(['openssl', ...words, '-extfile', file('ext'), '-out', file('crt')]);
}

/** Keys and files as an operator would lay them. */
async function enrol(authority: CertificateAuthority, port: number): Promise<void> {
  // Each test begins with a gateway and a hub that nobody has started before.
  for (const name of readdirSync(folder)) {
    if (name !== 'pki' && name !== 'stranger') rmSync(path(name), { recursive: true });
  }
  const credentials = path('enrolment');
  writeFileSync(
    path('fieldtap.yaml'),
    `site: { name: Waterworks, sector: water }
capture: { file: ${JSON.stringify(BENCH_CAPTURE)} }
buffer: { path: agent.db, quotaMiB: 64 }
uplink: { broker: "mqtts://${HOST}:${port}", summaryIntervalMs: 1000, credentials: enrolment }
diagnostics: { socket: agent.sock }
`,
  );
  await fieldtap(['run', '--config', path('fieldtap.yaml')]);
  const { agentId } = JSON.parse(readFileSync(join(credentials, 'agent.json'), 'utf8'));
  const client = await authority.issue('client', agentId);
  const hub = await authority.issue('hub', 'hub');
  copyFileSync(client.certificate, join(credentials, 'client-cert.pem'));
  copyFileSync(client.key, join(credentials, 'client-key.pem'));
  copyFileSync(authority.certificate, join(credentials, 'ca.pem'));
  writeFileSync(
    path('hub.yaml'),
    `broker:
  url: "mqtts://${HOST}:${port}"
  ca: ${authority.certificate}
  certificate: ${hub.certificate}
  key: ${hub.key}
database: { path: hub.db }
keys: keys
agents: agents
`,
  );
  const first = startHub(['run', '--config', path('hub.yaml')]);
  started.push(first);
  await first.until(({ stderr }) => /HUB_STARTED/.test(stderr) || undefined, 'its start');
  await first.stop();
  copyFileSync(path('keys', 'receipt-key.json'), join(credentials, 'receipt-key.json'));
}

/** From here on both know what the authority has withdrawn. */
function takeRevocationList(revocationList: string): void {
  copyFileSync(revocationList, path('enrolment', 'ca.crl'));
  const before = readFileSync(path('hub.yaml'), 'utf8');
  const after = before.replace('broker:\n', `broker:\n  revocationList: ${revocationList}\n`);
  writeFileSync(path('hub.yaml'), after);
}

async function refusedByBoth(row: Row, port: number): Promise<void> {
  const { name, agentCode, agentSays, hubReason } = row;
  const broker = await FalseBroker.start(row.pair, port);
  const [agent, hub] = startBoth();
  const told = await agent.until(
    ({ stderr }) => lineWith(stderr, agentCode),
    `${name}: ${agentCode}`,
  );
  assert.match(told, agentSays, name);
  const link = await hub.until(
    ({ stderr }) => lineWith(stderr, 'HUB_LINK_ERROR'),
    `${name}: error`,
  );
  const { reason, remedy } = JSON.parse(link);
  assert.equal(reason, hubReason, `${name}: ${link}`);
  assert.ok(remedy.length > 0, link);
  assert.equal(broker.bytesHeard, 0, `${name}: not a byte of MQTT`);
  await Promise.all([agent.stop(), hub.stop()]);
  await broker.stop();
}

async function heard(pair: KeyPair, port: number): Promise<number> {
  const broker = await FalseBroker.start(pair, port);
  const both = startBoth();
  await eventually(() => (broker.speakers >= both.length ? true : undefined), 'both to speak');
  await Promise.all(both.map((each) => each.stop()));
  await broker.stop();
  return broker.speakers;
}

function startBoth(): [BenchProcess, BenchProcess] {
  const agent = startFieldtap(['run', '--config', path('fieldtap.yaml')]);
  const hub = startHub(['run', '--config', path('hub.yaml')]);
  started.push(agent, hub);
  return [agent, hub];
}

function lineWith(text: string, word: string): string | undefined {
  return text.split('\n').find((line) => line.includes(word) && line.endsWith('}'));
}

/** Takes every client, and counts what it is told after the handshake. */
class FalseBroker {
  bytesHeard = 0;
  /** Connections on which something was said. */
  speakers = 0;
  readonly #server: Server;

  private constructor(options: TlsOptions) {
    this.#server = createServer(options, (socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        this.speakers += 1;
      });
      socket.on('data', (bytes) => {
        this.bytesHeard += bytes.byteLength;
      });
    });
    this.#server.on('tlsClientError', () => {});
  }

  static async start(pair: KeyPair | undefined, port: number): Promise<FalseBroker> {
    const files = pair && { cert: readFileSync(pair.certificate), key: readFileSync(pair.key) };
    const broker = new FalseBroker(files ?? {});
    await new Promise<void>((resolve, reject) => {
      broker.#server.once('error', reject);
      broker.#server.listen(port, HOST, resolve);
    });
    return broker;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}
