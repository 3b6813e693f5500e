/** The MQTT link against real brokers: aedes in this process, mosquitto with mutual TLS and ACL. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Aedes } from 'aedes';
import { testNeeding } from '../../hil-tests/needs.ts';
import {
  receiptTopic,
  requestTopic,
  statusTopic,
  streamTopic,
} from '../../protocols/uplink/topics.ts';
import type { OperatorFault } from '../platform/operator-fault.ts';
import type { TlsCredentials } from './credentials.ts';
import type { PublishOutcome } from './link.ts';
import { MqttLink } from './mqtt-link.ts';
import { newSigner } from './test-kit.ts';

const agentId = newSigner().signerId;

/** What happened on a link, in order, and a wait for the next of a kind. */
class Watched {
  readonly received: { topic: string; text: string }[] = [];
  readonly link: MqttLink;
  receiveMaximum: number | undefined;
  downs: (OperatorFault | undefined)[] = [];

  constructor(broker: string, tls?: TlsCredentials) {
    this.link = new MqttLink({ broker, agentId, ...(tls !== undefined && { tls: () => tls }) });
    this.link.connect({
      onUp: (facts) => {
        this.receiveMaximum = facts.receiveMaximum;
      },
      onDown: (fault) => {
        this.downs.push(fault);
      },
      onMessage: (topic, bytes) => {
        this.received.push({ topic, text: Buffer.from(bytes).toString() });
      },
    });
  }

  publish(topic: string): Promise<PublishOutcome> {
    return new Promise((resolve) => this.link.publish(topic, Buffer.from('signed'), resolve));
  }
}

const PATIENCE_MS = 30_000;
/** A close of 100 ms on a busy machine; one that waited for the broker would never end. */
const CLOSE_MS_MAX = 10_000;

async function until(isTrue: () => boolean, what: string): Promise<void> {
  for (let waitedMs = 0; !isTrue(); waitedMs += 5) {
    assert.ok(waitedMs < PATIENCE_MS, `waited in vain for ${what}`);
    await sleep(5);
  }
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A TCP server that listens has an address with a port (node:net).
  return (server.address() as AddressInfo).port;
}

interface Seen {
  readonly topic: string;
  readonly payload: string;
}

async function withAedes(
  body: (port: number, broker: Aedes, seen: Seen[]) => Promise<void>,
): Promise<void> {
  const broker = await Aedes.createBroker();
  const server = createServer(broker.handle);
  const seen: Seen[] = [];
  broker.on('publish', (packet, client) => {
    if (client !== null || packet.topic.startsWith('ft/'))
      seen.push({ topic: packet.topic, payload: packet.payload.toString() });
  });
  try {
    await body(await listening(server), broker, seen);
  } finally {
    await new Promise<void>((resolve) => broker.close(() => server.close(() => resolve())));
  }
}

test('connects, says birth, publishes with QoS 1, hears receipts, and goes without a will', async () => {
  await withAedes(async (port, broker, seen) => {
    const watched = new Watched(`mqtt://127.0.0.1:${port}`);
    assert.deepEqual(
      await watched.publish(streamTopic(agentId, 2)),
      { kind: 'lost' },
      'never offline',
    );
    await until(() => watched.receiveMaximum !== undefined, 'the link');
    assert.deepEqual(await watched.publish(streamTopic(agentId, 2)), { kind: 'accepted' });
    broker.publish(
      {
        cmd: 'publish',
        topic: receiptTopic(agentId),
        payload: Buffer.from('receipt'),
        qos: 1,
        retain: false,
        dup: false,
      },
      () => {},
    );
    await until(() => watched.received.length > 0, 'the receipt');
    assert.deepEqual(watched.received, [{ topic: receiptTopic(agentId), text: 'receipt' }]);
    await watched.link.close(500);
    await sleep(20);
    const sent = seen.filter((each) => each.topic !== receiptTopic(agentId));
    assert.deepEqual(sent, [
      { topic: statusTopic(agentId), payload: 'birth' },
      { topic: streamTopic(agentId, 2), payload: 'signed' },
    ]);
    assert.deepEqual(watched.downs, [], 'a close of ours is no fault');
  });
});

test('requests and the advisories of the sector are heard; a refusal of those is told, no more', async () => {
  await withAedes(async (port, broker) => {
    const asked: string[] = [];
    broker.authorizeSubscribe = (_client, subscription, done) => {
      asked.push(subscription.topic);
      done(null, subscription.topic.endsWith('/all') ? null : subscription);
    };
    const faults: (OperatorFault | undefined)[] = [];
    let isUp = false;
    const link = new MqttLink({ broker: `mqtt://127.0.0.1:${port}`, agentId, sector: 'water' });
    link.connect({
      onUp: () => {
        isUp = true;
      },
      onDown: () => {
        isUp = false;
      },
      onMessage: () => {},
      onRefused: (fault) => {
        faults.push(fault);
      },
    });
    await until(() => faults.length > 0, 'the refusal');
    assert.deepEqual(asked, [
      receiptTopic(agentId),
      requestTopic(agentId),
      'ft/v1/adv/all',
      'ft/v1/adv/water',
    ]);
    assert.deepEqual([isUp, faults[0]?.code], [true, 'UPLINK_BROKER_REFUSED']);
    await link.close(500);
  });
});

test('a broker that goes away is told once, and the next attempt is a new link', async () => {
  await withAedes(async (port, broker) => {
    const watched = new Watched(`mqtt://127.0.0.1:${port}`);
    await until(() => watched.receiveMaximum !== undefined, 'the link');
    await new Promise<void>((resolve) => broker.close(() => resolve()));
    await until(() => watched.downs.length > 0, 'the end');
    assert.deepEqual(await watched.publish(streamTopic(agentId, 1)), { kind: 'lost' });
    await sleep(20);
    assert.equal(watched.downs.length, 1);
    await watched.link.close(500);
  });
});

