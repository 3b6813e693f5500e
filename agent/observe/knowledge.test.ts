// Assets, conversations and their state: what is told, what is never merged, and what a restart
// leaves as it was.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { slowTest } from '../../hil-tests/needs.ts';
import type { StateRow } from '../../protocols/interval-report.ts';
import type { Asset } from './asset-list.ts';
import { AssetTable } from './asset-table.ts';
import { Knowledge } from './knowledge.ts';
import { BEGIN_US, madeEnd, madeFlow, madeModbus, noDecode } from './made-traffic.ts';
import { Observer } from './observer.ts';

const DIGEST = { pseudonym: () => 'p', sha256: () => 's' };
const POLL = ['0300640002', '0304000a0007'] as const;

function plant() {
  const knowledge = new Knowledge({
    digest: DIGEST,
    assets: new AssetTable(),
    sha1Base64: (bytes) => `hash-of-${bytes.length}`,
  });
  const observer = new Observer({ interfaces: [], knowledge }, DIGEST);
  let flowNumber = 10;
  return {
    knowledge,
    /** A poll of a flow of its own between the two ends. */
    poll(client: End, server: End, over: Parameters<typeof madeModbus>[2] = {}): void {
      flowNumber++;
      const flow = madeFlow({
        flowNumber,
        slot: flowNumber,
        client: madeEnd(client[0], 40_000 + flowNumber, client[1]),
        server: madeEnd(server[0], 502, server[1]),
      });
      const transaction = madeModbus(...POLL, { flow, ...over });
      observer.modbusTransaction(transaction);
      knowledge.modbusTransaction(transaction);
    },
    endInterval: () => observer.report(BEGIN_US, BEGIN_US + 1_000_000, [], noDecode()),
    asset: (assetId: string): Asset | undefined =>
      knowledge.listAssets().find((asset) => asset.assetId === assetId),
  };
}

type End = readonly [ipAddress: string, macAddress?: string];
const HMI: End = ['10.0.0.5', '02:00:00:00:00:05'];
const PLC_MAC = '00:80:f4:01:02:03';
const PLC: End = ['10.0.1.9', PLC_MAC];
const ROUTER_MAC = '00:11:22:33:44:55';

test('many addresses behind one MAC address: a router, and nobody is merged with it', () => {
  const { poll, asset, knowledge } = plant();
  for (const host of [1, 2, 3, 4]) poll(HMI, [`192.168.${host}.7`, ROUTER_MAC]);
  const router = asset(`mac:${ROUTER_MAC}`);
  assert.deepEqual(router?.roles, ['router']);
  assert.equal(router?.facts.find(({ name }) => name === 'addressesBehind')?.value, 4);
  const behind = asset('192.168.2.7');
  assert.equal(behind?.behindRouter, ROUTER_MAC);
  assert.equal(behind?.macAddress, undefined, "the router's MAC address is not its own");
  assert.deepEqual(behind?.addresses, ['192.168.2.7']);
  assert.equal(knowledge.listAssets().length, 6);
});

test('two addresses behind one MAC address are merged only if the device claims both', () => {
  const { poll, asset, knowledge } = plant();
  poll(HMI, ['10.0.1.9', PLC_MAC]);
  poll(HMI, ['10.0.1.10', PLC_MAC]);
  assert.deepEqual(asset('10.0.1.9')?.addresses, ['10.0.1.9']);
  assert.notEqual(asset('10.0.1.10'), undefined);
  for (const ipAddress of ['10.0.1.9', '10.0.1.10']) {
    knowledge.assets.claim({ macAddress: PLC_MAC, ipAddress, isReply: true }, BEGIN_US);
  }
  assert.deepEqual(asset('10.0.1.9')?.addresses, ['10.0.1.9', '10.0.1.10']);
  assert.equal(asset('10.0.1.10'), undefined);
});

test('a device that answers by ARP alone is there, with the source of the fact', () => {
  const { knowledge, asset } = plant();
  knowledge.assets.claim(
    { macAddress: '00:80:f4:09:09:09', ipAddress: '10.0.1.77', isReply: true },
    BEGIN_US,
  );
  const found = asset('10.0.1.77');
  assert.deepEqual(found?.roles, []);
  assert.equal(found?.facts[0].source, 'arp.reply');
});

test('another MAC address under one IP address is a conflict; to and fro is a pair', () => {
  const { poll, asset } = plant();
  poll(HMI, PLC);
  poll(HMI, ['10.0.1.9', '00:80:f4:aa:aa:aa']);
  const replaced = asset('10.0.1.9');
  assert.deepEqual(replaced?.conflicts, [
    { name: 'macAddress', values: ['00:80:f4:aa:aa:aa', '00:80:f4:01:02:03'] },
  ]);
  assert.equal(replaced?.redundantWith, undefined);
  poll(HMI, PLC);
  assert.deepEqual(asset('10.0.1.9')?.redundantWith, ['mac:00:80:f4:aa:aa:aa']);
});

