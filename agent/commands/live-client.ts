/** Reads the agent's live stream: one interval after the other, until somebody stops or it ends. */
import { request } from 'node:http';
import type { LiveInterval } from '../diagnostics/live-feed.ts';
import { liveInterval } from '../diagnostics/live-line.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { forbiddenFault, isForbidden } from './control-client.ts';

/** Longer than any line the agent writes. */
const LINE_CHARACTERS_MAX = 8 * 2 ** 20;

/** Resolves when the agent ends the stream or `signal` stops it. Throws AGENT_NOT_RUNNING. */
export function followLive(
  socketPath: string,
  signal: AbortSignal,
  take: (interval: LiveInterval) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/v1/live', agent: false }, (response) => {
      if (response.statusCode !== 200) {
        response.resume();
        reject(streamRefused(socketPath, response.statusCode ?? 0));
        return;
      }
      let rest = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        const lines = (rest + piece).split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > LINE_CHARACTERS_MAX) response.destroy();
        for (const line of lines) {
          const interval = liveInterval(line);
          if (interval !== undefined) take(interval);
        }
      });
      response.on('close', resolve);
      response.on('error', () => resolve());
    });
    asked.on('error', () => (signal.aborted ? resolve() : reject(notRunning(socketPath))));
    signal.addEventListener('abort', () => asked.destroy(), { once: true });
    asked.end();
  });
}

/** No agent answers there, or this user may not ask it: then the socket is there and closed. */
export function notRunning(socketPath: string): OperatorFault {
  if (isForbidden(socketPath)) return forbiddenFault(socketPath);
  return new OperatorFault({
    code: 'AGENT_NOT_RUNNING',
    problem: `No agent answers on "${socketPath}".`,
    remedy:
      'Start it with "fieldtap run --config FILE", or name its socket with --socket; ' +
      '"fieldtap doctor" looks further.',
  });
}

function streamRefused(socketPath: string, statusCode: number): OperatorFault {
  return new OperatorFault({
    code: 'AGENT_LIVE_REFUSED',
    problem: `The agent on "${socketPath}" gives no live view (${statusCode}).`,
    remedy: 'Close other "fieldtap top" and "fieldtap tail", or bring the agent to this version.',
  });
}
