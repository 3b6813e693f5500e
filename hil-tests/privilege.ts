/** What this test run may do, and how a program is started that may do less. */
import { readFileSync } from 'node:fs';

/** Bit of CAP_NET_RAW (capabilities(7)). */
const NET_RAW = 13n;

/** True when a program started from here may open a capture socket. */
export function mayCapture(): boolean {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    const effective = BigInt(`0x${/CapEff:\s*([0-9a-f]+)/.exec(status)?.[1] ?? '0'}`);
    return ((effective >> NET_RAW) & 1n) === 1n;
  } catch {
    return false;
  }
}

/** Words before a program that take the permission to capture away, whoever runs it. */
export function withoutCapture(): readonly string[] {
  if (!mayCapture()) return [];
  return ['setpriv', '--inh-caps=-net_raw', '--bounding-set=-net_raw', '--ambient-caps=-net_raw'];
}

/** Nobody's on most machines; a file of his is somebody else's to every test. */
export const SOMEBODY = 65_534;

/**
 * Words before a program that leave root without any power: files of SOMEBODY are closed to it by
 * their mode. It is still the owner of the checkout, which another user might not be able to read.
 */
export const WITHOUT_POWER = ['setpriv', '--inh-caps=-all', '--bounding-set=-all'] as const;
