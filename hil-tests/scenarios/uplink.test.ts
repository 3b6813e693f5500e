/**
 * The way to the hub at its worst: cut, slow, with a dead broker, with a clock that jumps, and with
 * strangers at the broker. What was signed arrives once, and what can't be delivered is told.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { compareDatabases } from '../databases.ts';
import { virtualTest } from '../plant/bench-test.ts';
import { FAKETIME, type KeyPair } from '../plant/pki.ts';
import type { Sensor } from '../plant/sensor.ts';
import type { VirtualPlant } from '../plant/virtual-plant.ts';
import { report } from '../report.ts';
import { burst } from './traffic.ts';

const SUMMARY_INTERVAL_MS = 1000;
const CUT_MS = 4000;
/** Own backoff reaches some seconds in the time that a link is cut here. */
const BACK_MS_MAX = 60_000;

virtualTest(
  { places: ['plc', 'hmi'], uplink: true, onlyVirtual: 'read both databases' },
  'the link goes down and comes back; the broker and the hub are killed: all of it arrives, once',
  async (context, plant) => {
    const server = await plant.modbusServer();
    const sensor = await plant.enrolledSensor(SUMMARY_INTERVAL_MS);
    await sensor.start();
    await receipted(sensor, 2);

    await plant.uplink.set('down');
    await burst(plant, server, { transactions: 200 });
    await delay(CUT_MS);
    await plant.uplink.set('up');
    report(
      context,
      'link cut: all receipted after',
      await caughtUp(sensor),
      'ms',
      '<=',
      BACK_MS_MAX,
    );

    await plant.uplink.killBroker();
    await sensor.until(({ uplink }) => uplink?.isConnected === false, 'the broker to be missed');
    await burst(plant, server, { transactions: 200 });
    await delay(CUT_MS);
    await plant.uplink.startBroker();
    report(
      context,
      'broker killed: all receipted after',
      await caughtUp(sensor),
      'ms',
      '<=',
      BACK_MS_MAX,
    );

    await plant.uplink.killHub();
    await delay(CUT_MS);
    await plant.uplink.startHub();
    report(
      context,
      'hub killed: all receipted after',
      await caughtUp(sensor),
      'ms',
      '<=',
      BACK_MS_MAX,
    );
    await account(context, 'link', sensor, plant);
  },
);

const SLOW_BITS_PER_SECOND = 9600;
/** Mutual TLS alone is 1.5 to 1.9 s of such a line. */
const CONNECT_MS_MAX = 15_000;

virtualTest(
  { places: ['plc', 'hmi'], uplink: true, slowLink: true, onlyVirtual: 'read both databases' },
  'a link of 9,600 bit/s: connected in seconds, summaries arrive',
  async (context, plant) => {
    const server = await plant.modbusServer();
    await plant.uplink.shape(SLOW_BITS_PER_SECOND);
    const sensor = await plant.enrolledSensor(5000);
    await sensor.start();
    const beganMs = performance.now();
    await sensor.until(({ uplink }) => uplink?.isConnected === true, 'the connection', 60_000);
    const connectMs = performance.now() - beganMs;
    report(context, '9,600 bit/s: connected after', connectMs, 'ms', '<=', CONNECT_MS_MAX);
    await burst(plant, server, { transactions: 200 });
    await receipted(sensor, 2);
    await plant.uplink.shape(0);
    await caughtUp(sensor);
    await account(context, '9,600 bit/s', sensor, plant);
  },
);

/** Forward an hour, back two, forward ten years, and to the morning of the epoch. */
const JUMPS = ['+1h', '-1h', '+10y', '-10y'] as const;