test('two facts of one name contradict each other and both are shown', () => {
  const { poll, knowledge, asset } = plant();
  poll(HMI, PLC);
  for (const [second, name] of ['M340', 'M580'].entries()) {
    const timeUs = BEGIN_US + second;
    knowledge.assets.fact('10.0.1.9', 'productName', name, 'opcua.BuildInfo', timeUs);
  }
  assert.deepEqual(asset('10.0.1.9')?.conflicts, [
    { name: 'productName', values: ['M580', 'M340'] },
  ]);
});

test('units behind a gateway are devices of their own, each with what it told', () => {
  const { poll, asset, endInterval } = plant();
  poll(HMI, PLC, { unitId: 1 });
  poll(HMI, PLC, { unitId: 7 });
  endInterval();
  assert.equal(asset('10.0.1.9')?.unitId, undefined);
  assert.deepEqual(asset('10.0.1.9/7')?.roles, ['server']);
  assert.equal(asset('10.0.1.9/7')?.facts[0].value, '10.0.1.9');
});

test('two devices with one serial number are told of each other, a default name is no pair', () => {
  const { poll, knowledge, asset } = plant();
  for (const host of [9, 10]) {
    poll(HMI, [`10.0.1.${host}`]);
    const tell = (name: string, value: string) =>
      knowledge.assets.fact(`10.0.1.${host}`, name, value, 'test', BEGIN_US);
    tell('applicationUri', 'urn:unconfigured:application');
  }
  assert.equal(asset('10.0.1.9')?.redundantWith, undefined);
  for (const host of [9, 10]) {
    knowledge.assets.fact(`10.0.1.${host}`, 'serialNumber', 'A-1', 'test', BEGIN_US);
  }
  assert.deepEqual(asset('10.0.1.9')?.redundantWith, ['10.0.1.10']);
});

test('a conversation knows its roles, ranges, periods and Community IDs', () => {
  const { poll, knowledge, endInterval } = plant();
  for (let second = 0; second < 5; second++) {
    poll(HMI, PLC, {
      requestTimeUs: BEGIN_US + second * 1_000_000,
      responseTimeUs: BEGIN_US + second * 1_000_000 + 900,
    });
  }
  endInterval();
  const [conversation] = knowledge.conversations();
  assert.equal(conversation.roleSource, 'syn');
  assert.equal(conversation.serverMacAddress, PLC_MAC);
  assert.deepEqual(conversation.addressRanges, [{ functionCode: 3, address: 100, quantity: 2 }]);
  assert.deepEqual(conversation.polls, [
    { functionCode: 3, address: 100, quantity: 2, count: 5, periodMs: 1000, periodJitterMs: 0 },
  ]);
  assert.equal(conversation.communityIds?.length, 1);
  assert.equal(conversation.requests, 5);
});

test('changes are told once: new devices first, then what they told', () => {
  const { poll, knowledge } = plant();
  poll(HMI, PLC);
  const first = knowledge.takeAssetChanges();
  assert.deepEqual(
    first.map(({ change, assetId }) => [change, assetId]),
    [
      ['new', '10.0.0.5'],
      ['new', '10.0.1.9'],
    ],
  );
  assert.deepEqual(knowledge.takeAssetChanges(), []);
  knowledge.assets.fact('10.0.1.9', 'productName', 'M340', 'opcua.BuildInfo', BEGIN_US);
  const [second] = knowledge.takeAssetChanges();
  assert.deepEqual([second.change, second.facts.map(({ value }) => value)], ['changed', ['M340']]);
});

test('saved and restored, everything is as it was but stale', () => {
  const before = plant();
  before.poll(HMI, PLC, { unitId: 1 });
  before.poll(HMI, PLC, { unitId: 7 });
  before.poll(['10.0.0.6'], ['192.168.9.1', ROUTER_MAC]);
  before.knowledge.assets.unitFact('10.0.1.9', 7, 'productCode', 'X1', 'modbus', BEGIN_US);
  before.endInterval();
  before.knowledge.takeAssetChanges();
  const rows = before.knowledge.takeState(true);
  const after = plant();
  const counts = after.knowledge.restore(rows, BEGIN_US + 60_000_000);
  assert.deepEqual(counts, { restored: rows.length, refused: 0 });
  assert.deepEqual(after.knowledge.listAssets(), before.knowledge.listAssets());
  assert.deepEqual(after.knowledge.conversations(), before.knowledge.conversations());
  const nowUs = BEGIN_US + 61_000_000;
  const ranges = ({ knowledge }: typeof after) => knowledge.listRegisters({}, nowUs).ranges;
  assert.ok(ranges(after).every(({ stale }) => stale === 'restart'));
  assert.deepEqual(
    ranges(after).map(({ stale: _, ...range }) => range),
    ranges(before).map(({ stale: _, ...range }) => range),
  );
  assert.deepEqual(after.knowledge.takeAssetChanges(), [], 'nothing of it is news');
});

