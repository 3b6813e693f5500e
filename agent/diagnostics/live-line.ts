/**
 * One line of the live stream as it comes over the socket, read without trust: the other end may be
 * another version, or not the agent at all. What has another shape is no interval.
 */
import type { LiveInterval } from './live-feed.ts';

const LISTS = ['coverage', 'conversations', 'observations', 'detections'] as const;
const COUNTS = ['fromUs', 'toUs'] as const;

export function liveInterval(line: string): LiveInterval | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return isInterval(value) ? value : undefined;
}

function isInterval(value: unknown): value is LiveInterval {
  if (typeof value !== 'object' || value === null) return false;
  if (!('kind' in value) || value.kind !== 'interval' || !('report' in value)) return false;
  const { report } = value;
  if (typeof report !== 'object' || report === null) return false;
  const fields = new Map<string, unknown>(Object.entries(report));
  const traffic = fields.get('traffic');
  return (
    typeof traffic === 'object' &&
    traffic !== null &&
    LISTS.every((name) => Array.isArray(fields.get(name))) &&
    COUNTS.every((name) => typeof fields.get(name) === 'number')
  );
}
