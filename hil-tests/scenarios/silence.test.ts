/**
 * The first promise: the sensor's port sends nothing, whatever happens to the sensor. Three
 * counters say so, and a negative control shows that they can say otherwise.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { virtualTest } from '../plant/bench-test.ts';
import type { Silence } from '../plant/silence.ts';
import { report } from '../report.ts';
import { flood } from './flood.ts';
import { accounted, burst } from './traffic.ts';

const FRAMES = 100_000;
const DELIBERATE = 5;

virtualTest(
  {
    places: ['plc', 'hmi', 'attacker'],
    onlyVirtual: 'count at a netfilter hook',
    programs: ['nft'],
  },
  'after 100,000 frames, a restart, a crash and a flood, the port has sent nothing',
  async (context, plant) => {
    const silence = plant.silence();
    await silence.setGuard(true);
    const server = await plant.modbusServer();
    const sensor = plant.sensor();
    await sensor.start();
    await burst(plant, server, { transactions: FRAMES / 2 });
    const { framesSent } = await plant.mirrorPort.counters();
    report(context, 'silence: frames heard', framesSent, 'frames', '>=', FRAMES);
    await accounted(sensor, FRAMES);
    tell(context, 'after 100,000 frames', await silence.read());

    await sensor.stop();
    await sensor.start();
    tell(context, 'after a restart', await silence.read());

    await sensor.kill();
    tell(context, 'after a crash', await silence.read());
    await sensor.start();

    // To everybody: requests that a host would answer (ARP, ICMP), to addresses nobody has.
    const { sent: frames } = await flood(plant.place('attacker'), { frames: FRAMES, rate: 0 });
    report(context, 'silence: frames of the flood', frames, 'frames', '>=', FRAMES);
    await burst(plant, server, { transactions: 100 });
    tell(context, 'after a flood', await silence.read());
    await sensor.stop();
    tell(context, 'after its end', await silence.read());
    assert.deepEqual(await silence.addresses(), [], 'the port has no address');
  },
);

virtualTest(
  { places: [], onlyVirtual: 'count at a netfilter hook', programs: ['nft'] },
  'negative control: a frame sent deliberately is counted, and without the guard it arrives',
  async (context, plant) => {
    const silence = plant.silence();
    await silence.setGuard(true);
    await silence.sendDeliberately(DELIBERATE);
    const guarded = await silence.read();
    report(
      context,
      'control: counted with the guard',
      guarded.egress,
      'frames',
      '==',
      2 * DELIBERATE,
    );
    report(context, 'control: arrived with the guard', guarded.arrived, 'frames', '==', 0);

    await silence.setGuard(false);
    await silence.sendDeliberately(DELIBERATE);
    const open = await silence.read();
    report(context, 'control: arrived without it', open.arrived, 'frames', '==', 2 * DELIBERATE);
    assert.throws(() => assertSilent(open), /is not silent/);
  },
);

function tell(context: TestContext, when: string, silence: Silence): void {
  assertSilent(silence);
  report(context, `silence ${when}: egress hook`, silence.egress, 'frames', '==', 0);
  report(context, `silence ${when}: port sent`, silence.sent, 'frames', '==', 0);
  report(context, `silence ${when}: switch received`, silence.arrived, 'frames', '==', 0);
}

function assertSilent({ egress, sent, arrived }: Silence): void {
  const isSilent = egress === 0 && sent === 0 && arrived === 0;
  assert.ok(
    isSilent,
    `the port is not silent: ${egress} at the hook, ${sent} sent, ${arrived} arrived`,
  );
}
