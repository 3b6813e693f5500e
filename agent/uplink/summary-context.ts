/** What a summary says beside the reports: the site, the agent's health, the inventory's news. */
import type { AgentHealth, AssetChange } from '../../protocols/uplink/messages.ts';
import { ASSET_CHANGES_MAX } from '../../protocols/uplink/summary.ts';
import type { SharingPolicy } from './sharing.ts';
import type { SummaryContext } from './summarize.ts';
import type { UplinkOptions } from './uplink-types.ts';

/** Counters of the buffer that tell of something given up; others are not the hub's business. */
const LOSS = /(Evicted|Refused|Damaged|Lost|Folded)$/;
const LOSSES_MAX = 32;

export class SummaryContextSource {
  readonly #options: UplinkOptions;
  readonly #policy: SharingPolicy;
  readonly #startedAtMs: number;

  constructor(options: UplinkOptions, policy: SharingPolicy) {
    this.#options = options;
    this.#policy = policy;
    this.#startedAtMs = options.clock.monotonicMs();
  }

  now(): SummaryContext {
    const { siteName, sector, programVersion } = this.#options.settings;
    const pending = this.#options.assetChanges?.pending(ASSET_CHANGES_MAX);
    return {
      siteName,
      ...(sector !== undefined && { sector }),
      programVersion,
      health: this.#health(),
      ...(pending !== undefined && {
        assetChanges: pending.changes.map((change) => this.#shared(change)),
        assetChangesFolded: pending.folded,
      }),
    };
  }

  /** At `minimal` a fact that names or describes the device stays at home; its role may go. */
  #shared(change: AssetChange): AssetChange {
    if (this.#policy.sharesNames) return change;
    const { unitId: _, address, facts, ...rest } = change;
    return {
      ...rest,
      ...(address !== undefined && { address: this.#policy.address(address) }),
      facts: facts.filter(({ fact }) => fact === 'role'),
    };
  }

  #health(): Omit<AgentHealth, 'observationsFolded' | 'tables'> {
    const { buffer, clock } = this.#options;
    const residentBytes = this.#options.residentBytes ?? (() => process.memoryUsage.rss());
    const statistics = buffer.statistics();
    const losses = Object.entries(statistics?.counters ?? {})
      .filter(([name, count]) => LOSS.test(name) && count > 0)
      .slice(0, LOSSES_MAX)
      .map(([name, count]) => ({ name, count }));
    return {
      uptimeSeconds: (clock.monotonicMs() - this.#startedAtMs) / 1000,
      residentBytes: residentBytes(),
      outboxMessages: statistics?.outboxMessages ?? 0,
      outboxBytes: statistics?.outboxBytes ?? 0,
      databaseBytes: statistics?.databaseBytes ?? 0,
      ...(statistics !== undefined && { bytesWrittenToday: statistics.bytesWrittenToday }),
      ...(losses.length > 0 && { losses }),
    };
  }
}
