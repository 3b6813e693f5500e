/** Commands ask the running agent here: one GET over its control socket. */
import { request } from 'node:http';
import type { AgentStatus } from '../diagnostics/agent-status.ts';

const ANSWER_MS = 3000;
const ANSWER_BYTES_MAX = 4 * 2 ** 20;

/** The agent's status, or undefined when none answers on that socket. */
export async function agentStatus(socketPath: string): Promise<AgentStatus | undefined> {
  const text = await get(socketPath, '/v1/status');
  if (text === undefined) return undefined;
  // Both ends are the same program; the version inside tells when they are not.
  return JSON.parse(text) as AgentStatus;
}

function get(socketPath: string, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path, timeout: ANSWER_MS, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
        if (text.length > ANSWER_BYTES_MAX) response.destroy();
      });
      response.on('end', () => resolve(response.statusCode === 200 ? text : undefined));
      response.on('error', () => resolve(undefined));
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(undefined));
    asked.end();
  });
}
