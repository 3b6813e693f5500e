/**
 * One seed: a gateway and a hub live through an hour of faults, then the world is healed and runs
 * until nothing moves; then the books are compared.
 */

import { type FaultPlan, faultsOf } from './faults.ts';
import { Gateway, type GatewaySettings } from './gateway.ts';
import { HubHost } from './hub-host.ts';
import { AGENT_ID } from './keys.ts';
import { Ledger } from './ledger.ts';
import { Network } from './network.ts';
import { noPlant, type PlantName, plantOf } from './planted-bugs.ts';
import { judge } from './verdict.ts';
import { World } from './world.ts';

/** After the healing: backoff and repetitions are at most 300 s each. */
const QUIET_WITHIN_MS = 3_600_000;
/** Hub and gateway are up by then: a crash that was on its way has come. */
const BROKER_BACK_MS = [30_000, 45_000];
const STEPS_MAX = 200_000;
/** A last word on each stream comes after the healing, so that a hole at the end shows. */
const LAST_WORD_MS = 80_000;

export interface SeedResult {
  readonly seed: number;
  /** Sentences; none when all held. */
  readonly violations: readonly string[];
  readonly traceHash: string;
  readonly steps: number;
  readonly promised: number;
  readonly stored: number;
  /** Messages that made room, each named by a tombstone. */
  readonly evicted: number;
  readonly faults: Readonly<Record<string, number>>;
}

export interface SeedOptions {
  readonly plant?: PlantName;
  readonly print?: (line: string) => void;
}

export async function runSeed(seed: number, options: SeedOptions = {}): Promise<SeedResult> {
  const world = new World(seed, options.print);
  const plan = faultsOf(world);
  const network = new Network(world, AGENT_ID);
  const hub = new HubHost(world, network);
  const ledger = new Ledger((hubEpoch, place, sha256) => hub.hasCommitted(hubEpoch, place, sha256));
  const plant = options.plant === undefined ? noPlant : plantOf(options.plant, world);
  const gateway = new Gateway(world, plan.gateway, { network, ledger, plant });
  try {
    await hub.start();
    gateway.start();
    await plan.run({ world, network, hub, gateway });
    await heal(world, network, hub, gateway);
    const isQuiet = await runToQuiet(world, ledger, gateway, hub);
    if (isQuiet) judge(ledger, hub);
    const stored = hub.keys().length;
    const evicted = gateway.buffer?.statistics()?.counters.messagesEvicted ?? 0;
    for (const violation of ledger.violations) world.tell(`violated: ${violation}`);
    world.tell(`end: ${ledger.promises.size} promised, ${stored} stored`);
    return {
      seed,
      violations: ledger.violations,
      traceHash: world.traceHash(),
      steps: world.steps,
      promised: ledger.promises.size,
      stored,
      evicted,
      faults: plan.counts,
    };
  } finally {
    gateway.remove();
    await hub.remove();
  }
}

async function heal(world: World, network: Network, hub: HubHost, gateway: Gateway): Promise<void> {
  world.tell('the world is healed');
  network.heal();
  await hub.start();
  gateway.start();
  // A broker loses nothing unless it dies, and then its connections go as well. Twice: the hub asks
  // for a hole when it sees it again, and a stream with nothing to say shows it at births alone.
  for (const atMs of BROKER_BACK_MS) world.after(atMs, () => network.restartBroker());
}

/** True once everything was receipted; otherwise a violation is told. */
async function runToQuiet(
  world: World,
  ledger: Ledger,
  gateway: Gateway,
  hub: HubHost,
): Promise<boolean> {
  const endMs = world.nowMs + QUIET_WITHIN_MS;
  const lastWordMs = world.nowMs + LAST_WORD_MS;
  while (world.nowMs < endMs && world.steps < STEPS_MAX) {
    // A crash that was on its way may still come.
    if (!hub.isRunning) await hub.start();
    if (!gateway.isRunning) gateway.start();
    if (!(await world.step(endMs))) break;
    if (world.nowMs < lastWordMs) continue;
    if (gateway.buffer?.statistics()?.outboxMessages === 0) return true;
  }
  const waiting = gateway.buffer?.statistics()?.outboxMessages ?? 0;
  ledger.violate(`after ${QUIET_WITHIN_MS / 1000} s of peace ${waiting} messages still wait`);
  return false;
}

export type { FaultPlan, GatewaySettings };
