/**
 * The clock: before the program's own date it is surely wrong; a step shows between wall clock and
 * uptime; the hub's signed time tells how far off it is; the kernel tells whether anybody keeps it.
 */
import { type Finding, fault, good, unknown, warning } from '../check.ts';
import type { DoctorFacts } from '../doctor-facts.ts';

const STEP_MS_MAX = 5000;
/** A receipt travels seconds on a slow link; certificates and people notice minutes. */
const OFF_MS_MAX = 60_000;
/** A correct program is not used longer than this. */
const FUTURE_MS_MAX = 20 * 365 * 86_400_000;

export function clockChecks(facts: DoctorFacts): Finding[] {
  const { clock, status } = facts;
  const now = new Date(clock.wallMs).toISOString();
  if (clock.wallMs < clock.programDateMs || clock.wallMs > clock.programDateMs + FUTURE_MS_MAX) {
    const isBefore = clock.wallMs < clock.programDateMs;
    return [
      fault('clock', `${now.slice(0, 16)}Z`, {
        cause: isBefore
          ? 'The clock stands before the date of this program: it was not set since power came.'
          : 'The clock stands decades after the date of this program.',
        remedy: 'Set it (timedatectl set-time, or NTP), and check the battery of its clock.',
      }),
    ];
  }
  const offMs = hubOffset(facts);
  if (offMs !== undefined && Math.abs(offMs) > OFF_MS_MAX) {
    return [
      fault('clock', `${span(offMs)} off, by the hub's clock`, {
        cause: `The clock is ${span(offMs)} ${offMs > 0 ? 'behind' : 'ahead of'} the hub's.`,
        remedy: 'Let the gateway take its time from a server it can reach (NTP), and look again.',
      }),
    ];
  }
  const steppedMs = stepOf(facts);
  if (steppedMs !== undefined && Math.abs(steppedMs) > STEP_MS_MAX) {
    return [
      warning('clock', `stepped by ${span(steppedMs)} since the agent's start`, {
        cause: 'The clock was set while the agent ran. Order is kept; times around it are unsure.',
        remedy: 'Nothing, if that was you. Else look which service sets the clock (NTP, operator).',
      }),
    ];
  }
  if (clock.isSynchronized === undefined) return [unknown('clock', now)];
  if (!clock.isSynchronized) {
    const since = status === undefined ? '' : ' The order of messages is kept all the same.';
    return [
      warning('clock', `${now.slice(0, 16)}Z, no source`, {
        cause: `Nothing keeps this clock right: no NTP or PTP service has set it.${since}`,
        remedy: 'Set up chrony or systemd-timesyncd with a server of the plant, or a GPS clock.',
      }),
    ];
  }
  const error = clock.errorMs === undefined ? '' : `, within ${Math.ceil(clock.errorMs)} ms`;
  return [good('clock', `kept by a time service${error}`)];
}

/** Hub's time minus ours at the last receipt; above 0 we are behind. */
function hubOffset({ status, buffer }: DoctorFacts): number | undefined {
  const receipt = (status?.buffer ?? buffer)?.lastReceipt;
  return receipt && receipt.hubTimeMs - receipt.appliedMs;
}

function stepOf({ status, clock }: DoctorFacts): number | undefined {
  if (status?.startedAtMs === undefined) return undefined;
  return clock.wallMs - status.startedAtMs - status.uptimeSeconds * 1000;
}

function span(milliseconds: number): string {
  const seconds = Math.round(Math.abs(milliseconds) / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
