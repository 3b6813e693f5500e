/** `fieldtap-hub status`: what is stored of each agent, what is missing, what was refused. */
import { escapeText } from '../../agent/platform/wire-text.ts';
import { loadHubConfig } from '../config.ts';
import type { FindingStatus, StreamStatus } from '../hub-status.ts';
import { openReader } from '../reader.ts';

export async function status(options: {
  readonly config: string;
  readonly json: boolean;
}): Promise<void> {
  const { database } = loadHubConfig(options.config);
  const reader = await openReader(database);
  const found = await reader.status().finally(() => reader.close());
  if (options.json) {
    process.stdout.write(`${JSON.stringify(found)}\n`);
    return;
  }
  const lines = [...found.streams.map(streamLine), ...found.findings.map(findingLine)];
  if (lines.length === 0) lines.push('nothing is stored yet');
  process.stdout.write(`${lines.map(escapeText).join('\n')}\n`);
}

function streamLine(stream: StreamStatus): string {
  const holes = stream.missing.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
  const missing = holes.length === 0 ? 'none missing' : `missing ${holes.slice(0, 8).join(', ')}`;
  const place = `${stream.agentId} epoch ${stream.epoch} stream ${stream.stream}`;
  return `${place}: ${stream.stored} stored, up to ${stream.highestSequence}, ${missing}`;
}

/** One finding, for a person. */
export function findingLine(finding: FindingStatus): string {
  const agent = finding.agentId === '' ? 'unknown agent' : finding.agentId;
  const times = finding.occurrencesCount === 1 ? '' : `, ${finding.occurrencesCount} times`;
  const closed = finding.closedAtMs === null ? '' : ', closed';
  const last = new Date(finding.lastSeenAtMs).toISOString();
  return `${last} ${finding.kind} ${finding.reason} (${agent}): ${finding.detail}${times}${closed}`;
}
