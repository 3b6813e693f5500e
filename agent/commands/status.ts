/** `fieldtap status`: one screen that says what is, from the running agent. */
import { existsSync } from 'node:fs';
import { DEFAULT_SOCKET_PATH, loadConfig } from '../config.ts';
import { statusText } from '../diagnostics/status-text.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { agentStatus } from './control-client.ts';

export interface StatusOptions {
  readonly config: string;
  readonly socket?: string;
  readonly json: boolean;
}

export async function status(options: StatusOptions): Promise<number> {
  const socketPath = options.socket ?? socketOf(options.config);
  const answer = await agentStatus(socketPath);
  if (answer === undefined) {
    throw new OperatorFault({
      code: 'AGENT_NOT_RUNNING',
      problem: `No agent answers on "${socketPath}".`,
      remedy:
        'Start it with "fieldtap run --config FILE", or name its socket with --socket; ' +
        '"fieldtap doctor" looks further.',
    });
  }
  process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : statusText(answer));
  return 0;
}

function socketOf(configPath: string): string {
  return existsSync(configPath) ? loadConfig(configPath).diagnostics.socket : DEFAULT_SOCKET_PATH;
}
