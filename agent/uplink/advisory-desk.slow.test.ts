/** Warnings of the hub: who is believed, what is shown, what is answered, and no way back. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TestBuffers } from '../../buffer/test-kit.ts';
import type { Advisory } from '../../protocols/uplink/messages.ts';
import { sealAdvisory } from '../../protocols/uplink/open.ts';
import { sampleAdvisory } from '../../protocols/uplink/sample-hub-messages.ts';
import { verificationKey } from '../../protocols/uplink/signature.ts';
import { advisoryTopic } from '../../protocols/uplink/topics.ts';
import { silentLog } from '../platform/log.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { AdvisoryBook } from './advisory-book.ts';
import { conversation, newSigner, UplinkBench } from './test-kit.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldtap-advisories-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const buffers = new TestBuffers();
const advisor = newSigner();
const stranger = newSigner();
const key = verificationKey('Ed25519', advisor.publicKey);
let files = 0;

class Site {
  readonly path = join(folder, `advisories-${files++}.json`);
  readonly bench: UplinkBench;
  readonly shown: string[] = [];

  constructor(path?: string) {
    if (path !== undefined) this.path = path;
    this.bench = new UplinkBench(
      buffers,
      { sector: 'water' },
      {
        advisories: this.book(),
        onAdvisory: ({ advisoryId, applicability }) => {
          this.shown.push(`${advisoryId} ${applicability}`);
        },
      },
    );
    this.bench.uplink.start();
    this.bench.link.up();
    this.bench.drain();
  }

  book(): AdvisoryBook {
    return new AdvisoryBook(
      this.path,
      ({ signerId }) => (signerId === advisor.signerId ? key : undefined),
      silentLog,
    );
  }

  receive(advisory: Advisory, signer = advisor): void {
    this.bench.receiveOn(advisoryTopic(advisory.sector), sealAdvisory(signer, advisory));
  }

  /** What the hub got since the last time, without what it has for certain. */
  answers(): unknown[] {
    return this.bench.deliver().map((message) => {
      assert.ok(message.kind === 'advisoryAnswer', message.kind);
      const { advisoryId, revision, state, applicability, by } = message;
      return [advisoryId, revision, state, applicability, by];
    });
  }

  end(): void {
    this.bench.link.down();
    this.bench.buffer.close();
  }
}

const advisory = sampleAdvisory(3);
const { advisoryId } = advisory;

test('an advisory is shown, answered once, and kept over a restart', () => {
  const site = new Site();
  site.receive(advisory);
  assert.deepEqual(site.answers(), [[advisoryId, 3, 'seen', 'notApplicable', undefined]]);
  site.receive(advisory);
  assert.deepEqual(site.answers(), [], 'the broker retains it: it comes with every connection');
  const [view] = site.bench.uplink.advisories();
  assert.deepEqual(
    [view.headline, view.isExpired, view.applicability, view.acknowledged],
    [advisory.headline, false, 'notApplicable', undefined],
  );
  site.end();
  const again = new Site(site.path);
  assert.equal(again.bench.uplink.advisories().length, 1);
  again.receive(advisory);
  assert.deepEqual(again.answers(), []);
  again.end();
});

test('an indicator that was met before or is met later makes it "seen here", and says so once', () => {
  const site = new Site();
  site.receive(advisory);
  site.answers();
  site.bench.report({ conversations: [{ ...conversation(1), serverIpAddress: '203.0.113.7' }] });
  assert.deepEqual(site.answers(), [[advisoryId, 3, 'seen', 'seenHere', undefined]]);
  site.bench.report({
    conversations: [
      {
        ...conversation(1),
        functionCodes: [{ functionCode: 90, requests: 1, responses: 1, exceptions: 0 }],
      },
    ],
  });
  assert.deepEqual(site.answers(), []);
  assert.deepEqual(site.bench.uplink.advisories()[0].seen, {
    addresses: ['203.0.113.7'],
    functionCodes: [90],
    unitIds: [],
    nodeIds: [],
  });
  site.receive(sampleAdvisory(4));
  assert.deepEqual(site.answers(), [[advisoryId, 4, 'seen', 'seenHere', undefined]]);
  assert.deepEqual(site.shown, [
    `${advisoryId} notApplicable`,
    `${advisoryId} seenHere`,
    `${advisoryId} seenHere`,
  ]);
  site.end();
});

