/** Which control socket a command asks: the one it is given, or the one of the configuration. */
import { existsSync } from 'node:fs';
import { DEFAULT_SOCKET_PATH, loadConfig } from '../config.ts';

export interface SocketOptions {
  readonly config: string;
  readonly socket?: string;
}

export function socketOf({ config, socket }: SocketOptions): string {
  if (socket !== undefined) return socket;
  return existsSync(config) ? loadConfig(config).diagnostics.socket : DEFAULT_SOCKET_PATH;
}
