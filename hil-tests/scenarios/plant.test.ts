/**
 * The bench itself: the plant is up in seconds, goes without a trace, and what a killed one leaves
 * is removed by the next one.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { BenchProcess, ROOT } from '../bench-process.ts';
import { testNeeding } from '../needs.ts';
import { removeAbandoned, traces } from '../plant/abandoned.ts';
import type { BenchNeeds } from '../plant/bench.ts';
import { shellQuoted } from '../plant/host.ts';
import { loadInventory, parseInventory, whyNot } from '../plant/inventory.ts';
import { VirtualPlant } from '../plant/virtual-plant.ts';
import { report } from '../report.ts';

const UP_MS_MAX = 20_000;
const ROOT_AND_IP = [
  { kind: 'privilege', capability: 'root' },
  { kind: 'package', program: 'ip' },
  { kind: 'package', program: 'ethtool' },
] as const;

testNeeding(ROOT_AND_IP, 'up in seconds, gone without a trace', async (context) => {
  const beganMs = performance.now();
  const plant = await VirtualPlant.make({
    places: ['plc', 'hmi', 'opcuaServer', 'opcuaClient', 'attacker'],
  });
  report(context, 'plant: up', performance.now() - beganMs, 'ms', '<=', UP_MS_MAX);
  assert.notDeepEqual(traces('mine'), []);
  await plant.remove();
  assert.deepEqual(traces('mine'), []);
});

testNeeding(ROOT_AND_IP, 'a killed bench is cleaned up by the next one', async (context) => {
  const script = `
    import { VirtualPlant } from '${join(ROOT, 'hil-tests/plant/virtual-plant.ts')}';
    const plant = await VirtualPlant.make({ places: ['plc', 'hmi'] });
    plant.start(plant.place('plc'), ['sleep', '600']);
    console.log(JSON.stringify({ ready: 'plant' }));
    setInterval(() => {}, 1000);`;
  const bench = new BenchProcess([process.execPath, '--input-type=module', '-e', script]);
  await bench.ready();
  const { pid } = bench;
  const ownTraces = (): string[] =>
    traces('abandoned').filter((path) => path.includes(`ft-hil-${pid}-`));
  bench.signal('SIGKILL');
  await bench.ended();
  const left = ownTraces().length;
  report(context, 'plant: traces of a killed bench', left, 'traces', '>=', 4);
  await removeAbandoned();
  report(context, 'plant: traces after the next one', ownTraces().length, 'traces', '==', 0);
});

const REAL = `
sensor: { driver: ssh, destination: gw, ipAddress: 10.0.0.5, checkout: /opt/fieldtap,
  folder: /tmp/bench, interfaces: [{ name: eth1, role: mirror }] }
plc: { driver: device, ipAddress: 10.0.0.10, port: 502 }
hmi: { driver: ssh, destination: hmi, ipAddress: 10.0.0.20, checkout: /opt/fieldtap }
mirrorPort: { driver: managedSwitch, address: 10.0.0.1, community: bench, interfaceIndex: 5, kind: plain }
`;

test('an inventory file: what it has runs, what it lacks is a skip with a reason', () => {
  const inventory = parseInventory(REAL, 'bench.yaml');
  // biome-ignore format: one case per line
  const cases: readonly { needs: BenchNeeds; expect: string | undefined }[] = [
    { needs: { places: ['plc', 'hmi'] }, expect: undefined },
    { needs: { places: ['plc', 'opcuaServer'] }, expect: 'no role "opcuaServer" in the inventory' },
    { needs: { places: ['plc'], mirror: 'doubled' }, expect: 'no mirror port of kind "doubled" in the inventory' },
    { needs: { places: ['plc'], tapAt: 'plc' }, expect: 'the sensor has no tap pair in the inventory' },
    { needs: { places: ['plc'], uplink: true }, expect: 'no role "uplink"' },
    { needs: { places: ['plc'], onlyVirtual: 'stop time' }, expect: 'only the virtual plant can stop time' },
  ];
  for (const { needs, expect } of cases) assert.equal(whyNot(inventory, needs), expect);
  for (const { needs } of cases) assert.equal(whyNot({ kind: 'virtual' }, needs), undefined);
});

test('an inventory file: faults are sentences', () => {
  // biome-ignore format: one case per line
  const cases = [
    { text: 'plk: { driver: ssh }', fault: /"plk" is no role/ },
    { text: REAL.replace('port: 502', 'prt: 502'), fault: /"plc" lacks "port"/ },
    { text: REAL.replace('driver: device', 'driver: telnet'), fault: /"plc" takes the drivers ssh, device, not "telnet"/ },
    { text: `${REAL}serialBus: { driver: serialAdapter, client: /dev/ttyUSB0, server: /dev/serial/by-id/a, tap: /dev/serial/by-id/b, baudRate: 9600 }`, fault: /serialBus.client is not below/ },
    { text: 'plc: { driver: device, ipAddress: 1.2.3.4, port: 502 }', fault: /"sensor" is missing/ },
  ];
  for (const { text, fault } of cases) {
    assert.throws(() => parseInventory(text, 'bench.yaml'), fault);
  }
  assert.deepEqual(loadInventory('virtual'), { kind: 'virtual' });
});

test('words for a remote shell are quoted', () => {
  assert.equal(shellQuoted("it's $HOME"), "'it'\\''s $HOME'");
});
