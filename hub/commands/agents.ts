/** `fieldtap-hub agents`: who is enrolled, when each was heard last, and how far it is received. */
import { escapeText } from '../../agent/platform/wire-text.ts';
import { type AgentFacts, listAgents } from '../agent-registry.ts';
import { loadHubConfig } from '../config.ts';
import type { StreamStatus } from '../hub-status.ts';
import { openReader } from '../reader.ts';

/** One agent as `--json` prints it. */
interface AgentLine {
  readonly agentId: string;
  readonly siteName?: string;
  readonly sector?: string;
  readonly isEnrolled: boolean;
  readonly isRevoked: boolean;
  readonly replaces?: string;
  readonly keyNumbers: readonly number[];
  readonly lastReceivedAtMs?: number;
  readonly messages: number;
  readonly gaps: number;
}

export async function agents(options: { config: string; json: boolean }): Promise<void> {
  const config = loadHubConfig(options.config);
  const reader = await openReader(config.database);
  const activity = new Map<string, number>();
  let streams: readonly StreamStatus[] = [];
  try {
    for (const one of await reader.activity()) activity.set(one.agentId, one.lastReceivedAtMs);
    streams = (await reader.status()).streams;
  } finally {
    await reader.close();
  }
  const enrolled = listAgents(config.agents);
  const strangers = [...activity.keys()].filter((id) =>
    enrolled.every(({ agentId }) => agentId !== id),
  );
  const lines = [
    ...enrolled.map((facts) => lineOf(facts.agentId, facts, activity, streams)),
    ...strangers.map((agentId) => lineOf(agentId, undefined, activity, streams)),
  ];
  const text = options.json
    ? JSON.stringify({ agents: lines })
    : lines.map((line) => escapeText(textOf(line))).join('\n') || 'no agent is enrolled yet';
  process.stdout.write(`${text}\n`);
}

function lineOf(
  agentId: string,
  facts: AgentFacts | undefined,
  activity: ReadonlyMap<string, number>,
  streams: readonly StreamStatus[],
): AgentLine {
  const own = streams.filter((stream) => stream.agentId === agentId);
  const lastReceivedAtMs = activity.get(agentId);
  const keys = facts === undefined ? [] : [facts, ...facts.furtherKeys];
  return {
    agentId,
    ...(facts?.siteName !== undefined && { siteName: facts.siteName }),
    ...(facts?.sector !== undefined && { sector: facts.sector }),
    isEnrolled: facts !== undefined,
    isRevoked: facts?.revoked ?? false,
    ...(facts?.replaces !== undefined && { replaces: facts.replaces }),
    keyNumbers: keys.map(({ keyNumber }) => keyNumber),
    ...(lastReceivedAtMs !== undefined && { lastReceivedAtMs }),
    messages: own.reduce((sum, { stored }) => sum + stored, 0),
    gaps: own.reduce((sum, { missing }) => sum + missing.length, 0),
  };
}

function textOf(line: AgentLine): string {
  const { agentId, siteName, lastReceivedAtMs, messages, gaps } = line;
  const heard =
    lastReceivedAtMs === undefined ? 'never heard' : new Date(lastReceivedAtMs).toISOString();
  const state = line.isRevoked ? ', revoked' : line.isEnrolled ? '' : ', not enrolled';
  return `${agentId} ${siteName ?? '-'}: ${heard}, ${messages} messages, ${gaps} gaps${state}`;
}
