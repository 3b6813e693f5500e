/**
 * `fieldtap-hub alerts`: what agents sent on stream 1, decoded, the latest at the end; `--follow`
 * goes on until it is ended.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { SystemClock } from '../../agent/platform/clock.ts';
import { silentLog } from '../../agent/platform/log.ts';
import { escapeText } from '../../agent/platform/wire-text.ts';
import type { AgentMessage } from '../../protocols/uplink/messages.ts';
import { openAgentMessage } from '../../protocols/uplink/open.ts';
import { AgentRegistry, listAgents } from '../agent-registry.ts';
import { loadHubConfig } from '../config.ts';
import { openReader, type StoredMessage } from '../reader.ts';

const POLL_MS = 500;
const PAGE = 500;
/** Two workers commit in another order than they stamp: looked at again for so long. */
const OVERLAP_MS = 10_000;

export interface AlertsOptions {
  readonly config: string;
  readonly follow: boolean;
  readonly hours: number;
  readonly json: boolean;
}

export async function alerts(options: AlertsOptions): Promise<void> {
  const config = loadHubConfig(options.config);
  const clock = new SystemClock();
  const registry = new AgentRegistry(config.agents, clock, silentLog);
  const names = new Map(listAgents(config.agents).map((one) => [one.agentId, one.siteName]));
  const reader = await openReader(config.database);
  const shown = new Map<string, number>();
  let sinceMs = clock.wallMs() - options.hours * 3_600_000;
  try {
    for (;;) {
      const page = await reader.arrivals(sinceMs, PAGE);
      for (const stored of page) {
        const name = `${stored.agentId}/${stored.epoch}/${stored.sequence}`;
        if (shown.has(name)) continue;
        shown.set(name, stored.receivedAtMs);
        const line = lineOf(stored, registry, names.get(stored.agentId), options.json);
        if (line !== undefined) process.stdout.write(`${line}\n`);
      }
      const lastMs = page.at(-1)?.receivedAtMs ?? sinceMs;
      const isFull = page.length === PAGE && lastMs > sinceMs;
      if (isFull) sinceMs = lastMs;
      else if (!options.follow) return;
      else {
        sinceMs = Math.max(sinceMs, clock.wallMs() - OVERLAP_MS);
        for (const [name, atMs] of shown) if (atMs < sinceMs) shown.delete(name);
        await delay(POLL_MS);
      }
    }
  } finally {
    await reader.close();
  }
}

function lineOf(
  stored: StoredMessage,
  registry: AgentRegistry,
  siteName: string | undefined,
  isJson: boolean,
): string | undefined {
  const opened = openAgentMessage(stored.bytes, (keyId) => registry.keyForHistory(keyId));
  if (opened.kind === 'refused' || opened.message.kind === 'epochBegins') return undefined;
  const { message } = opened;
  if (isJson) {
    const { receivedAtMs } = stored;
    return JSON.stringify({ siteName, receivedAtMs, ...message }, (_, value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
    );
  }
  const at = new Date(stored.receivedAtMs).toISOString();
  return escapeText(`${at} ${siteName ?? stored.agentId}: ${textOf(message)}`);
}

function textOf(message: AgentMessage): string {
  switch (message.kind) {
    case 'alert': {
      const { severity, code, title, change, occurrencesCount, detectionId } = message;
      const what = `${severity} ${code} ${change}, ${occurrencesCount} times: ${title}`;
      return `${what} [${detectionId}]`;
    }
    case 'statement':
      return `statement ${message.code}: ${message.text}`;
    case 'advisoryAnswer': {
      const by = message.by === undefined ? '' : ` by ${message.by}`;
      const { advisoryId, revision, state, applicability } = message;
      return `advisory ${advisoryId} revision ${revision} ${state}${by}, ${applicability}`;
    }
    case 'keyRotation':
      return `key ${message.newKeyNumber} (${message.newAlgorithm}) follows`;
    case 'renewalRequest':
      return 'asks for a new client certificate';
    default:
      return message.kind;
  }
}
