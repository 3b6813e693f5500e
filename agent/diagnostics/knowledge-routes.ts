/**
 * The part of the local API that tells what is known: `GET /v1/assets`, `/v1/conversations` and
 * `/v1/registers?server=&unitId=`. It only reads.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AssetNote } from '../../buffer/state-store.ts';
import type { KnowledgeQuestion, KnowledgeTopic } from '../../protocols/knowledge-question.ts';

export interface KnowledgeSource {
  /** JSON; undefined where no capture worker answers. */
  ask(question: KnowledgeQuestion): Promise<string | undefined>;
  notes(): readonly AssetNote[];
}

const TOPICS: readonly KnowledgeTopic[] = ['assets', 'conversations', 'registers'];

/** True: the request was one of ours and is answered. */
export function answerKnowledge(
  source: KnowledgeSource,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const topic = TOPICS.find((each) => url.pathname === `/v1/${each}`);
  if (request.method !== 'GET' || topic === undefined) return false;
  const server = url.searchParams.get('server');
  const unitId = Number(url.searchParams.get('unitId') ?? Number.NaN);
  const question: KnowledgeQuestion = {
    topic,
    ...(server !== null && { server }),
    ...(Number.isInteger(unitId) && { unitId }),
  };
  source.ask(question).then(
    (text) => send(response, text, topic === 'assets' ? source.notes() : undefined),
    () => fail(response, 500),
  );
  return true;
}

/** The engineer's notes stand beside the facts, never among them. */
function send(
  response: ServerResponse,
  text: string | undefined,
  notes: readonly AssetNote[] | undefined,
): void {
  if (text === undefined) {
    fail(response, 503);
    return;
  }
  response.setHeader('content-type', 'application/json');
  const isObject = text.startsWith('{"') && notes !== undefined;
  response.end(isObject ? `{"notes":${JSON.stringify(notes)},${text.slice(1)}` : text);
}

function fail(response: ServerResponse, statusCode: number): void {
  response.statusCode = statusCode;
  response.end('{}');
}
