/** The hub as a process of its own, with a real broker between it and a sender. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import Database from 'better-sqlite3';
import { connectAsync, type MqttClient } from 'mqtt';
import { allowedMs } from '../hil-tests/machine-load.ts';
import { testNeeding } from '../hil-tests/needs.ts';
import { freePort } from '../hil-tests/tls-broker.ts';
import type { Receipt } from '../protocols/uplink/messages.ts';
import { openReceipt, sealAgentMessage } from '../protocols/uplink/open.ts';
import { sampleSigner } from '../protocols/uplink/sample-keys.ts';
import { sampleChain } from '../protocols/uplink/sample-messages.ts';
import { verificationKey } from '../protocols/uplink/signature.ts';
import { encodeStatus } from '../protocols/uplink/status.ts';
import { receiptTopic, statusTopic, streamTopic } from '../protocols/uplink/topics.ts';

const ROOT = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'hub-run-'));
const children = new Set<ChildProcess>();
after(async () => {
  for (const child of children) await stopped(child, 'SIGKILL');
  rmSync(folder, { recursive: true });
});

const agent = sampleSigner('agent');
const chain = sampleChain(agent.signerId, 30, (message) => sealAgentMessage(agent, message));
const topic = streamTopic(agent.signerId, 2);

test('messages through a broker without shared subscriptions: stored once, receipted, restarted', async () => {
  const broker = start(
    ['hil-tests/devices/mqtt-broker.ts', '--agent-port', '0', '--hub-port', '0'],
    ['pipe', 'pipe', 'ignore'],
  );
  const ready = JSON.parse(await firstLine(broker));
  await exchange(join(folder, 'aedes'), ready.hubPort, ready.agentPort, 'ft/v1/+/up/#');
  await stopped(broker, 'SIGTERM');
});

testNeeding(
  [
    { kind: 'package', program: 'mosquitto' },
    { kind: 'package', program: 'openssl' },
  ],
  'the same through mosquitto, with mutual TLS and a shared subscription',
  async () => {
    const place = join(folder, 'mosquitto');
    mkdirSync(place);
    makeCertificates(place);
    const [plainPort, tlsPort] = [await freePort(), await freePort()];
    const lines = [
      `listener ${plainPort} 127.0.0.1`,
      `listener ${tlsPort} 127.0.0.1`,
      `cafile ${place}/ca.pem`,
      `certfile ${place}/broker.pem`,
      `keyfile ${place}/broker-key.pem`,
      'require_certificate true',
      'allow_anonymous true',
      'persistence false',
      `user ${userInfo().username}`,
    ];
    writeFileSync(join(place, 'mosquitto.conf'), lines.join('\n'));
    const broker = spawn('mosquitto', ['-c', join(place, 'mosquitto.conf')], {
      stdio: 'ignore',
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    children.add(broker);
    await exchange(place, tlsPort, plainPort, '$share/ingest/ft/v1/+/up/#');
    await stopped(broker, 'SIGTERM');
  },
);

/** An authority, and a certificate for the broker and one for the hub, as files in `place`. */
function makeCertificates(place: string): void {
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: place, stdio: 'ignore' });
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const authority = ['-keyout', 'ca-key.pem', '-out', 'ca.pem', '-subj', '/CN=test authority'];
  openssl('req', '-x509', ...key, ...authority);
  for (const name of ['broker', 'hub']) {
    const signed = ['-x509', '-CA', 'ca.pem', '-CAkey', 'ca-key.pem'];
    const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
    const files = ['-keyout', `${name}-key.pem`, '-out', `${name}.pem`];
    openssl('req', ...signed, ...key, ...names, ...files);
  }
}

