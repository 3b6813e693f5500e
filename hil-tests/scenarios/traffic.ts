/**
 * Traffic of a known size for the scenarios, and the account of what the sensor made of it: what
 * the client counted and the switch's port sent, against what the sensor says.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { BenchProcess } from '../bench-process.ts';
import type { Bench, ModbusServerPlace, PlaceName } from '../plant/bench.ts';
import type { Sensor, SensorStatus } from '../plant/sensor.ts';

/** The sensor tells its counts once a second. */
const SETTLE_MS_MAX = 60_000;
const LOOK_MS = 200;

export interface BurstOptions {
  readonly transactions: number;
  /** Transactions a second; as fast as answers come unless given. */
  readonly rate?: number;
  /** Who asks; `hmi` unless given. */
  readonly from?: PlaceName;
}

export interface Burst {
  readonly requests: number;
  readonly answered: number;
  readonly seconds: number;
}

/** A client that is connected and waits for `go`. */
export function connectBurst(
  bench: Bench,
  server: ModbusServerPlace,
  { transactions, rate = 0, from = 'hmi' }: BurstOptions,
): Promise<BenchProcess> {
  const address = ['--host', server.ipAddress, '--port', String(server.port)];
  const amount = ['--count', String(transactions), '--rate', String(rate)];
  return bench.startDevice(bench.place(from), 'modbus-burst.ts', ...address, ...amount);
}

export async function go(client: BenchProcess): Promise<Burst> {
  client.tell('go');
  return done(client);
}

/** Waits for the end of a burst that was told to go. */
export async function done(client: BenchProcess): Promise<Burst> {
  const facts = await client.until(
    (process) => process.facts().find((fact) => 'done' in fact),
    'the end of its burst',
  );
  return {
    requests: Number(facts.requests),
    answered: Number(facts.answered),
    seconds: Number(facts.seconds),
  };
}

/** One connection, all its transactions, and its end. */
export async function burst(
  bench: Bench,
  server: ModbusServerPlace,
  options: BurstOptions,
): Promise<Burst> {
  const client = await connectBurst(bench, server, options);
  const result = await go(client);
  await client.stop();
  return result;
}

/** Sums over all interfaces of the sensor. */
export function framesOf(status: SensorStatus): { seen: number; dropped: number } {
  const sum = (key: 'framesSeen' | 'framesDropped'): number =>
    status.interfaces.reduce((total, each) => total + each[key], 0);
  return { seen: sum('framesSeen'), dropped: sum('framesDropped') };
}

/** The sensor's account when it has told of at least so many frames, seen or dropped. */
export function accounted(sensor: Sensor, frames: number): Promise<SensorStatus> {
  return sensor.until((status) => {
    const { seen, dropped } = framesOf(status);
    return seen + dropped >= frames;
  }, `${frames} frames to be accounted for`);
}

export interface Settled {
  readonly status: SensorStatus;
  /** Sent by the mirror so far. */
  readonly framesSent: number;
  /** Sent, and neither seen nor told as dropped; below 0 for more than were sent. */
  readonly unaccounted: number;
}

/**
 * The account once the plant is quiet: a late frame (an ACK, a neighbour's question) may come
 * between two readings, so both sides are read until they agree or a minute has passed.
 */
export async function settled(bench: Bench, sensor: Sensor): Promise<Settled> {
  const untilMs = performance.now() + SETTLE_MS_MAX;
  for (;;) {
    const status = await sensor.status();
    const { framesSent } = await bench.mirrorPort.counters();
    const { seen, dropped } = framesOf(status);
    const unaccounted = framesSent - seen - dropped;
    if (unaccounted === 0 || performance.now() > untilMs) {
      return { status, framesSent, unaccounted };
    }
    await delay(LOOK_MS);
  }
}
