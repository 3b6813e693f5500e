/**
 * Where `assets`, `conversations` and `registers` get their answer: from the running agent, or from
 * the buffer, read-only, while none runs.
 */
import { existsSync } from 'node:fs';
import type { AssetNote } from '../../buffer/state-store.ts';
import type { KnowledgeQuestion } from '../../protocols/knowledge-question.ts';
import { loadConfig } from '../config.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { forbiddenFault, get, isForbidden } from './control-client.ts';
import { socketOf } from './site-socket.ts';

export interface KnowledgeOptions {
  readonly config: string;
  readonly socket?: string;
  readonly json: boolean;
  readonly csv: boolean;
}

export interface KnowledgeAnswer {
  readonly value: Readonly<Record<string, unknown>>;
  readonly notes: readonly AssetNote[];
  /** What was read: `agent`, or `buffer` where no agent runs. */
  readonly from: 'agent' | 'buffer';
}

/** Throws AGENT_NOT_RUNNING where there is neither an agent nor a configuration. */
export async function askKnowledge(
  options: KnowledgeOptions,
  question: KnowledgeQuestion,
): Promise<KnowledgeAnswer> {
  const socketPath = socketOf(options);
  const text = await get(socketPath, pathOf(question));
  if (text !== undefined) {
    const { notes, ...value } = objectOf(text);
    // The agent is the same program; it puts the notes beside the facts.
    return { value, notes: (notes ?? []) as readonly AssetNote[], from: 'agent' };
  }
  if (isForbidden(socketPath)) throw forbiddenFault(socketPath);
  if (!existsSync(options.config)) throw noAgent(socketPath);
  return readBuffer(loadConfig(options.config), question);
}

async function readBuffer(
  { buffer, decode }: ReturnType<typeof loadConfig>,
  question: KnowledgeQuestion,
): Promise<KnowledgeAnswer> {
  const { ReadOnlyBuffer } = await import('../../buffer/read-only-buffer.ts');
  const { answerText, savedKnowledge } = await import('../knowledge-answer.ts');
  const opened = new ReadOnlyBuffer(buffer.path);
  try {
    const maps = decode.registerMaps;
    const registerMap =
      maps.length === 0 ? undefined : (await import('../register-map.ts')).loadRegisterMaps(maps);
    const knowledge = savedKnowledge(opened.knownState(), registerMap);
    // Silence is measured against the last thing that was heard: nothing was since.
    const heardUs = knowledge.lastHeardUs();
    const text = await answerText(knowledge, question, heardUs);
    return { value: objectOf(text), notes: opened.notes(), from: 'buffer' };
  } finally {
    opened.close();
  }
}

function pathOf({ topic, server, unitId }: KnowledgeQuestion): string {
  const asked = new URLSearchParams();
  if (server !== undefined) asked.set('server', server);
  if (unitId !== undefined) asked.set('unitId', String(unitId));
  const text = asked.toString();
  return `/v1/${topic}${text === '' ? '' : `?${text}`}`;
}

function objectOf(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function noAgent(socketPath: string): OperatorFault {
  return new OperatorFault({
    code: 'AGENT_NOT_RUNNING',
    problem: `No agent answers on "${socketPath}", and there is no configuration to read from.`,
    remedy: 'Start it with "fieldtap run --config FILE", or give --config to read its buffer.',
  });
}
