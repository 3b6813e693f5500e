/** Commands ask the running agent here: one GET or POST over its control socket. */
import { accessSync, constants } from 'node:fs';
import { request } from 'node:http';
import type { AgentStatus } from '../diagnostics/agent-status.ts';
import { OperatorFault } from '../platform/operator-fault.ts';

const ANSWER_MS = 3000;
/** All 10,240 devices with their facts are 5 MB. */
const ANSWER_BYTES_MAX = 32 * 2 ** 20;

/** The agent's status, or undefined when none answers on that socket. */
export async function agentStatus(socketPath: string): Promise<AgentStatus | undefined> {
  const text = await get(socketPath, '/v1/status');
  if (text === undefined) return undefined;
  // Both ends are the same program; the version inside tells when they are not.
  return JSON.parse(text) as AgentStatus;
}

/**
 * Asks the agent to do something. Undefined when none answers there; throws the OperatorFault that
 * it answers, or AGENT_SOCKET_FORBIDDEN.
 */
export async function controlAction(
  socketPath: string,
  path: string,
  body: Uint8Array,
): Promise<unknown> {
  const answer = await exchange(socketPath, path, body);
  if (answer === undefined && isForbidden(socketPath)) throw forbiddenFault(socketPath);
  if (answer === undefined) return undefined;
  const value: unknown = JSON.parse(answer.text);
  if (answer.statusCode === 200) return value;
  const facts = typeof value === 'object' && value !== null ? value : {};
  const text = (name: 'code' | 'problem' | 'remedy', otherwise: string): string =>
    name in facts ? String(Reflect.get(facts, name)) : otherwise;
  throw new OperatorFault({
    code: text('code', 'AGENT_ACTION_REFUSED'),
    problem: text('problem', `The agent refused ${path} (${answer.statusCode}).`),
    remedy: text('remedy', 'Look at its log; it may be of another version than this command.'),
  });
}

/** The body of a 200, or undefined. */
export async function get(socketPath: string, path: string): Promise<string | undefined> {
  const answer = await exchange(socketPath, path, undefined);
  return answer?.statusCode === 200 ? answer.text : undefined;
}

/** To be thrown where isForbidden. */
export function forbiddenFault(socketPath: string): OperatorFault {
  return new OperatorFault({
    code: 'AGENT_SOCKET_FORBIDDEN',
    problem: `This user may not use the agent's control socket "${socketPath}".`,
    remedy: 'Join its group ("usermod -aG fieldtap NAME", then log in anew), or become root.',
  });
}

/** The socket is there, and this user may not write to it. */
export function isForbidden(socketPath: string): boolean {
  try {
    accessSync(socketPath, constants.W_OK);
    return false;
  } catch (error) {
    return typeof error === 'object' && error !== null && Reflect.get(error, 'code') === 'EACCES';
  }
}

function exchange(
  socketPath: string,
  path: string,
  body: Uint8Array | undefined,
): Promise<{ readonly statusCode: number; readonly text: string } | undefined> {
  const method = body === undefined ? 'GET' : 'POST';
  return new Promise((resolve) => {
    const options = { socketPath, path, method, timeout: ANSWER_MS, agent: false };
    const asked = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
        if (text.length > ANSWER_BYTES_MAX) response.destroy();
      });
      response.on('end', () => resolve({ statusCode: response.statusCode ?? 0, text }));
      response.on('error', () => resolve(undefined));
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(undefined));
    asked.end(body);
  });
}
