/**
 * How far the wall clock can be trusted, as the kernel knows it: adjtimex(2) only asks here and
 * needs no privilege. A gateway without a network time or a clock chip is told from a good one.
 */
import { existsSync } from 'node:fs';

export interface ClockTrust {
  readonly source: 'ptp' | 'ntp' | 'rtc' | 'none';
  /** Greatest believed error, milliseconds; absent when unknown. */
  readonly errorMs?: number;
}

/** linux/timex.h on 64-bit machines: offsets into `struct timex`, and a flag of `status`. */
const TIMEX_BYTES = 208;
const MAXERROR = 24;
const STATUS = 40;
const STA_UNSYNC = 0x40;

const RTC_DEVICES = ['/sys/class/rtc/rtc0', '/dev/rtc0'];

/** Asks the kernel with each call of what it answers. */
export async function openClockTrust(): Promise<() => ClockTrust> {
  try {
    const { default: koffi } = await import('koffi');
    const adjtimex = koffi.load('libc.so.6').func('int adjtimex(void *state)');
    return () => trustOf((state) => adjtimex(state));
  } catch {
    // No libc to ask: nothing is claimed about the clock.
    return () => ({ source: fallbackSource() });
  }
}

/** `adjtimex`: fills the state, answers below 0 when it can't. */
export function trustOf(
  adjtimex: (state: Uint8Array) => number,
  unsynchronized: () => ClockTrust['source'] = fallbackSource,
): ClockTrust {
  const state = new Uint8Array(TIMEX_BYTES);
  if (adjtimex(state) < 0) return { source: unsynchronized() };
  const view = new DataView(state.buffer);
  if ((view.getInt32(STATUS, true) & STA_UNSYNC) !== 0) return { source: unsynchronized() };
  return { source: 'ntp', errorMs: Number(view.getBigInt64(MAXERROR, true)) / 1000 };
}

function fallbackSource(): 'rtc' | 'none' {
  return RTC_DEVICES.some((path) => existsSync(path)) ? 'rtc' : 'none';
}
