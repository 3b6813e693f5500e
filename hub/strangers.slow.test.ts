/**
 * Everyone who must not get in, at a real mosquitto set up as the README says and a real worker:
 * refused by the broker at TLS, by its access list, or by the hub under a name of its own.
 */
import assert from 'node:assert/strict';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { connect, type MqttClient } from 'mqtt';
import { SystemClock } from '../agent/platform/clock.ts';
import { SystemRandom } from '../agent/platform/random.ts';
import { type BenchProcess, eventually, startHub } from '../hil-tests/bench-process.ts';
import { testNeeding } from '../hil-tests/needs.ts';
import { startTlsBroker } from '../hil-tests/tls-broker.ts';
import { signDeflated } from '../protocols/uplink/cose.ts';
import { makeCertificate } from '../protocols/uplink/enrolment-certificate.ts';
import { sealAgentMessage } from '../protocols/uplink/open.ts';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import { sampleChain, sampleSummary } from '../protocols/uplink/sample-messages.ts';
import { streamTopic } from '../protocols/uplink/topics.ts';
import { writeAgentFile } from './agent-registry.ts';
import { CertificateAuthority } from './certificate-authority.ts';
import { readHubStatus } from './hub-status.ts';

const DAY_MS = 86_400_000;
const CONNECT_MS_MAX = 10_000;
const folder = mkdtempSync(join(tmpdir(), 'hub-strangers-'));
const started: BenchProcess[] = [];
after(async () => {
  await Promise.all(started.map((each) => each.stop()));
  rmSync(folder, { recursive: true, force: true });
});

const clock = new SystemClock();
const agent = sampleSigner('agent');
const other = sampleSigner('other agent');
const revoked = sampleSigner('revoked agent');
const stranger = sampleSigner('stranger');
const chain = sampleChain(agent.signerId, 4, (message) => sealAgentMessage(agent, message));

interface Identity {
  readonly cert?: string;
  readonly key?: string;
}

testNeeding(
  [{ kind: 'package', program: 'mosquitto' }],
  'strangers, forgers and clones: each refused by name',
  async () => {
    const tls = join(folder, 'tls');
    mkdirSync(tls);
    const authority = CertificateAuthority.open(join(folder, 'keys'), clock, new SystemRandom());
    authority.issueFiles(tls, 'broker', 'server', ['127.0.0.1']);
    authority.issueFiles(tls, 'hub', 'client', []);
    const gone = identityBy(authority, revoked.signerId);
    authority.revoke([gone.serialHex]);
    const revocationList = join(folder, 'keys', 'ca.crl');
    const { port, process: broker } = await startTlsBroker({ tls, revocationList });
    started.push(broker);
    for (const signer of [agent, other, revoked]) enrol(signer.signerId, signer.publicKey);
    await startWorker(port);

    // biome-ignore format: one case per line
    const atTls: { name: string; identity: Identity }[] = [
      { name: 'no certificate',                identity: {} },
      { name: 'a self-signed certificate',     identity: certified(agent.signerId, 0, DAY_MS) },
      { name: 'a certificate of another authority', identity: certified(agent.signerId, 0, DAY_MS, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey) },
      { name: 'an expired certificate',        identity: certified(agent.signerId, -2 * DAY_MS, -DAY_MS, authorityKey()) },
      { name: 'a certificate of tomorrow',     identity: certified(agent.signerId, DAY_MS, 2 * DAY_MS, authorityKey()) },
      { name: "a revoked agent's certificate", identity: gone },
    ];
    for (const { name, identity } of atTls) {
      const { client, fault } = await connected(port, identity);
      client.end(true);
      assert.ok(fault !== undefined, `${name} got in`);
    }

    const good = await connected(port, identityBy(authority, agent.signerId));
    assert.equal(good.fault, undefined);
    const own = streamTopic(agent.signerId, 2);
    // biome-ignore format: one case per line
    const atAccessList = [
      { name: "another agent's stream", topic: streamTopic(other.signerId, 2), isTaken: false },
      { name: 'its own receipts',       topic: `ft/v1/${agent.signerId}/dn/r`, isTaken: false },
      { name: 'an advisory',            topic: 'ft/v1/adv/water',              isTaken: false },
      { name: 'its own stream',         topic: own,                            isTaken: true },
    ];
    for (const { name, topic, isTaken } of atAccessList) {
      const code = await published(good.client, topic, chain[0].bytes);
      assert.equal(code < 0x80, isTaken, `${name}: reason ${code}`);
    }
    const elsewhere = await connected(port, identityBy(authority, other.signerId));
    await published(elsewhere.client, streamTopic(other.signerId, 2), chain[1].bytes);
    const clone = { ...sampleSummary(agent.signerId, 2), observationsCount: 99 };
    for (const { bytes } of chain) await published(good.client, own, bytes);
    const bomb = deflateRawSync(new Uint8Array(8 * 2 ** 20));
    const deep = deflateRawSync(Uint8Array.from([...Array(64).fill(0x81), 0x00]));
    const doubled = deflateRawSync(Uint8Array.of(0xa2, 0x01, 0x02, 0x01, 0x02));
    const forged = [
      sealAgentMessage(stranger, sampleSummary(stranger.signerId, 2)),
      sealAgentMessage(revoked, sampleSummary(revoked.signerId, 2)),
      sealAgentMessage(agent, clone),
      signDeflated(agent, own, bomb),
      signDeflated(agent, own, deep),
      signDeflated(agent, own, doubled),
      randomBytes(300),
      randomBytes(70_000),
    ];
    for (const bytes of forged) await published(good.client, own, bytes);
    good.client.end(true);
    elsewhere.client.end(true);

    const expected = [
      'duplicateKey',
      'envelopeUnreadable',
      'forked',
      'inflatedTooLarge',
      'keyUnknown',
      'revoked',
      'tooDeep',
      'tooLarge',
      'topicMismatch',
    ];
    const seen = await eventually(
      () => {
        const { findings } = readHubStatus(join(folder, 'hub.db'));
        const reasons = new Set(findings.map(({ reason }) => reason));
        return expected.every((reason) => reasons.has(reason)) ? [...reasons].sort() : undefined;
      },
      `the findings ${expected.join(', ')}`,
    );
    assert.deepEqual(seen, expected);
    const [stream] = readHubStatus(join(folder, 'hub.db')).streams;
    assert.deepEqual([stream.stored, stream.missing, stream.doubled], [chain.length, [], 0]);
  },
);

