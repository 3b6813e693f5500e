/** Where the running agent listens: by its configuration, or the usual place. */
import { existsSync } from 'node:fs';
import { DEFAULT_SOCKET_PATH, loadConfig } from '../config.ts';

export function socketOf(configPath: string): string {
  return existsSync(configPath) ? loadConfig(configPath).diagnostics.socket : DEFAULT_SOCKET_PATH;
}