test('no broker there is a fault with its cause', async () => {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  const watched = new Watched(`mqtt://127.0.0.1:${port}`);
  await until(() => watched.downs.length > 0, 'the refusal');
  assert.equal(watched.downs[0]?.code, 'UPLINK_BROKER_UNREACHABLE');
  assert.match(watched.downs[0]?.problem ?? '', /ECONNREFUSED/);
});

test('a broker that says nothing does not hold up the close', async () => {
  const sockets: { destroy(): void }[] = [];
  const server = createServer((socket) => sockets.push(socket));
  const watched = new Watched(`mqtt://127.0.0.1:${await listening(server)}`);
  await until(() => sockets.length > 0, 'the connection');
  const startedMs = performance.now();
  await watched.link.close(100);
  assert.ok(performance.now() - startedMs < CLOSE_MS_MAX);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

test('a broker that stops answering is left without its word, and no socket stays', async () => {
  await withAedes(async (port, broker) => {
    broker.authorizePublish = (_client, packet, done) => {
      if (packet.topic === statusTopic(agentId)) done(null);
    };
    const watched = new Watched(`mqtt://127.0.0.1:${port}`);
    await until(() => watched.receiveMaximum !== undefined, 'the link');
    const outcome = watched.publish(streamTopic(agentId, 2));
    await sleep(20);
    const startedMs = performance.now();
    await watched.link.close(100);
    assert.ok(performance.now() - startedMs < CLOSE_MS_MAX);
    await until(() => broker.connectedClients === 0, 'the end of the socket');
    const unanswered = await Promise.race([outcome, sleep(50)]);
    assert.notEqual(unanswered?.kind, 'accepted');
  });
});

const NEEDS = [
  { kind: 'package', program: 'mosquitto' },
  { kind: 'package', program: 'openssl' },
] as const;

testNeeding(
  NEEDS,
  'mutual TLS: the right certificate passes, a foreign one and a denied topic are named',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fieldtap-tls-'));
    const server = createServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    makeCertificates(folder);
    const config = [
      'per_listener_settings false',
      `listener ${port} 127.0.0.1`,
      `cafile ${folder}/ca.pem`,
      `certfile ${folder}/broker.pem`,
      `keyfile ${folder}/broker.key`,
      'require_certificate true',
      'use_identity_as_username true',
      'max_inflight_messages 3',
      `acl_file ${folder}/acl`,
      `user ${userInfo().username}`,
    ];
    writeFileSync(join(folder, 'mosquitto.conf'), `${config.join('\n')}\n`);
    writeFileSync(join(folder, 'acl'), 'pattern write ft/v1/%u/up/#\npattern read ft/v1/%u/dn/#\n');
    const broker = spawn('mosquitto', ['-c', join(folder, 'mosquitto.conf')], {
      stdio: 'ignore',
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    const read = (name: string): Buffer => readFileSync(join(folder, name));
    const links: Watched[] = [];
    const attempt = (tls: TlsCredentials): Watched => {
      const watched = new Watched(`mqtts://127.0.0.1:${port}`, tls);
      links.push(watched);
      return watched;
    };
    try {
      const tls = {
        authority: read('ca.pem'),
        certificate: read('agent.pem'),
        key: read('agent.key'),
      };
      let good = attempt(tls);
      for (let tries = 0; tries < 50 && good.receiveMaximum === undefined; tries++) {
        await sleep(50);
        if (good.downs.length > 0) good = attempt(tls);
      }
      assert.equal(good.receiveMaximum, 3, String(good.downs[0]));
      assert.deepEqual(await good.publish(streamTopic(agentId, 2)), { kind: 'accepted' });
      const denied = await good.publish(streamTopic(newSigner().signerId, 2));
      assert.match(
        denied.kind === 'refused' ? denied.fault.message : denied.kind,
        /not authorized \(0x87\)/,
      );
      const stranger = attempt({ ...tls, authority: read('other-ca.pem') });
      await until(() => stranger.downs.length > 0, 'the refusal of the broker');
      assert.equal(stranger.downs[0]?.code, 'UPLINK_TLS_REFUSED');
      const foreign = attempt({ ...tls, certificate: read('other.pem'), key: read('other.key') });
      await until(() => foreign.downs.length > 0, 'the refusal of the certificate');
      assert.equal(foreign.receiveMaximum, undefined);
      assert.match(foreign.downs[0]?.code ?? '', /^UPLINK_/);
    } finally {
      for (const { link } of links) await link.close(200);
      broker.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

function makeCertificates(folder: string): void {
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  };
  const authority = (name: string): void => {
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-subj',
      `/CN=${name}`,
      '-days',
      '2',
    );
  };
  const certificate = (name: string, commonName: string, ca: string): void => {
    writeFileSync(join(folder, 'extensions'), 'subjectAltName=IP:127.0.0.1\n');
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-subj',
      `/CN=${commonName}`,
    );
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      `${ca}.pem`,
      '-CAkey',
      `${ca}.key`,
      '-CAcreateserial',
      '-days',
      '1',
      '-extfile',
      'extensions',
      '-out',
      `${name}.pem`,
    );
  };
  authority('ca');
  authority('other-ca');
  certificate('broker', 'broker', 'ca');
  certificate('agent', agentId, 'ca');
  certificate('other', agentId, 'other-ca');
}
