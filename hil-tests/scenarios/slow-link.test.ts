/**
 * The line of an old radio, 9,600 bit/s: a thousand summaries wait, evidence is on its way, and an
 * alert is at the hub in seconds all the same. Measured from outside: the frame that causes it, the
 * agent's own word of it, and the row in the hub's database.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { eventually, ROOT } from '../bench-process.ts';
import { virtualTest } from '../plant/bench-test.ts';
import type { Sensor } from '../plant/sensor.ts';
import type { VirtualPlant } from '../plant/virtual-plant.ts';
import { report } from '../report.ts';

const BITS_PER_SECOND = 9600;
const SUMMARIES_WAITING = 1000;
const EVIDENCE_BYTES = 64 * 1024;
const CONNECT_MS_MAX = 5000;
/** From the agent's word of the detection to the hub's row. */
const ALERT_MS_MAX = 3000;
/** From the frame: a request without an answer is found when it is given up, half a second later. */
const ALERT_FROM_FRAME_MS_MAX = 3500;
const ALERTS = 5;
/** A summary of its own in between: the freshest goes before the backlog. */
const SUMMARY_INTERVAL_MS = 15_000;

virtualTest(
  { places: ['plc', 'hmi'], uplink: true, slowLink: true, onlyVirtual: 'read the hub database' },
  '9,600 bit/s, 1,000 summaries and 64 KiB of evidence waiting: alerts arrive within 3 s',
  async (context, plant) => {
    const server = await plant.modbusServer();
    const { credentials } = await plant.uplink.enrol(join(plant.folder, 'enrolment'));
    const sensor = plant.sensor({
      broker: plant.uplink.broker,
      credentials,
      summaryIntervalMs: SUMMARY_INTERVAL_MS,
    });
    const filled = fill(sensor.databasePath, credentials);
    report(context, '9,600 bit/s: messages waiting', filled, 'messages', '>=', SUMMARIES_WAITING);
    await plant.uplink.shape(BITS_PER_SECOND);
    await sensor.start();
    const connectMs = await connectedAfter(sensor);
    report(context, '9,600 bit/s: connected after', connectMs, 'ms', '<=', CONNECT_MS_MAX);

    // The first message measures the line; from then on the window is as wide as the line.
    await sensor.until(({ uplink }) => (uplink?.receiptsApplied ?? 0) > 0, 'a receipt', 60_000);
    const alerts = new Database(plant.uplink.hubDatabase, { readonly: true })
      .prepare<[], number>("SELECT count(*) FROM message_body WHERE kind = 'alert'")
      .pluck();
    for (let turn = 1; turn <= ALERTS; turn++) {
      // At another moment of the message under way each time.
      await delay(1000 + turn * 370);
      const before = alerts.get() ?? 0;
      const raisedBefore = (await sensor.status()).alertsRaised;
      const sentAtMs = performance.now();
      await sendFunctionZero(plant, server.ipAddress, turn);
      const raisedAtMs = await raisedAfter(sensor, raisedBefore);
      await eventually(
        () => ((alerts.get() ?? 0) > before ? true : undefined),
        'the alert',
        60_000,
      );
      const nowMs = performance.now();
      const name = `9,600 bit/s: alert ${turn} at the hub after`;
      report(context, `${name} the detection`, nowMs - raisedAtMs, 'ms', '<=', ALERT_MS_MAX);
      report(context, `${name} the frame`, nowMs - sentAtMs, 'ms', '<=', ALERT_FROM_FRAME_MS_MAX);
    }
    const { uplink } = await sensor.status();
    report(
      context,
      '9,600 bit/s: still waiting',
      uplink?.outboxMessages ?? 0,
      'messages',
      '>=',
      900,
    );
  },
);

/** Messages in the outbox of a sensor that isn't running; signed with its own key. */
function fill(buffer: string, credentials: string): number {
  mkdirSync(dirname(buffer), { recursive: true });
  const words = ['--buffer', buffer, '--credentials', credentials];
  const amount = ['--summaries', String(SUMMARIES_WAITING), '--evidence', String(EVIDENCE_BYTES)];
  const program = join(ROOT, 'bench/fill-outbox.ts');
  const run = spawnSync(process.execPath, [program, ...words, ...amount], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
  return Number(JSON.parse(run.stdout).outboxMessages);
}

async function connectedAfter(sensor: Sensor): Promise<number> {
  const beganMs = performance.now();
  await sensor.until(({ uplink }) => uplink?.isConnected === true, 'the connection', 60_000);
  return performance.now() - beganMs;
}

async function raisedAfter(sensor: Sensor, raisedBefore: number): Promise<number> {
  await eventually(
    async () => ((await sensor.statusNow())?.alertsRaised ?? 0) > raisedBefore || undefined,
    'the detection',
  );
  return performance.now();
}

/** Function code 0, which no device has: each unit is a case of its own. */
async function sendFunctionZero(plant: VirtualPlant, host: string, unitId: number): Promise<void> {
  const request = Buffer.from([0, unitId, 0, 0, 0, 2, unitId, 0]).toString('hex');
  const script =
    `const socket = require('node:net').connect(502, '${host}', () => {` +
    `socket.write(Buffer.from('${request}', 'hex'));` +
    'setTimeout(() => socket.destroy(), 300); }); socket.on("error", () => {});';
  await plant.place('hmi').run(process.execPath, '-e', script);
}
