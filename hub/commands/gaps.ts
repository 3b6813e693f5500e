/** `fieldtap-hub gaps`: missing, forked, refused, silent; exit 1 while anything is open. */
import { escapeText } from '../../agent/platform/wire-text.ts';
import { loadHubConfig } from '../config.ts';
import { openReader } from '../reader.ts';
import { findingLine } from './status.ts';

/** Answers the exit code. */
export async function gaps(options: { config: string; json: boolean }): Promise<number> {
  const { database } = loadHubConfig(options.config);
  const reader = await openReader(database);
  const { streams, findings } = await reader.status().finally(() => reader.close());
  const missing = streams.flatMap(({ agentId, epoch, stream, missing: holes }) =>
    holes.map(({ from, to }) => ({ agentId, epoch, stream, from, to })),
  );
  const open = findings.filter(({ closedAtMs }) => closedAtMs === null);
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ missing, findings: open })}\n`);
  } else {
    const lines = [
      ...missing.map(
        ({ agentId, epoch, stream, from, to }) =>
          `${agentId} epoch ${epoch} stream ${stream}: ${from} to ${to} missing`,
      ),
      ...open.map(findingLine),
    ];
    process.stdout.write(`${lines.map(escapeText).join('\n') || 'nothing is missing'}\n`);
  }
  return missing.length + open.length > 0 ? 1 : 0;
}
