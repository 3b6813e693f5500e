/**
 * What happens to the world of one seed, and how often: each seed takes some of the faults and
 * leaves others out, so that rare ones meet in every combination.
 */
import type { Gateway, GatewaySettings } from './gateway.ts';
import type { HubHost } from './hub-host.ts';
import { FAIR_WEATHER, type Network, type Weather } from './network.ts';
import type { World } from './world.ts';

const FAULTS_END_MS = 240_000;
const DOWN_MS_MAX = 25_000;
const CUT_MS_MAX = 60_000;
const YEARS_MS = 10 * 365.25 * 86_400_000;
/** Seeds whose quota is reached: long summaries, and for a while no way to the hub. */
const CROWDED_SHARE = 0.02;
const CROWDED_INTERVAL_MS = 3_000;
const CROWDED_CONVERSATIONS = 120;
const CROWDED_CUT_MS = 240_000;
const SUMMARY_INTERVAL_MS = 20_000;
const SMALL_QUOTA_MIB = 5;
const FILLER_BYTES = 550_000;
const QUOTA_MIB = 64;

export interface Site {
  readonly world: World;
  readonly network: Network;
  readonly hub: HubHost;
  readonly gateway: Gateway;
}

export interface FaultPlan {
  readonly gateway: GatewaySettings;
  readonly counts: Record<string, number>;
  run(site: Site): Promise<void>;
}

type Fault = (site: Site) => void | Promise<void>;

// biome-ignore format: one fault per line
const FAULTS: Readonly<Record<string, Fault>> = {
  agentKilled:        ({ world, gateway }) => gateway.crashSoon('kill', () => comeBack(world, () => gateway.start())),
  agentPowerCut:      ({ world, gateway }) => gateway.crashSoon('powerCut', () => comeBack(world, () => gateway.start())),
  agentRestarted:     async ({ gateway }) => { await gateway.stop(); gateway.start(); },
  agentCopied:        ({ gateway }) => gateway.backUp(),
  agentRestored:      ({ world, gateway }) => gateway.crashSoon('kill', () => comeBack(world, () => { gateway.restoreDatabase(); gateway.start(); })),
  agentClock:         ({ world, gateway }) => gateway.stepClock(anyOffset(world)),
  hubKilled:          ({ world, hub }) => hub.crashSoon('kill', () => comeBack(world, () => hub.start())),
  hubPowerCut:        ({ world, hub }) => hub.crashSoon('powerCut', () => comeBack(world, () => hub.start())),
  hubCopied:          ({ hub }) => hub.backUp(),
  hubRestored:        ({ world, hub }) => hub.crashSoon('kill', () => comeBack(world, () => { hub.restoreDatabase(); return hub.start(); })),
  hubClock:           ({ world, hub }) => hub.stepClock(hub.wallOffsetMs + world.random.pick([3_600_000, 86_400_000, YEARS_MS / 10])),
  partition:          ({ world, network }) => { network.cut(); world.after(world.between(1_000, CUT_MS_MAX), () => network.mend()); },
  agentLinkDropped:   ({ network }) => network.dropAgent(),
  hubLinkDropped:     ({ network }) => network.dropHub(),
  brokerRestarted:    ({ network }) => network.restartBroker(),
  evidenceAsked:      ({ hub, gateway }) => hub.askEvidence(gateway.anyDetectionId()),
};

/** Draws from the world's chance. */
export function faultsOf(world: World): FaultPlan {
  const { random } = world;
  const isCrowded = world.chance(CROWDED_SHARE);
  const gateway: GatewaySettings = {
    fillerBytes: isCrowded ? FILLER_BYTES : 0,
    quotaMiB: isCrowded ? SMALL_QUOTA_MIB : QUOTA_MIB,
    profile: random.pick(['normal', 'normal', 'metered']),
    sharing: random.pick(['minimal', 'full']),
    reportIntervalMs: isCrowded ? CROWDED_INTERVAL_MS : random.pick([12_000, 20_000, 30_000]),
    summaryIntervalMs: isCrowded ? CROWDED_INTERVAL_MS : SUMMARY_INTERVAL_MS,
    conversationsMax: isCrowded ? CROWDED_CONVERSATIONS : random.pick([0, 2, 4]),
    detections: random.pick([0.05, 0.2, 0.5]),
  };
  const weather = weatherOf(world);
  const drawn = Object.keys(FAULTS).filter(() => world.chance(0.6));
  // The end of another partition would be the end of the long one.
  const names = drawn.filter((name) => !isCrowded || name !== 'partition');
  const everyMs = random.pick([6_000, 10_000, 16_000]);
  const counts: Record<string, number> = {};
  return {
    gateway,
    counts,
    run: async (site) => {
      site.network.weather = weather;
      if (isCrowded) {
        site.network.cut();
        world.after(CROWDED_CUT_MS, () => site.network.mend());
      }
      while (world.nowMs < FAULTS_END_MS) {
        const untilMs = world.nowMs + world.between(1_000, 2 * everyMs);
        while (await world.step(untilMs));
        if (names.length === 0) continue;
        const name = random.pick(names);
        counts[name] = (counts[name] ?? 0) + 1;
        world.tell(`fault: ${name}`);
        await FAULTS[name](site);
      }
    },
  };
}

function weatherOf(world: World): Weather {
  const share = (most: number): number => (world.chance(0.5) ? world.between(0, most) : 0);
  return {
    lost: share(0.3),
    doubled: share(0.3),
    late: share(0.15),
    damaged: share(0.05),
    refused: share(0.1),
    delayMs: world.random.pick([FAIR_WEATHER.delayMs, 500, 4_000]),
    downMs: world.random.pick([FAIR_WEATHER.delayMs, 1_000, 30_000, 80_000]),
  };
}

function comeBack(world: World, start: () => void | Promise<void>): void {
  world.after(world.between(100, DOWN_MS_MAX), start);
}

function anyOffset(world: World): number {
  const { nowMs } = world;
  return world.random.pick([0, 0, YEARS_MS, -YEARS_MS, -(1_790_000_000_000 + nowMs), 3_600_000]);
}