test('killed at any report, each device is announced once and each fact of it', () => {
  const told: string[] = [];
  const tell = (knowledge: Knowledge): readonly StateRow[] => {
    for (const { change, assetId, facts } of knowledge.takeAssetChanges()) {
      told.push(`${change} ${assetId}`, ...facts.map(({ value }) => `${assetId} ${value}`));
    }
    return knowledge.takeState(false);
  };
  const saved = new Map<string, StateRow>();
  const learn = (rows: readonly StateRow[]) => {
    for (const row of rows) saved.set(`${row.kind} ${row.key}`, row);
  };
  let life = plant();
  for (let second = 0; second < 40; second++) {
    life.poll(HMI, [`10.0.1.${second}`], { unitId: 1 + (second % 3) });
    const fact = [`10.0.1.${second >> 1}`, 'productName', `P${second}`, 'opcua.BuildInfo'] as const;
    life.knowledge.assets.fact(...fact, BEGIN_US + second);
    life.endInterval();
    learn(tell(life.knowledge));
    if (second % 7 !== 3) continue;
    // Killed; captures again, and hears a device, before the state of before arrives.
    life = plant();
    life.knowledge.expectState();
    life.poll(HMI, ['10.0.1.0'], { unitId: 1 });
    life.knowledge.assets.fact('10.0.1.0', 'productName', 'seen early', 'test', BEGIN_US);
    assert.deepEqual(tell(life.knowledge), []);
    life.knowledge.restore([...saved.values()], BEGIN_US);
    life.knowledge.stateIsComplete();
  }
  learn(tell(life.knowledge));
  const twice = told.filter((each, index) => !/^changed/.test(each) && told.indexOf(each) < index);
  assert.deepEqual(twice, []);
  for (let number = 0; number < 40; number++) {
    assert.ok(told.includes(`new 10.0.1.${number}`), `10.0.1.${number}`);
    assert.ok(told.includes(`10.0.1.${number >> 1} P${number}`), `P${number}`);
  }
  assert.ok(told.includes('10.0.1.0 seen early'));
});

test('a device with more facts than a change holds tells the rest with the next report', () => {
  const { poll, knowledge } = plant();
  poll(HMI, PLC);
  for (let number = 0; number < 30; number++) {
    knowledge.assets.fact('10.0.1.9', 'endpoint', `url ${number}`, 'test', BEGIN_US);
  }
  const told: (string | number)[] = [];
  for (let report = 0; report < 4; report++) {
    for (const { facts } of knowledge.takeAssetChanges()) told.push(...facts.map((f) => f.value));
  }
  for (let number = 0; number < 30; number++)
    assert.ok(told.includes(`url ${number}`), `${number}`);
});

test('what is steady is saved once a minute, what is new within ten seconds', () => {
  const { poll, knowledge, endInterval } = plant();
  const kinds = (second: number): string[] => {
    knowledge.endInterval([], BEGIN_US + second * 1_000_000);
    return [...new Set(knowledge.takeState(false).map(({ kind }) => kind))].sort();
  };
  poll(HMI, PLC);
  endInterval();
  assert.deepEqual(kinds(1), ['asset', 'conversation', 'macAddress', 'registers']);
  const later = BEGIN_US + 4_000_000;
  poll(HMI, PLC, { requestTimeUs: later, responseTimeUs: later + 900 });
  assert.deepEqual(kinds(5), [], 'not looked at yet');
  poll(HMI, ['10.0.1.10']);
  const keysAt = (second: number): string[] => {
    knowledge.endInterval([], BEGIN_US + second * 1_000_000);
    return knowledge.takeState(false).map(({ key }) => key);
  };
  const early = keysAt(12);
  assert.ok(early.includes('10.0.1.10'), 'new');
  assert.ok(!early.some((key) => key.startsWith('10.0.1.9 ')), 'went on as before');
  assert.ok(keysAt(62).some((key) => key.startsWith('10.0.1.9 ')));
});

test('many devices do not keep conversations and registers off the disk', () => {
  const { poll, knowledge, endInterval } = plant();
  for (let number = 0; number < 900; number++) {
    poll(HMI, [`10.2.${number >> 8}.${number & 255}`]);
  }
  endInterval();
  const kinds = knowledge.takeState(false).map(({ kind }) => kind);
  assert.equal(kinds.length, 512);
  for (const kind of ['asset', 'conversation', 'registers']) {
    assert.ok(kinds.filter((each) => each === kind).length > 100, kind);
  }
});

slowTest('state that makes no sense is refused, never thrown', () => {
  const kind = fc.constantFrom<StateRow['kind']>(
    'asset',
    'macAddress',
    'conversation',
    'registers',
    'node',
  );
  const body = fc.oneof(fc.string(), fc.json());
  fc.assert(
    fc.property(kind, fc.string(), body, (rowKind, key, text) => {
      const { knowledge } = plant();
      knowledge.restore([{ kind: rowKind, key, version: 1, body: text }], BEGIN_US);
      knowledge.listAssets();
      knowledge.conversations();
      knowledge.listRegisters({}, BEGIN_US);
    }),
    { numRuns: 300 },
  );
  const { knowledge } = plant();
  const counts = knowledge.restore([{ kind: 'asset', key: 'x', version: 2, body: '{}' }], BEGIN_US);
  assert.deepEqual(counts, { restored: 0, refused: 1 });
});
