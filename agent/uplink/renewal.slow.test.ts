/** A certificate's life with an injected clock: asked for in time, taken, tried, or told. */
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestBuffers } from '../../buffer/test-kit.ts';
import {
  type CertificateFacts,
  makeCertificate,
  readCertificateRequestDer,
} from '../../protocols/uplink/enrolment-certificate.ts';
import { sealRenewedCertificate } from '../../protocols/uplink/open.ts';
import type { Signer } from '../../protocols/uplink/signature.ts';
import { certificateTopic } from '../../protocols/uplink/topics.ts';
import type { Log } from '../platform/log.ts';
import { ClientCertificate, NEXT_TLS_FILES } from './client-certificate.ts';
import { TLS_FILES } from './credentials.ts';
import { newSigner, UplinkBench } from './test-kit.ts';

const DAY_MS = 86_400_000;
const buffers = new TestBuffers();
let made = 0;

/** A hub's authority in three lines. */
class Authority {
  readonly key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  readonly pem = this.#make({ use: 'authority', publicKey: createPublicKey(this.key) });

  issue(commonName: string, publicKey: KeyObject, fromMs: number, toMs: number): string {
    return this.#make({ use: 'client', publicKey, commonName, fromMs, toMs });
  }

  #make(facts: Partial<CertificateFacts> & Pick<CertificateFacts, 'use' | 'publicKey'>): string {
    const serial = new Uint8Array(16).fill(++made);
    const whole = { commonName: 'hub', fromMs: 0, toMs: 4e12, serial, ...facts };
    return makeCertificate(whole, 'hub', this.key);
  }
}

/** An agent with a certificate of 730 days that began at the clock's beginning. */
class Site {
  readonly authority = new Authority();
  readonly folder = join(buffers.folder, `enrolment-${++made}`);
  readonly lines: string[] = [];
  renewals = 0;
  readonly bench: UplinkBench;

  constructor(days = 730) {
    mkdirSync(this.folder);
    const log: Log = { ...QUIET, warn: (_, text) => void this.lines.push(String(text)) };
    this.bench = new UplinkBench(buffers, { summaryIntervalMs: DAY_MS }, (bench) => {
      this.#install(bench, days);
      const nowMs = (): number => bench.clock.wallMs();
      const certificate = new ClientCertificate(this.folder, bench.agent.signerId, nowMs);
      return { log, certificate, onRenewed: () => void this.renewals++ };
    });
    this.certificate = new ClientCertificate(this.folder, this.agentId, () => this.nowMs);
  }

  /** Another one on the same files, as after a restart. */
  certificate: ClientCertificate;

  get agentId(): string {
    return this.bench.agent.signerId;
  }

  get nowMs(): number {
    return this.bench.clock.wallMs();
  }

  start(): void {
    this.bench.uplink.start();
    this.up();
  }

  up(): void {
    this.bench.link.up();
    this.bench.drain();
  }

  /** Days pass; what was asked for reaches the hub. */
  days(count: number): void {
    for (let day = 0; day < count; day++) this.skip(1);
  }

  /** So many days in one step: the timers of each second between them have nothing to say. */
  skip(days: number): void {
    this.bench.clock.step(days * DAY_MS);
    this.bench.advance(2000);
    this.bench.drain();
  }

  requests(): Uint8Array[] {
    return this.bench.hub
      .chain(1)
      .flatMap((message) =>
        message.kind === 'renewalRequest' ? [message.certificateRequest] : [],
      );
  }

  /** The hub's answer to the latest request. */
  answer(how: { days?: number; by?: Authority; name?: string; key?: KeyObject } = {}): Uint8Array {
    const asked = readCertificateRequestDer(this.requests().at(-1) ?? new Uint8Array());
    assert.ok(asked !== undefined);
    assert.equal(asked.commonName, this.agentId);
    const { days = 730, by = this.authority, name = this.agentId } = how;
    const toMs = this.nowMs + days * DAY_MS;
    const pem = by.issue(name, how.key ?? asked.publicKey, this.nowMs - 1000 * DAY_MS, toMs);
    return new X509Certificate(pem).raw;
  }

