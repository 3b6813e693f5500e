/** `fieldtap-hub run`: one worker until SIGTERM or SIGINT, ended within two seconds. */
import { SystemClock } from '../../agent/platform/clock.ts';
import { openLog } from '../../agent/platform/log.ts';
import { SystemRandom } from '../../agent/platform/random.ts';
import { loadHubConfig } from '../config.ts';
import { Hub } from '../hub.ts';

/** A worker that can't end by itself in this time is ended; agents keep what it didn't receipt. */
const STOP_MS_MAX = 1900;

export async function run(configPath: string): Promise<void> {
  const config = loadHubConfig(configPath);
  const log = await openLog(config.logLevel);
  const signal = new Promise<string>((resolve) => {
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('SIGINT', () => resolve('SIGINT'));
  });
  const around = { clock: new SystemClock(), random: new SystemRandom(), log };
  const hub = await Hub.open(config, around);
  hub.start();
  log.info({ signal: await signal }, 'HUB_STOPPING');
  const limit = setTimeout(() => {
    log.error({}, 'HUB_STOP_TIMEOUT: ended by force; agents send again what has no receipt');
    process.exit(1);
  }, STOP_MS_MAX);
  limit.unref();
  await hub.stop();
  // A database that doesn't answer must not hold the process.
  process.exit(0);
}
