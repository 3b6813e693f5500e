/**
 * When the gateway or the network is beyond what was planned for: a storm, a memory limit, a
 * process that stands still. The sensor may lose frames, and says how many; it never dies of it.
 */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { compareDatabases } from '../databases.ts';
import { benchTest, virtualTest } from '../plant/bench-test.ts';
import { MemoryLimit } from '../plant/memory-limit.ts';
import { report } from '../report.ts';
import { flood } from './flood.ts';
import { burst, connectBurst, done, framesOf, go, settled } from './traffic.ts';

const SITE_RATE = 200;
const SECONDS = 5;
/** Each transaction is a request, a response and now and then an ACK. */
const STORM_FRAMES_PER_SECOND = 10 * 2 * SITE_RATE;

benchTest(
  { places: ['plc', 'hmi', 'attacker'] },
  "a storm at ten times the site's rate: nothing of the site is lost",
  async (context, bench) => {
    const server = await bench.modbusServer();
    const sensor = bench.sensor();
    await sensor.start();
    const transactions = SITE_RATE * SECONDS;
    const client = await connectBurst(bench, server, { transactions, rate: SITE_RATE });
    const storm = { frames: STORM_FRAMES_PER_SECOND * SECONDS, rate: STORM_FRAMES_PER_SECOND };
    const [site, { sent }] = await Promise.all([go(client), flood(bench.place('attacker'), storm)]);
    const { status, unaccounted } = await settled(bench, sensor);
    const { dropped } = framesOf(status);
    report(context, 'storm: frames of the storm', sent, 'frames', '>=', storm.frames);
    report(context, 'storm: frames unaccounted for', unaccounted, 'frames', '==', 0);
    report(context, 'storm: frames dropped', dropped, 'frames', '==', 0);
    const { modbusTransactions } = status.traffic;
    report(context, 'storm: transactions', modbusTransactions, 'transactions', '==', site.answered);
    report(context, 'storm: worker restarts', status.workerRestarts, 'restarts', '==', 0);
  },
);

const STOPPED_MS = 10_000;

benchTest(
  { places: ['plc', 'hmi'], onlyVirtual: 'stop the process' },
  'the sensor stands still for 10 s (SIGSTOP): what it lost is told, and it goes on',
  async (context, bench) => {
    const server = await bench.modbusServer();
    const sensor = bench.sensor();
    await sensor.start();
    const rate = 2000;
    const transactions = (rate * STOPPED_MS) / 1000 + rate;
    const client = await connectBurst(bench, server, { transactions, rate });
    client.tell('go');
    await delay(500);
    sensor.process.signal('SIGSTOP');
    await delay(STOPPED_MS);
    sensor.process.signal('SIGCONT');
    await done(client);
    const { status, framesSent, unaccounted } = await settled(bench, sensor);
    const { dropped } = framesOf(status);
    report(context, 'SIGSTOP: frames sent', framesSent, 'frames', '>=', transactions);
    report(context, 'SIGSTOP: frames dropped and told', dropped, 'frames', '>=', 1);
    report(context, 'SIGSTOP: frames unaccounted for', unaccounted, 'frames', '==', 0);
    report(context, 'SIGSTOP: bytes told as missed', status.traffic.bytesMissed, 'bytes', '>=', 1);
    report(context, 'SIGSTOP: worker restarts', status.workerRestarts, 'restarts', '==', 0);

    const before = status.traffic.modbusTransactions;
    await burst(bench, server, { transactions: 100 });
    const after = await sensor.until(
      ({ traffic }) => traffic.modbusTransactions >= before + 100,
      'the traffic after it',
    );
    const more = after.traffic.modbusTransactions - before;
    report(context, 'SIGSTOP: transactions after it', more, 'transactions', '==', 100);
  },
);

/** DESIGN: the whole process in 128 MB under a flood; the service's hard limit is 160. */
const MEMORY_LIMIT_BYTES = 160e6;
const SUMMARY_INTERVAL_MS = 1000;

virtualTest(
  { places: ['plc', 'hmi', 'attacker'], uplink: true, onlyVirtual: 'set a memory limit' },
  'killed for memory: started again, it has lost nothing that it had signed',
  async (context, plant) => {
    const server = await plant.modbusServer();
    const sensor = await plant.enrolledSensor(SUMMARY_INTERVAL_MS);
    const limit = MemoryLimit.make();
    plant.endWith(async () => limit.remove());
    await sensor.start({ before: limit.words });
    limit.take(sensor.process.pid);
    await limit.set(MEMORY_LIMIT_BYTES);
    context.diagnostic(`the limit is set by ${limit.kind}`);
    await burst(plant, server, { transactions: 2000 });
    const { residentBytes } = await sensor.until(
      ({ uplink }) => (uplink?.summariesSigned ?? 0) >= 2,
      'two summaries',
    );
    report(context, 'OOM: resident memory before', residentBytes / 1e6, 'MB');

    report(context, 'OOM: memory of its group before', limit.usedBytes() / 1e6, 'MB');
    await limit.tighten();
    for (let round = 0; round < 5 && !sensor.process.hasEnded; round++) {
      await flood(plant.place('attacker'), { frames: 20_000, rate: 0 });
      await delay(500);
      await limit.tighten();
    }
    const { signal } = await sensor.process.ended();
    assert.ok(limit.kind === 'prlimit' || signal === 'SIGKILL', `it ended by ${signal}`);
    const beganMs = performance.now();
    await sensor.start();
    report(context, 'OOM: capturing again', performance.now() - beganMs, 'ms', '<=', 60_000);
    await burst(plant, server, { transactions: 100 });
    await sensor.until(({ uplink }) => (uplink?.summariesSigned ?? 0) >= 2, 'two more summaries');
    await sensor.stop();
    await plant.uplink.stop();

    const agent = new Database(sensor.databasePath, { readonly: true });
    const hub = new Database(plant.uplink.hubDatabase, { readonly: true });
    const account = compareDatabases(
      (sql) => agent.prepare<[], never>(sql).all(),
      (sql) => hub.prepare<[], never>(sql).all(),
    );
    agent.close();
    hub.close();
    assert.deepEqual(account.faults, []);
    report(context, 'OOM: messages signed', account.signed, 'messages', '>=', 4);
    report(context, 'OOM: lost or doubled', account.faults.length, 'messages', '==', 0);
  },
);