  deliver(certificate: Uint8Array, signer: Signer = this.bench.hub.signer): void {
    const { agentId, nowMs } = this;
    const facts = { agentId, hubEpoch: 77, hubTimeMs: nowMs, certificate };
    const bytes = sealRenewedCertificate(signer, { kind: 'certificate', ...facts });
    this.bench.receiveOn(certificateTopic(agentId), bytes);
  }

  read(file: string): string {
    return readFileSync(join(this.folder, file), 'utf8');
  }

  has(file: string): boolean {
    return existsSync(join(this.folder, file));
  }

  /** Key and certificate in use belong together, and hold until then. */
  inUseUntilMs(): number {
    const certificate = new X509Certificate(this.read(TLS_FILES.certificate));
    const key = createPublicKey(this.read(TLS_FILES.key));
    assert.ok(key.equals(certificate.publicKey), 'key and certificate in use belong together');
    return new Date(certificate.validTo).getTime();
  }

  end(): void {
    this.bench.link.down();
    this.bench.buffer.close();
  }

  #install(bench: UplinkBench, days: number): void {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const nowMs = bench.clock.wallMs();
    const name = bench.agent.signerId;
    const pem = this.authority.issue(name, publicKey, nowMs, nowMs + days * DAY_MS);
    writeFileSync(join(this.folder, TLS_FILES.authority), this.authority.pem);
    writeFileSync(join(this.folder, TLS_FILES.certificate), pem);
    const keyPem = String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
    writeFileSync(join(this.folder, TLS_FILES.key), keyPem);
  }
}

const QUIET: Log = { debug() {}, info() {}, warn() {}, error() {} };

test('a certificate of two years is renewed 60 days before its end, by a key made here', async () => {
  const site = new Site();
  site.start();
  site.skip(669);
  assert.equal(site.requests().length, 0);
  site.days(3);
  const asked = site.requests().length;
  assert.ok(asked >= 1 && asked <= 3, `${asked} requests in three days`);
  const keyMode = statSync(join(site.folder, NEXT_TLS_FILES.key)).mode & 0o777;
  assert.equal(keyMode, 0o600);
  const oldUntilMs = site.inUseUntilMs();

  site.deliver(site.answer());
  // The old one stays on the disk until the new one has connected.
  assert.equal(site.inUseUntilMs(), oldUntilMs);
  assert.equal(site.bench.link.attempts, 1);
  await turn();
  assert.equal(site.bench.link.attempts, 2, 'connects anew at once');
  site.up();
  assert.equal(site.renewals, 0, 'this attempt had the old pair: the link asked for none');
  site.end();
});

test('the new pair connects first and takes the place of the old one', async () => {
  const site = new Site();
  const { certificate } = linkOf(site);
  site.start();
  site.skip(671);
  const before = certificate.credentials();
  certificate.connected();
  site.deliver(site.answer());
  await turn();
  const tried = certificate.credentials();
  assert.notDeepEqual(tried.key, before.key);
  site.up();
  assert.equal(site.renewals, 1);
  assert.ok(site.inUseUntilMs() > site.nowMs + 700 * DAY_MS);
  assert.deepEqual(
    [site.has(NEXT_TLS_FILES.key), site.has(NEXT_TLS_FILES.certificate)],
    [false, false],
  );
  const asked = site.requests().length;
  site.days(30);
  assert.equal(site.requests().length, asked, 'nothing more is asked for');
  assert.ok((site.bench.uplink.status().certificateDaysLeft ?? 0) > 690);
  site.end();
});

test('a new pair that the broker refuses is left alone for a day; the old one goes on', () => {
  const site = new Site();
  site.start();
  site.skip(671);
  const { certificate } = site;
  const old = certificate.credentials().key;
  assert.equal(certificate.receive(site.answer()).kind, 'taken');
  const next = certificate.credentials().key;
  assert.notDeepEqual(next, old);
  certificate.disconnected();
  assert.deepEqual(certificate.credentials().key, old);
  assert.equal(certificate.connected(), false);
  assert.equal(certificate.isNextRefused, true);
  certificate.disconnected();
  assert.deepEqual(certificate.credentials().key, old, 'not again at once');
  certificate.connected();
  certificate.disconnected();
  site.days(1);
  assert.deepEqual(certificate.credentials().key, next);
  // With the link down both fail: each has its turn.
  certificate.disconnected();
  assert.deepEqual(certificate.credentials().key, old);
  certificate.disconnected();
  assert.deepEqual(certificate.credentials().key, next);
  assert.equal(certificate.connected(), true);
  site.end();
});

