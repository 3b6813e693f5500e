/**
 * What a mirror port brings arrives whole and in order, and the faults that real mirrors have are
 * borne: one direction only, everything twice, a VLAN tag, two redundant networks, a tap's two ports.
 */
import assert from 'node:assert/strict';
import { benchTest, virtualTest } from '../plant/bench-test.ts';
import { MIRROR_INTERFACE } from '../plant/virtual-plant.ts';
import { report } from '../report.ts';
import { watch } from './reference.ts';
import { accounted, burst, framesOf } from './traffic.ts';

const TRANSACTIONS = 3300;
const FRAMES = 2 * TRANSACTIONS;

virtualTest(
  { places: ['plc', 'hmi'], onlyVirtual: 'watch both ends of the mirror', programs: ['tcpdump'] },
  'every mirrored frame is seen, in order',
  async (context, plant) => {
    const server = await plant.modbusServer();
    const sensor = plant.sensor();
    await sensor.start();
    const atServer = await watch(plant, plant.place('plc'), 'eth0');
    const atSensor = await watch(plant, plant.sensorHost, MIRROR_INTERFACE);
    const before = await plant.mirrorPort.counters();
    const { answered } = await burst(plant, server, { transactions: TRANSACTIONS });
    const [sent, mirrored] = await Promise.all([atServer.frames(), atSensor.frames()]);
    const frames = (await plant.mirrorPort.counters()).framesSent - before.framesSent;
    const status = await accounted(sensor, frames);
    report(context, 'mirror: transactions answered', answered, 'transactions', '==', TRANSACTIONS);
    report(context, 'mirror: frames sent by the mirror', frames, 'frames', '>=', FRAMES);
    report(
      context,
      'mirror: frames seen by the sensor',
      framesOf(status).seen,
      'frames',
      '==',
      frames,
    );
    const outOfOrder = sent.findIndex((frame, index) => frame !== mirrored[index]);
    report(context, 'mirror: first frame out of order', outOfOrder, 'index', '==', -1);
    const { traffic } = status;
    report(
      context,
      'mirror: transactions paired',
      traffic.modbusTransactions,
      'transactions',
      '==',
      TRANSACTIONS,
    );
    report(context, 'mirror: bytes missed', traffic.bytesMissed, 'bytes', '==', 0);
  },
);

benchTest(
  { places: ['plc', 'hmi'], mirror: 'oneSided' },
  'a mirror of one direction: all requests, no response, and no word of lost bytes that were none',
  async (context, bench) => {
    const server = await bench.modbusServer();
    const sensor = bench.sensor();
    await sensor.start();
    await burst(bench, server, { transactions: TRANSACTIONS });
    const { framesSent } = await bench.mirrorPort.counters();
    const { traffic } = await accounted(sensor, framesSent);
    report(context, 'one-sided: requests', traffic.modbusRequests, 'requests', '==', TRANSACTIONS);
    report(context, 'one-sided: responses', traffic.modbusResponses, 'responses', '==', 0);
    report(context, 'one-sided: malformed', traffic.modbusMalformed, 'messages', '==', 0);
  },
);

const DOUBLED = ['doubled', 'prp'] as const;
for (const mirror of DOUBLED) {
  benchTest(
    { places: ['plc', 'hmi'], mirror },
    `each frame twice (${mirror}): every message counts once`,
    async (context, bench) => {
      const server = await bench.modbusServer();
      const sensor = bench.sensor();
      await sensor.start();
      await burst(bench, server, { transactions: TRANSACTIONS, rate: 2000 });
      const { framesSent } = await bench.mirrorPort.counters();
      const { traffic } = await accounted(sensor, framesSent);
      report(context, `${mirror}: frames`, traffic.frames, 'frames', '>=', 2 * FRAMES);
      report(
        context,
        `${mirror}: requests`,
        traffic.modbusRequests,
        'requests',
        '==',
        TRANSACTIONS,
      );
      report(
        context,
        `${mirror}: responses`,
        traffic.modbusResponses,
        'responses',
        '==',
        TRANSACTIONS,
      );
      report(
        context,
        `${mirror}: paired`,
        traffic.modbusTransactions,
        'transactions',
        '==',
        TRANSACTIONS,
      );
      report(context, `${mirror}: malformed`, traffic.modbusMalformed, 'messages', '==', 0);
    },
  );
}

benchTest(
  { places: ['plc', 'hmi'], mirror: 'vlanTrunk' },
  'a mirror that is a VLAN trunk: the tag is no obstacle',
  async (context, bench) => {
    const server = await bench.modbusServer();
    const sensor = bench.sensor();
    await sensor.start();
    await burst(bench, server, { transactions: TRANSACTIONS });
    const { framesSent } = await bench.mirrorPort.counters();
    const { traffic } = await accounted(sensor, framesSent);
    report(
      context,
      'VLAN trunk: paired',
      traffic.modbusTransactions,
      'transactions',
      '==',
      TRANSACTIONS,
    );
  },
);

benchTest(
  { places: ['plc', 'hmi'], tapAt: 'plc' },
  'a tap with two ports: merged, as if it were one',
  async (context, bench) => {
    const server = await bench.modbusServer();
    const sensor = bench.sensor();
    await sensor.start();
    await burst(bench, server, { transactions: TRANSACTIONS });
    const { traffic, interfaces } = await accounted(sensor, FRAMES);
    report(context, 'tap: paired', traffic.modbusTransactions, 'transactions', '==', TRANSACTIONS);
    report(context, 'tap: bytes missed', traffic.bytesMissed, 'bytes', '==', 0);
    for (const { interfaceName, framesSeen } of interfaces) {
      assert.ok(framesSeen >= TRANSACTIONS, `${interfaceName} heard ${framesSeen} frames`);
    }
  },
);
