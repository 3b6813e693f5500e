/**
 * `fieldtap-hub advise`: signs and publishes a warning, retained, or lists which sites have seen
 * the published ones and after how many seconds.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SystemClock } from '../../agent/platform/clock.ts';
import { silentLog } from '../../agent/platform/log.ts';
import { OperatorFault } from '../../agent/platform/operator-fault.ts';
import { escapeText } from '../../agent/platform/wire-text.ts';
import { openAgentMessage } from '../../protocols/uplink/open.ts';
import { advisoryTopic } from '../../protocols/uplink/topics.ts';
import {
  ADVISORIES_FOLDER,
  keepPublished,
  type PreparedAdvisory,
  type PublishedAdvisory,
  prepareAdvisory,
  readPublished,
} from '../advise.ts';
import { openAdvisorySigner } from '../advisory-key.ts';
import { AgentRegistry, listAgents } from '../agent-registry.ts';
import { type HubConfig, loadHubConfig } from '../config.ts';
import { publishOnce } from '../publish-once.ts';
import { openReader } from '../reader.ts';
import { openReceiptSigner } from '../receipt-key.ts';

const PAGE = 500;

export interface AdviseOptions {
  readonly config: string;
  readonly file?: string;
  readonly json: boolean;
}

export async function advise(options: AdviseOptions): Promise<void> {
  const config = loadHubConfig(options.config);
  const folder = join(config.keys, ADVISORIES_FOLDER);
  if (options.file !== undefined) {
    const { signerId } = openReceiptSigner(config.keys);
    const signer = openAdvisorySigner(config.keys, signerId);
    const known = readPublished(folder);
    const nowMs = new SystemClock().wallMs();
    const text = readAdvisory(options.file);
    const prepared = prepareAdvisory(text, options.file, signer, known, nowMs);
    keepPublished(folder, prepared);
    await publish(config, prepared);
  }
  const shown = readPublished(folder);
  const answers = await readAnswers(config, shown);
  if (options.json) process.stdout.write(`${JSON.stringify({ advisories: answers })}\n`);
  else process.stdout.write(`${answers.map(textOf).join('\n') || 'nothing is published yet'}\n`);
}

async function publish(config: HubConfig, { advisory, bytes }: PreparedAdvisory): Promise<void> {
  const message = { topic: advisoryTopic(advisory.sector), bytes, isRetained: true };
  await publishOnce(config.broker, message, {
    code: 'HUB_ADVISORY_NOT_PUBLISHED',
    what: 'the advisory',
    remedy: 'Mend the link, allow the hub to write ft/v1/adv/#, and publish it once more.',
  });
}

/** Who has seen an advisory, in seconds after it was issued by the agent's clock. */
interface AnsweredAdvisory extends Omit<PublishedAdvisory, 'messageHex'> {
  readonly sites: readonly {
    readonly agentId: string;
    readonly siteName?: string;
    readonly seenAfterSeconds?: number;
    readonly receivedAfterSeconds?: number;
    readonly acknowledgedBy?: string;
    readonly applicability?: string;
  }[];
}

interface Answer {
  seenAtMs?: number;
  receivedAtMs?: number;
  acknowledgedBy?: string;
  applicability?: string;
}

async function readAnswers(
  config: HubConfig,
  published: readonly PublishedAdvisory[],
): Promise<readonly AnsweredAdvisory[]> {
  const agents = listAgents(config.agents).filter(({ revoked }) => !revoked);
  const answers = await collectAnswers(config, published);
  return published.map(({ messageHex: _, ...facts }) => ({
    ...facts,
    sites: agents
      .filter(({ sector }) => facts.sector === 'all' || facts.sector === sector)
      .map(({ agentId, siteName }) => {
        const answer = answers.get(`${agentId} ${facts.advisoryId} ${facts.revision}`);
        const seen = answer?.seenAtMs;
        const received = answer?.receivedAtMs;
        return {
          agentId,
          ...(siteName !== undefined && { siteName }),
          ...(seen !== undefined && { seenAfterSeconds: (seen - facts.issuedMs) / 1000 }),
          ...(received !== undefined && {
            receivedAfterSeconds: (received - facts.issuedMs) / 1000,
          }),
          ...(answer?.acknowledgedBy !== undefined && { acknowledgedBy: answer.acknowledgedBy }),
          ...(answer?.applicability !== undefined && { applicability: answer.applicability }),
        };
      }),
  }));
}

async function collectAnswers(
  config: HubConfig,
  published: readonly PublishedAdvisory[],
): Promise<ReadonlyMap<string, Answer>> {
  const answers = new Map<string, Answer>();
  if (published.length === 0) return answers;
  const registry = new AgentRegistry(config.agents, new SystemClock(), silentLog);
  const reader = await openReader(config.database);
  try {
    let sinceMs = Math.min(...published.map(({ issuedMs }) => issuedMs));
    for (;;) {
      const page = await reader.arrivals(sinceMs, PAGE);
      for (const stored of page) {
        if (stored.kind !== 'advisoryAnswer') continue;
        const opened = openAgentMessage(stored.bytes, (keyId) => registry.keyForHistory(keyId));
        if (opened.kind === 'refused' || opened.message.kind !== 'advisoryAnswer') continue;
        const { agentId, advisoryId, revision, state, by, atMs, applicability } = opened.message;
        const name = `${agentId} ${advisoryId} ${revision}`;
        const answer = answers.get(name) ?? {};
        answers.set(name, answer);
        answer.applicability = applicability;
        answer.receivedAtMs ??= stored.receivedAtMs;
        if (state === 'seen') answer.seenAtMs ??= atMs;
        else answer.acknowledgedBy = by ?? 'somebody';
      }
      const lastMs = page.at(-1)?.receivedAtMs ?? sinceMs;
      if (page.length < PAGE || lastMs === sinceMs) return answers;
      sinceMs = lastMs;
    }
  } finally {
    await reader.close();
  }
}

function textOf({ advisoryId, revision, headline, sites }: AnsweredAdvisory): string {
  const seen = sites.filter(({ receivedAfterSeconds }) => receivedAfterSeconds !== undefined);
  const lines = sites.map((site) => {
    const name = site.siteName ?? site.agentId;
    if (site.receivedAfterSeconds === undefined) return `  ${name}: not seen yet`;
    const seconds = site.receivedAfterSeconds.toFixed(1);
    const by = site.acknowledgedBy === undefined ? '' : `, acknowledged by ${site.acknowledgedBy}`;
    return `  ${name}: seen, told here after ${seconds} s, ${site.applicability}${by}`;
  });
  const first = `${advisoryId} revision ${revision}: ${headline}`;
  const count = `seen by ${seen.length} of ${sites.length} sites`;
  return [`${first}; ${count}`, ...lines].map(escapeText).join('\n');
}

function readAdvisory(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new OperatorFault({
      code: 'HUB_ADVISORY_UNREADABLE',
      problem: `The advisory "${path}" can't be read.`,
      remedy: 'Give the right file with --file; hub/README.md shows one.',
      cause,
    });
  }
}
