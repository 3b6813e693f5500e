// Knowledge under attack: a sweep of all registers of all units, more devices and more
// conversations than there is room for. Everything stays within its table, and is counted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssetTable } from '../agent/observe/asset-table.ts';
import { Knowledge } from '../agent/observe/knowledge.ts';
import { BEGIN_US, madeFlow, madeModbus, noDecode } from '../agent/observe/made-traffic.ts';
import { Observer } from '../agent/observe/observer.ts';
import type { FlowFacts } from '../protocols/flow.ts';
import { garbageCollector } from './collect-garbage.ts';
import { DIGEST } from './fuzz/null-sink.ts';

const collect = garbageCollector();
const UNITS = 247;
const READ = 128;
/** Heap and typed arrays of everything that observe keeps; the whole process has 128 MB. */
const BYTES_MAX = 60_000_000;
const ANSWER = `0380${'0007'.repeat(64)}`;

function plant() {
  const knowledge = new Knowledge({ digest: DIGEST, assets: new AssetTable() });
  const observer = new Observer({ interfaces: [], knowledge }, DIGEST);
  return {
    knowledge,
    poll(flow: FlowFacts, unitId: number, address = 0, second = 0): void {
      const request = `03${address.toString(16).padStart(4, '0')}0040`;
      const timeUs = BEGIN_US + second * 1_000_000;
      const times = { requestTimeUs: timeUs, responseTimeUs: timeUs + 900 };
      const transaction = madeModbus(request, ANSWER, { flow, unitId, ...times });
      observer.modbusTransaction(transaction);
      knowledge.modbusTransaction(transaction);
    },
    endInterval: (second: number) => {
      const toUs = BEGIN_US + second * 1_000_000;
      const report = observer.report(toUs - 1_000_000, toUs, [], noDecode());
      return { ...report, state: knowledge.takeState(false) };
    },
  };
}

function bytesUsed(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function flowTo(server: string, flowNumber: number, client = '10.0.0.5'): FlowFacts {
  const ipBytes = new Uint8Array(4);
  return madeFlow({
    flowNumber,
    slot: flowNumber % 8192,
    client: { ipAddress: client, ipBytes, port: 40_000 },
    server: { ipAddress: server, ipBytes, port: 502, macAddress: macOf(flowNumber) },
  });
}

function macOf(number: number): string {
  const hex = number.toString(16).padStart(8, '0');
  return `00:80:${hex.replace(/..(?!$)/g, '$&:')}`;
}

const tableOf = (knowledge: Knowledge, name: string) => {
  const found = knowledge.tables().find(({ table }) => table === name);
  if (found === undefined) throw new Error(`no table ${name}`);
  assert.ok(found.used <= found.max, `${name}: ${found.used} of ${found.max}`);
  return found;
};

test('a sweep of 65,536 registers on 247 units stays in its table and is counted', () => {
  const before = bytesUsed();
  const { knowledge, poll, endInterval } = plant();
  const flow = flowTo('10.0.1.9', 1);
  for (let unitId = 1; unitId <= UNITS; unitId++) {
    for (let address = 0; address < 65_536; address += READ / 2)
      poll(flow, unitId, address, unitId);
    endInterval(unitId);
  }
  const points = tableOf(knowledge, 'registerPoints');
  assert.equal(points.used, points.max, 'full');
  assert.equal(points.used + points.refused, UNITS * 65_536, 'every other point was counted');
  tableOf(knowledge, 'polls');
  const listed = knowledge.listRegisters({ rowsMax: 1000 }, BEGIN_US);
  assert.ok(listed.ranges.length <= 1000);
  assert.equal(listed.ranges[0].quantity, 65_536, 'compressed to one range a unit');
  const used = bytesUsed() - before;
  assert.ok(used < BYTES_MAX, `${used} bytes`);
});

test('10,000 devices and 100,000 conversations stay bounded and counted', () => {
  const before = bytesUsed();
  const { knowledge, poll, endInterval } = plant();
  let rowsMax = 0;
  for (let number = 0; number < 100_000; number++) {
    const server = number % 10_000;
    const client = `10.8.${number % 10}.${Math.floor(number / 10_000)}`;
    poll(flowTo(`10.1.${server >> 8}.${server & 255}`, number, client), 1, 0, number / 500);
    if (number % 500 !== 0) continue;
    const { state } = endInterval(number / 500);
    rowsMax = Math.max(rowsMax, state.length);
  }
  assert.ok(knowledge.listAssets().length >= 10_000);
  const conversations = tableOf(knowledge, 'conversationsKept');
  assert.ok(conversations.refused > 0);
  for (const { table } of knowledge.tables())
    if (table !== 'nodeMessages') tableOf(knowledge, table);
  assert.ok(rowsMax <= 512, `${rowsMax} rows of state in one delta`);
  const used = bytesUsed() - before;
  assert.ok(used < BYTES_MAX, `${used} bytes`);
});