virtualTest(
  {
    places: ['plc', 'hmi'],
    uplink: true,
    longCertificates: true,
    onlyVirtual: 'give one process a clock of its own',
  },
  "the gateway's clock jumps: order is kept, nothing is lost, nothing stops",
  async (context, plant) => {
    const server = await plant.modbusServer();
    const sensor = await plant.enrolledSensor(SUMMARY_INTERVAL_MS);
    const clockFile = join(plant.folder, 'clock');
    writeFileSync(clockFile, '+0');
    // The clock of this one process: the machine's own is never touched.
    const clock = {
      LD_PRELOAD: FAKETIME,
      FAKETIME_TIMESTAMP_FILE: clockFile,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    await sensor.start({ env: clock });
    await receipted(sensor, 1);
    for (const jump of JUMPS) {
      writeFileSync(clockFile, jump);
      const before = await sensor.status();
      await burst(plant, server, { transactions: 100 });
      const after = await sensor.until(
        ({ uplink, traffic }) =>
          (uplink?.summariesSigned ?? 0) >= (before.uplink?.summariesSigned ?? 0) + 2 &&
          traffic.modbusTransactions >= before.traffic.modbusTransactions + 100,
        `traffic and summaries after ${jump}`,
      );
      const { modbusTransactions } = after.traffic;
      const more = modbusTransactions - before.traffic.modbusTransactions;
      report(context, `clock ${jump}: transactions`, more, 'transactions', '==', 100);
      report(context, `clock ${jump}: worker restarts`, after.workerRestarts, 'restarts', '==', 0);
    }
    writeFileSync(clockFile, '+0');
    await caughtUp(sensor);
    await account(context, 'clock', sensor, plant);
  },
);

virtualTest(
  { places: [], uplink: true, onlyVirtual: 'make certificates', programs: ['mosquitto_pub'] },
  'strangers at the broker: refused, and a name may write below itself only',
  async (context, plant) => {
    const { authority } = plant.uplink;
    const rogue = await authority.issue('rogue', 'rogue');
    const selfSigned = await authority.issue('self', 'rogue', { isSelfSigned: true });
    const topic = 'ft/v1/rogue/up/st';
    // biome-ignore format: one case per line
    const cases = [
      { name: 'its own name', pair: rogue, topic, isAccepted: true },
      { name: 'no certificate', pair: undefined, topic, isAccepted: false },
      { name: 'a self-signed certificate', pair: selfSigned, topic, isAccepted: false },
      { name: "another agent's topic", pair: rogue, topic: 'ft/v1/other/up/st', isAccepted: false },
      { name: "the hub's topic", pair: rogue, topic: 'ft/v1/rogue/dn/r', isAccepted: false },
    ];
    for (const { name, pair, topic: to, isAccepted } of cases) {
      const accepted = await isPublished(plant, pair, to);
      report(
        context,
        `broker, ${name}: accepted`,
        accepted ? 1 : 0,
        'messages',
        '==',
        isAccepted ? 1 : 0,
      );
    }
  },
);

/** True when the broker acknowledged it without a reason code against it (MQTT 5). */
async function isPublished(
  plant: VirtualPlant,
  pair: KeyPair | undefined,
  topic: string,
): Promise<boolean> {
  const { hostname, port } = new URL(plant.uplink.broker);
  const words = ['mosquitto_pub', '-V', '5', '-h', hostname, '-p', port, '-q', '1', '-d'];
  words.push('-t', topic, '-m', 'x', '--cafile', plant.uplink.authority.certificate);
  if (pair !== undefined) words.push('--cert', pair.certificate, '--key', pair.key);
  const { exitCode, stdout, stderr } = await plant.sensorHost.start(words).ended();
  return exitCode === 0 && !/RC:1[0-9]{2}|not authori[sz]ed/i.test(stdout + stderr);
}

/** At least so many receipts have been applied. */
async function receipted(sensor: Sensor, receipts: number): Promise<void> {
  await sensor.until(
    ({ uplink }) => (uplink?.receiptsApplied ?? 0) >= receipts,
    `${receipts} receipts`,
    BACK_MS_MAX,
  );
}

/** Milliseconds until the sensor is connected and at most the newest summary waits. */
async function caughtUp(sensor: Sensor): Promise<number> {
  const beganMs = performance.now();
  await sensor.until(
    ({ uplink }) => uplink?.isConnected === true && uplink.outboxMessages <= 1,
    'the outbox to empty',
    BACK_MS_MAX,
  );
  return performance.now() - beganMs;
}

/** Ends both programs and holds their databases against each other. */
async function account(
  context: TestContext,
  name: string,
  sensor: Sensor,
  plant: VirtualPlant,
): Promise<void> {
  await sensor.stop();
  await plant.uplink.stop();
  const agent = new Database(sensor.databasePath, { readonly: true });
  const hub = new Database(plant.uplink.hubDatabase, { readonly: true });
  const { faults, signed, stored } = compareDatabases(
    (sql) => agent.prepare<[], never>(sql).all(),
    (sql) => hub.prepare<[], never>(sql).all(),
  );
  agent.close();
  hub.close();
  assert.deepEqual(faults, []);
  report(context, `${name}: messages signed`, signed, 'messages', '>=', 3);
  report(context, `${name}: stored at the hub`, stored, 'messages', '>=', 3);
  report(context, `${name}: lost or doubled`, faults.length, 'messages', '==', 0);
}