test('a power cut between the two renames is mended at the next start', () => {
  const site = new Site();
  site.start();
  site.skip(671);
  assert.equal(site.certificate.receive(site.answer()).kind, 'taken');
  const move = (from: string, to: string): void =>
    renameSync(join(site.folder, from), join(site.folder, to));
  move(NEXT_TLS_FILES.key, TLS_FILES.key);
  site.certificate = new ClientCertificate(site.folder, site.agentId, () => site.nowMs);
  assert.ok(site.inUseUntilMs() > site.nowMs + 700 * DAY_MS);
  assert.equal(site.has(NEXT_TLS_FILES.certificate), false);
  site.end();
});

test('an answer that was on its way during a restart is tried at the next start', () => {
  const site = new Site();
  site.start();
  site.skip(671);
  assert.equal(site.certificate.receive(site.answer()).kind, 'taken');
  site.certificate = new ClientCertificate(site.folder, site.agentId, () => site.nowMs);
  assert.equal(site.certificate.hasNext, true);
  site.certificate.credentials();
  assert.equal(site.certificate.connected(), true);
  site.end();
});

test('what is not this hub’s answer to this request changes nothing', async () => {
  const site = new Site();
  site.start();
  site.skip(671);
  const otherKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
  // biome-ignore format: one case a line
  const cases = [
    { name: 'another authority', der: site.answer({ by: new Authority() }), kind: 'refused' },
    { name: 'another agent',     der: site.answer({ name: 'b'.repeat(26) }), kind: 'refused' },
    { name: 'expired',           der: site.answer({ days: -1 }),             kind: 'refused' },
    { name: 'another key',       der: site.answer({ key: otherKey }),        kind: 'old' },
    { name: 'no certificate',    der: Uint8Array.of(1, 2, 3),                kind: 'refused' },
  ];
  for (const { name, der, kind } of cases) {
    assert.equal(site.certificate.receive(der).kind, kind, name);
    site.deliver(der);
  }
  site.deliver(site.answer(), newSigner());
  await turn();
  assert.equal(site.bench.link.attempts, 1, 'no new connection');
  assert.equal(site.has(NEXT_TLS_FILES.certificate), false);
  assert.ok(site.bench.uplink.status().receiptsRejected > 0, 'a foreign hub is counted');
  site.end();
});

test('without an answer it asks once a day, and a person is told at 30, 7 and 1 days', () => {
  const site = new Site();
  site.start();
  site.skip(669);
  site.days(30);
  assert.equal(site.requests().length, 30);
  assert.equal(site.bench.uplink.status().fault, undefined);
  site.days(30);
  const told = site.lines.filter((line) => /certificate ends/.test(line));
  assert.deepEqual(
    told.map((line) => /less than (\d+) days/.exec(line)?.[1]),
    ['30', '7', '1'],
  );
  const { fault, certificateDaysLeft } = site.bench.uplink.status();
  assert.deepEqual([fault?.code, certificateDaysLeft], ['UPLINK_CERTIFICATE_EXPIRES', 0]);
  site.end();
});

test('while the link is down no requests pile up', () => {
  const site = new Site();
  site.start();
  site.bench.link.down();
  site.days(690);
  site.bench.advance(3_600_000);
  site.up();
  site.bench.advance(2000);
  site.bench.drain();
  assert.equal(site.requests().length, 1);
  site.end();
});

test('a certificate of a day is asked for each hour, from the half of it on', () => {
  const site = new Site(1);
  site.start();
  site.skip(0.49);
  assert.equal(site.requests().length, 0);
  for (let quarter = 0; quarter < 24; quarter++) site.skip(1 / 96);
  const asked = site.requests().length;
  assert.ok(asked >= 5 && asked <= 7, String(asked));
  site.end();
});

/** The certificate that the bench's uplink works with, as its link would ask it. */
function linkOf(site: Site): { readonly certificate: ClientCertificate } {
  const certificate = site.bench.certificate;
  assert.ok(certificate !== undefined);
  return { certificate };
}

/** Closing the old link takes a turn of the loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
