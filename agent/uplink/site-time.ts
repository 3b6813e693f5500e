/**
 * What a message says about the time: the wall clock with its source, but never earlier than the
 * hub's signed time. A gateway that starts in 1970 tells the hub's time once it has one, and says
 * so; order is by sequence all the same.
 */
import type { ClockSource } from '../../protocols/uplink/messages.ts';
import type { Clock } from '../platform/clock.ts';
import type { ClockTrust } from '../platform/clock-source.ts';
import { OperatorFault } from '../platform/operator-fault.ts';

/** No gateway that runs this version lives before it was written. */
export const PROGRAM_BORN_MS = Date.UTC(2026, 8, 1);
/** What the wall clock may differ from the monotonic one in a second without being told. */
const STEP_MS_MIN = 2000;

export interface SignedTime {
  readonly signedAtMs: number;
  readonly clockSource: ClockSource;
  readonly clockErrorMs?: number;
}

export interface ClockStep {
  readonly fromMs: number;
  readonly toMs: number;
}

export class SiteTime {
  readonly #clock: Clock;
  readonly #trust: () => ClockTrust;
  #floorMs = 0;
  #floorAtMs = 0;
  #offsetMs: number;

  /** `floorMs`: the latest hub time that is known from before. */
  constructor(clock: Clock, trust: () => ClockTrust, floorMs = 0) {
    this.#clock = clock;
    this.#trust = trust;
    this.#offsetMs = clock.wallMs() - clock.monotonicMs();
    this.hubSays(floorMs);
  }

  /** `hubTimeMs`: out of a verified receipt or request; now is at least that. */
  hubSays(hubTimeMs: number): void {
    if (hubTimeMs <= this.lowestMs()) return;
    this.#floorMs = hubTimeMs;
    this.#floorAtMs = this.#clock.monotonicMs();
  }

  /** Now is at least this, whatever the wall clock says. */
  lowestMs(): number {
    if (this.#floorMs === 0) return 0;
    return this.#floorMs + this.#clock.monotonicMs() - this.#floorAtMs;
  }

  now(): SignedTime {
    const wallMs = this.#clock.wallMs();
    const lowestMs = this.lowestMs();
    if (lowestMs > 0 && wallMs < lowestMs) return { signedAtMs: lowestMs, clockSource: 'hub' };
    const signedAtMs = Math.max(0, wallMs);
    if (wallMs < PROGRAM_BORN_MS) return { signedAtMs, clockSource: 'none' };
    const { source, errorMs } = this.#trust();
    return {
      signedAtMs,
      clockSource: source,
      ...(errorMs !== undefined && { clockErrorMs: errorMs }),
    };
  }

  /** The wall clock against the monotonic one since the last call; undefined while they agree. */
  step(): ClockStep | undefined {
    const toMs = this.#clock.wallMs();
    const offsetMs = toMs - this.#clock.monotonicMs();
    const byMs = offsetMs - this.#offsetMs;
    this.#offsetMs = offsetMs;
    return Math.abs(byMs) < STEP_MS_MIN ? undefined : { fromMs: toMs - byMs, toMs };
  }

  /** The sentence that an operator needs where the clock would lock the gateway out. */
  fault(): OperatorFault | undefined {
    const wallMs = this.#clock.wallMs();
    const lowestMs = Math.max(this.lowestMs(), PROGRAM_BORN_MS);
    if (wallMs >= lowestMs - STEP_MS_MIN) return undefined;
    return new OperatorFault({
      code: 'UPLINK_CLOCK_BEHIND',
      problem:
        `This gateway's clock says ${dayOf(wallMs)}, and it is ${dayOf(lowestMs)} or later: ` +
        'certificates may look not valid yet.',
      remedy: 'Set the clock, give it a network time, or replace the battery of its clock chip.',
    });
  }
}

/** The lowest possible time where the clock is before it, for judging certificates by it. */
export function lowestTimeIfClockIsWrong(clock: Clock, hubTimeMs: number): number | undefined {
  const lowestMs = Math.max(PROGRAM_BORN_MS, hubTimeMs);
  return clock.wallMs() < lowestMs - STEP_MS_MIN ? lowestMs : undefined;
}

function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}