test('a person acknowledges it, by name', () => {
  const site = new Site();
  site.receive(advisory);
  site.answers();
  const view = site.bench.uplink.acknowledgeAdvisory(advisoryId, 'Anna');
  assert.ok(view !== undefined && !(view instanceof OperatorFault));
  assert.equal(view.acknowledged?.by, 'Anna');
  assert.deepEqual(site.answers(), [[advisoryId, 3, 'acknowledged', 'notApplicable', 'Anna']]);
  const none = site.bench.uplink.acknowledgeAdvisory('FT-0', undefined);
  assert.ok(none instanceof OperatorFault && none.code === 'UPLINK_ADVISORY_UNKNOWN');
  site.end();
  assert.equal(site.book().find(advisoryId)?.acknowledged?.by, 'Anna');
});

// biome-ignore format: one case per line
const refused = [
  { name: 'by a foreign key',                   advisory: sampleAdvisory(9), signer: stranger, reason: /keyUnknown/,          remedy: /advisory-key\.json/ },
  { name: 'an older revision',                  advisory: sampleAdvisory(2), signer: advisor,  reason: /revision 2 after 3/,  remedy: /stick that was written later/ },
  { name: 'another content of the same number', advisory: { ...sampleAdvisory(3), advice: 'Do nothing.' }, signer: advisor, reason: /revision 3 after 3/, remedy: /higher revision/ },
  { name: 'it breaks a rule',                   advisory: { ...sampleAdvisory(9), expiresMs: 1 }, signer: advisor, reason: /rule: timeReversed/, remedy: /version of the hub/ },
] as const;
for (const { name, advisory: bad, signer, reason, remedy } of refused) {
  test(`never believed: ${name}`, () => {
    const site = new Site();
    site.receive(advisory);
    site.answers();
    site.receive(bad, signer);
    const { fault, advisoriesRefused } = site.bench.uplink.status();
    assert.deepEqual([fault?.code, advisoriesRefused], ['UPLINK_ADVISORY_REFUSED', 1]);
    assert.match(fault?.problem ?? '', reason);
    assert.match(fault?.remedy ?? '', remedy);
    assert.equal(site.bench.uplink.advisories()[0].advice, advisory.advice);
    assert.deepEqual(site.answers(), []);
    site.end();
  });
}

test('expired, of another sector, taken back, or noise: nothing is answered', () => {
  const site = new Site();
  site.receive({ ...advisory, issuedMs: 1, expiresMs: 2 });
  site.receive({ ...advisory, advisoryId: 'other', sector: 'energy' });
  site.bench.receiveOn(advisoryTopic('water'), new Uint8Array(0));
  site.bench.receiveOn(advisoryTopic('water'), new Uint8Array(50));
  assert.deepEqual(site.answers(), []);
  assert.deepEqual(
    site.bench.uplink.advisories().map(({ isExpired }) => isExpired),
    [true],
  );
  site.receive({ ...advisory, advisoryId: 'for-all', sector: 'all' });
  assert.equal(site.answers().length, 1);
  site.end();
});

test('the book holds 64; the one that expires first leaves', () => {
  const site = new Site();
  for (let index = 0; index < 70; index++) {
    site.receive({ ...advisory, advisoryId: `a-${index}`, expiresMs: advisory.expiresMs + index });
  }
  const ids = site
    .book()
    .list()
    .map((known) => known.advisory.advisoryId);
  assert.equal(ids.length, 64);
  assert.ok(!ids.includes('a-5') && ids.includes('a-6'));
  site.end();
});

test('a file that was changed by hand is believed as far as its signatures go', () => {
  const site = new Site();
  site.receive(advisory);
  site.end();
  const text = readFileSync(site.path, 'utf8');
  writeFileSync(site.path, text.replace(/"bytesHex":"d284/, '"bytesHex":"d285'));
  assert.equal(site.book().list().length, 0);
  writeFileSync(site.path, 'no JSON');
  assert.equal(site.book().list().length, 0);
});
