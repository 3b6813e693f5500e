/** `fieldtap run`: the agent as a daemon, until SIGTERM or SIGINT; ends cleanly within 2 s. */
import { Agent } from '../agent.ts';
import { loadConfig } from '../config.ts';
import { SystemClock } from '../platform/clock.ts';
import { openLog } from '../platform/log.ts';
import { openNotifier, watchdogMs } from '../platform/notify-socket.ts';
import { SystemRandom } from '../platform/random.ts';
import { Supervisor } from '../platform/supervisor.ts';
import { TRIM_AFTER_MS, trimMemory } from '../platform/trim-memory.ts';
import { PROGRAM_VERSION } from '../version.ts';

/** What is on the disk is safe at any moment; a stop that hangs must not keep the unit waiting. */
const STOP_MS = 2000;

export async function run(options: { readonly config: string }): Promise<number> {
  const config = loadConfig(options.config);
  const log = await openLog(config.diagnostics.logLevel);
  const ended = new Promise<string>((resolve) => {
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('SIGINT', () => resolve('SIGINT'));
  });
  const clock = new SystemClock();
  const supervisor = new Supervisor({
    clock,
    log,
    notifier: await openNotifier(process.env),
    watchdogMs: watchdogMs(process.env, process.pid),
  });
  const around = { clock, random: new SystemRandom(), log, progress: supervisor.progress };
  let cancelLimit = (): void => {};
  void ended.then(() => {
    cancelLimit = around.clock.after(STOP_MS, () => {
      log.error({ event: 'stopTimeout', stopMs: STOP_MS }, 'stopping took too long; ended hard');
      process.exit(1);
    });
  });
  const agent = await Agent.start(config, around);
  supervisor.ready(config.uplink ? ['capture', 'buffer', 'uplink'] : ['capture', 'buffer']);
  const cancelTrim = clock.after(TRIM_AFTER_MS, () => void trimMemory());
  const { agentId } = agent.status();
  log.info({ event: 'started', version: PROGRAM_VERSION, agentId, config: options.config }, 'up');
  const signal = await ended;
  cancelTrim();
  supervisor.stopping();
  log.info({ event: 'stopping', signal }, 'stopping');
  await agent.stop();
  cancelLimit();
  log.info({ event: 'stopped' }, 'stopped');
  return 0;
}