test('a configuration with faults ends with exit 1, each with its line', async () => {
  const path = join(folder, 'faulty.yaml');
  writeFileSync(path, 'broker:\n  url: mqtt://broker.example\n  colour: red\n');
  const child = spawn(process.execPath, ['hub/main.ts', 'run', '--config', path], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  children.add(child);
  let told = '';
  child.stderr?.on('data', (text) => {
    told += String(text);
  });
  assert.equal(await exited(child), 1);
  assert.match(told, /faulty\.yaml:3: broker\.colour is no key/);
});

/** Sends a chain with duplicates, kills the hub in the middle, and counts from outside. */
async function exchange(
  place: string,
  hubPort: number,
  agentPort: number,
  filter: string,
): Promise<void> {
  const config = hubConfig(place, hubPort);
  let hub = startHub(config);
  const up = await hub.until('HUB_LINK_UP');
  assert.equal(up.filter, filter);
  const hubKey = JSON.parse(readFileSync(join(place, 'keys', 'receipt-key.json'), 'utf8'));
  assert.equal(statSync(join(place, 'keys', 'receipt-key.pem')).mode & 0o777, 0o600);
  const receipts = await Receipts.listen(agentPort, hubKey.publicKeyHex);
  enrol(place);
  for (const { bytes } of chain.slice(0, 10))
    await receipts.client.publishAsync(topic, Buffer.from(bytes), { qos: 1 });
  await receipts.until((receipt) => receipt.cumulative === 10);
  await stopped(hub.child, 'SIGKILL');
  hub = startHub(config);
  await hub.until('HUB_LINK_UP');
  for (const { bytes } of chain.slice(5))
    await receipts.client.publishAsync(topic, Buffer.from(bytes), { qos: 1 });
  const last = await receipts.until((receipt) => receipt.cumulative === 30);
  await receipts.client.publishAsync(
    statusTopic(agent.signerId),
    Buffer.from(encodeStatus('birth')),
    { qos: 1 },
  );
  const again = await receipts.until(
    ({ receiptSerial, stream }) => receiptSerial > last.receiptSerial && stream === last.stream,
  );
  assert.deepEqual([again.cumulative, again.hubEpoch], [30, last.hubEpoch]);
  const startedMs = performance.now();
  assert.equal(await stopped(hub.child, 'SIGTERM'), 0);
  assert.ok(performance.now() - startedMs < allowedMs(2000));
  await receipts.client.endAsync(true);
  const database = new Database(join(place, 'hub.db'), { readonly: true });
  const keys = database.prepare('SELECT count(*) FROM message_key').pluck().get();
  const bodies = database.prepare('SELECT count(*) FROM message_body').pluck().get();
  database.close();
  assert.deepEqual({ keys, bodies }, { keys: 30, bodies: 30 });
}

function hubConfig(place: string, port: number): string {
  const path = `${place}.yaml`;
  const broker = existsSync(join(place, 'hub.pem'))
    ? [
        `url: mqtts://127.0.0.1:${port}`,
        `ca: ${place}/ca.pem`,
        `certificate: ${place}/hub.pem`,
        `key: ${place}/hub-key.pem`,
      ]
    : [`url: mqtt://127.0.0.1:${port}`];
  writeFileSync(
    path,
    `broker:\n  ${broker.join('\n  ')}\ndatabase: { path: ${place}/hub.db }\nkeys: ${place}/keys\nagents: ${place}/agents\n`,
  );
  return path;
}

function enrol(place: string): void {
  const publicKeyHex = Buffer.from(agent.publicKey).toString('hex');
  const facts = { agentId: agent.signerId, algorithm: 'Ed25519', publicKeyHex, siteName: 'Test' };
  writeFileSync(join(place, 'agents', `${agent.signerId}.json`), JSON.stringify(facts));
}

interface HubProcess {
  readonly child: ChildProcess;
  until(message: string): Promise<Record<string, unknown>>;
}

function startHub(configPath: string): HubProcess {
  const child = start(['hub/main.ts', 'run', '--config', configPath], ['ignore', 'ignore', 'pipe']);
  assert.ok(child.stderr);
  const lines: Record<string, unknown>[] = [];
  let wake = (): void => {};
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(JSON.parse(line));
    wake();
  });
  return {
    child,
    async until(message) {
      for (;;) {
        const found = lines.find(({ msg }) => String(msg).startsWith(message));
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

class Receipts {
  readonly client: MqttClient;
  readonly #all: Receipt[] = [];
  #wake = (): void => {};

  private constructor(client: MqttClient, publicKeyHex: string) {
    this.client = client;
    const key = verificationKey('Ed25519', Buffer.from(publicKeyHex, 'hex'));
    client.on('message', (delivered, bytes) => {
      const opened = openReceipt(bytes, () => key, agent.signerId, delivered);
      assert.equal(opened.kind, 'opened', JSON.stringify(opened));
      if (opened.kind === 'opened') this.#all.push(opened.receipt);
      this.#wake();
    });
  }

  static async listen(port: number, publicKeyHex: string): Promise<Receipts> {
    const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
      protocolVersion: 5,
      reconnectPeriod: 0,
    });
    const receipts = new Receipts(client, publicKeyHex);
    await client.subscribeAsync(receiptTopic(agent.signerId), { qos: 1 });
    return receipts;
  }

  async until(matches: (receipt: Receipt) => boolean): Promise<Receipt> {
    for (;;) {
      const found = this.#all.find(matches);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function start(args: readonly string[], stdio: ('pipe' | 'ignore')[]): ChildProcess {
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio });
  children.add(child);
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout);
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('it ended without a line');
}

function exited(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}

async function stopped(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const ended = exited(child);
  child.kill(signal);
  const code = await ended;
  children.delete(child);
  return code;
}