function authorityKey() {
  return createPrivateKey(readFileSync(join(folder, 'keys', 'ca-key.pem')));
}

/** As the authority issues them. */
function identityBy(authority: CertificateAuthority, name: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { certificate, serialHex } = authority.issue(name, publicKey, 'client');
  return { cert: certificate, key: pem(privateKey), serialHex };
}

/** Valid from and to, relative to now; signed by itself unless another key is given. */
function certified(
  commonName: string,
  fromMs: number,
  toMs: number,
  issuerKey?: ReturnType<typeof createPrivateKey>,
): Identity {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const nowMs = clock.wallMs();
  const certificate = makeCertificate(
    {
      commonName,
      publicKey: createPublicKey(privateKey),
      use: 'client',
      serial: randomBytes(16),
      fromMs: nowMs + fromMs,
      toMs: nowMs + toMs,
    },
    issuerKey === undefined ? commonName : authorityName(),
    issuerKey ?? privateKey,
  );
  return { cert: certificate, key: pem(privateKey) };
}

function authorityName(): string {
  const { subject } = new X509Certificate(readFileSync(join(folder, 'keys', 'ca.pem')));
  return subject.replace(/^CN=/, '');
}

function pem(key: ReturnType<typeof createPrivateKey>): string {
  return String(key.export({ format: 'pem', type: 'pkcs8' }));
}

/** `fault`: why it isn't connected. */
function connected(
  port: number,
  { cert, key }: Identity,
): Promise<{ client: MqttClient; fault: string | undefined }> {
  const client = connect(`mqtts://127.0.0.1:${port}`, {
    protocolVersion: 5,
    reconnectPeriod: 0,
    connectTimeout: CONNECT_MS_MAX,
    ca: readFileSync(join(folder, 'keys', 'ca.pem')),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  });
  return new Promise((resolve) => {
    client.once('connect', () => resolve({ client, fault: undefined }));
    client.on('error', (error) => resolve({ client, fault: error.message }));
    client.once('close', () => resolve({ client, fault: 'closed' }));
  });
}

/** The broker's reason code. */
function published(client: MqttClient, topic: string, bytes: Uint8Array): Promise<number> {
  return new Promise((resolve) => {
    client.publish(topic, Buffer.from(bytes), { qos: 1 }, (error, packet) => {
      const code = packet !== undefined && 'reasonCode' in packet ? packet.reasonCode : 0;
      resolve(error ? 0x87 : (code ?? 0));
    });
  });
}

function enrol(agentId: string, publicKey: Uint8Array): void {
  const publicKeyHex = Buffer.from(publicKey).toString('hex');
  const key = { keyNumber: 1, algorithm: 'Ed25519', publicKeyHex } as const;
  mkdirSync(join(folder, 'agents'), { recursive: true });
  const isRevoked = agentId === revoked.signerId;
  const facts = { agentId, ...key, revoked: isRevoked, furtherKeys: [] };
  writeAgentFile(join(folder, 'agents'), facts);
}

async function startWorker(port: number): Promise<void> {
  const config = join(folder, 'hub.yaml');
  writeFileSync(
    config,
    `broker: { url: "mqtts://127.0.0.1:${port}", ca: tls/ca.pem, certificate: tls/hub.pem, key: tls/hub-key.pem }
database: { path: hub.db }
keys: keys
agents: agents
`,
  );
  const worker = startHub(['run', '--config', config]);
  started.push(worker);
  await worker.until(({ stderr }) => /HUB_LINK_UP/.test(stderr) || undefined, 'its link');
}
