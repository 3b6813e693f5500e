/** Observations and alerts as one line each, as `tail` prints them and `top` shows the newest. */
import type { DetectionChange, Observation } from '../../protocols/interval-report.ts';
import { escapeText } from '../platform/wire-text.ts';

const DETAIL_CHARACTERS_MAX = 160;
/** What a person at the plant should see first: somebody changed something. */
const WRITES: readonly string[] = ['write', 'call'];

export function isWrite({ kind }: Observation): boolean {
  return WRITES.includes(kind);
}

export function observationLine(observation: Observation): string {
  const { kind, timeUs, clientIpAddress, serverIpAddress, serverPort, unitId } = observation;
  const parts = [clockText(timeUs), kind.padEnd(14)];
  if (clientIpAddress !== undefined || serverIpAddress !== undefined) {
    const port = serverPort === undefined ? '' : `:${serverPort}`;
    parts.push(`${clientIpAddress ?? '?'} -> ${serverIpAddress ?? '?'}${port}`);
  }
  if (unitId !== undefined) parts.push(`unit ${unitId}`);
  if (observation.functionCode !== undefined) parts.push(`function ${observation.functionCode}`);
  if (observation.service !== undefined) parts.push(observation.service);
  if (observation.nodeId !== undefined) parts.push(observation.nodeId);
  if (observation.address !== undefined) {
    const { quantity } = observation;
    parts.push(`address ${observation.address}${quantity === undefined ? '' : ` +${quantity}`}`);
  }
  const details = Object.entries(observation.details ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
  if (details !== '') parts.push(details.slice(0, DETAIL_CHARACTERS_MAX));
  return escapeText(parts.join('  '));
}

export function alertLine({ change, detection }: DetectionChange): string {
  const { severity, code, title, lastSeenUs, occurrencesCount } = detection;
  const times = occurrencesCount === 1 ? '' : `, ${occurrencesCount} times`;
  const word = change === 'raised' ? 'ALERT' : 'again';
  return escapeText(
    `${clockText(lastSeenUs)}  ${word.padEnd(14)}  ` +
      `${severity.toUpperCase()}  ${title} (${code})${times}`,
  );
}

/** `09:41:07.250`, UTC. */
export function clockText(timeUs: number): string {
  const date = new Date(timeUs / 1000);
  return Number.isNaN(date.getTime()) ? '--:--:--.---' : date.toISOString().slice(11, 23);
}
