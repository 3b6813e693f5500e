/** `fieldtap status`: one screen that says what is, from the running agent. */
import { statusText } from '../diagnostics/status-text.ts';
import { escapeJson } from '../platform/wire-text.ts';
import { agentStatus } from './control-client.ts';
import { notRunning } from './live-client.ts';
import { type SocketOptions, socketOf } from './site-socket.ts';

export interface StatusOptions extends SocketOptions {
  readonly json: boolean;
}

export async function status(options: StatusOptions): Promise<number> {
  const socketPath = socketOf(options);
  const answer = await agentStatus(socketPath);
  if (answer === undefined) throw notRunning(socketPath);
  process.stdout.write(
    options.json ? `${escapeJson(JSON.stringify(answer))}\n` : statusText(answer),
  );
  return 0;
}
