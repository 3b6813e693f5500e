/**
 * What happens to a plant in its life: somebody pulls the mirror's cable, a controller is replaced,
 * an operator station gets another address. The sensor goes on, and says what it missed.
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { benchTest, virtualTest } from '../plant/bench-test.ts';
import { report } from '../report.ts';
import { accounted, burst, framesOf } from './traffic.ts';

const TRANSACTIONS = 500;
const CABLE_OUT_MS = 2000;
/** The link is looked at four times a second, and told once a second. */
const NOTICED_MS_MAX = 5000;

benchTest(
  { places: ['plc', 'hmi'] },
  "the mirror's cable is pulled and put back",
  async (context, bench) => {
    const server = await bench.modbusServer();
    const sensor = bench.sensor();
    await sensor.start();
    await burst(bench, server, { transactions: TRANSACTIONS });
    const first = await bench.mirrorPort.counters();
    await accounted(sensor, first.framesSent);

    const outMs = performance.now();
    await bench.mirrorPort.set('down');
    await sensor.until(({ interfaces }) => !interfaces[0].linkUp, 'the link to be told as down');
    const noticedMs = performance.now() - outMs;
    report(context, 'cable: noticed as pulled', noticedMs, 'ms', '<=', NOTICED_MS_MAX);
    await delay(CABLE_OUT_MS);
    await burst(bench, server, { transactions: 100 });
    assert.equal(sensor.process.hasEnded, false);

    await bench.mirrorPort.set('up');
    const inMs = performance.now();
    await sensor.until(({ interfaces }) => interfaces[0].linkUp, 'the link to be told as up');
    report(context, 'cable: noticed as back', performance.now() - inMs, 'ms', '<=', NOTICED_MS_MAX);
    await burst(bench, server, { transactions: TRANSACTIONS });
    const { framesSent } = await bench.mirrorPort.counters();
    const status = await accounted(sensor, framesSent);
    report(context, 'cable: frames seen', framesOf(status).seen, 'frames', '==', framesSent);
    const { modbusTransactions } = status.traffic;
    report(
      context,
      'cable: transactions',
      modbusTransactions,
      'transactions',
      '==',
      2 * TRANSACTIONS,
    );
    report(context, 'cable: worker restarts', status.workerRestarts, 'restarts', '==', 0);
  },
);

virtualTest(
  { places: ['plc', 'hmi'], onlyVirtual: 'replace a device by itself' },
  'a controller is replaced: another device with the same address',
  async (context, plant) => {
    const server = await plant.modbusServer('plc');
    const sensor = plant.sensor();
    await sensor.start();
    await burst(plant, server, { transactions: TRANSACTIONS });
    const before = await plant.mirrorPort.counters();
    const { tables } = await accounted(sensor, before.framesSent);

    await plant.removePlace('plc');
    await plant.addPlace('plc2');
    const replaced = await plant.modbusServer('plc2');
    // The station has the old device's hardware address in its table.
    await plant.place('hmi').run('ip', 'neigh', 'flush', 'dev', 'eth0');
    await burst(plant, replaced, { transactions: TRANSACTIONS });
    const after = await plant.mirrorPort.counters();
    const status = await accounted(sensor, after.framesSent);
    const { modbusTransactions, modbusMalformed } = status.traffic;
    report(
      context,
      'PLC replaced: transactions',
      modbusTransactions,
      'transactions',
      '==',
      2 * TRANSACTIONS,
    );
    report(context, 'PLC replaced: malformed', modbusMalformed, 'messages', '==', 0);
    const grown = used(status.tables, 'conversations') - used(tables, 'conversations');
    report(context, 'PLC replaced: new conversations', grown, 'conversations', '==', 0);
  },
);

benchTest(
  { places: ['plc', 'hmi', 'hmi2'] },
  'an operator station is replaced: another address',
  async (context, bench) => {
    const server = await bench.modbusServer();
    const sensor = bench.sensor();
    await sensor.start();
    await burst(bench, server, { transactions: TRANSACTIONS });
    const first = await bench.mirrorPort.counters();
    const before = await accounted(sensor, first.framesSent);

    await burst(bench, server, { transactions: TRANSACTIONS, from: 'hmi2' });
    const second = await bench.mirrorPort.counters();
    await accounted(sensor, second.framesSent);
    const status = await sensor.until(
      ({ observations }) => observations > before.observations,
      'an observation of the new station',
    );
    const { modbusTransactions } = status.traffic;
    report(
      context,
      'HMI replaced: transactions',
      modbusTransactions,
      'transactions',
      '==',
      2 * TRANSACTIONS,
    );
    const assets = used(status.tables, 'assets') - used(before.tables, 'assets');
    report(context, 'HMI replaced: new assets', assets, 'assets', '==', 1);
    const told = status.observations - before.observations;
    report(context, 'HMI replaced: observations', told, 'observations', '>=', 1);
  },
);

function used(tables: readonly { table: string; used: number }[], name: string): number {
  return tables.find(({ table }) => table === name)?.used ?? Number.NaN;
}
