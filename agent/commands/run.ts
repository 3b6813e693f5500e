/** `fieldtap run`: the agent as a daemon, until SIGTERM or SIGINT; ends cleanly within 2 s. */
import type { Worker } from 'node:worker_threads';
import type { Agent } from '../agent.ts';
import { startCaptureThread } from '../capture-host.ts';
import { SystemClock } from '../platform/clock.ts';
import { openLog } from '../platform/log.ts';
import { type Notifier, openNotifier, watchdogMs } from '../platform/notify-socket.ts';
import { SystemRandom } from '../platform/random.ts';
import { Supervisor } from '../platform/supervisor.ts';
import { keepTrimmed } from '../platform/trim-memory.ts';
import { readSettings, type SiteSettings } from '../read-settings.ts';
import { PROGRAM_VERSION } from '../version.ts';

/** What is on the disk is safe at any moment; a stop that hangs must not keep the unit waiting. */
const STOP_MS = 2000;

export async function run(options: { readonly config: string }): Promise<number> {
  const ended = new Promise<string>((resolve) => {
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('SIGINT', () => resolve('SIGINT'));
  });
  // First of all, because it loads an addon that the worker then shares.
  const notifier = await openNotifier(process.env);
  // The plant doesn't wait: capture, configuration and the rest are loaded side by side.
  const captureThread = startCaptureThread();
  try {
    const reading = readSettings(options.config);
    const [settings, { Agent }] = await Promise.all([reading, import('../agent.ts')]);
    return await runAgent(settings, Agent, { ended, notifier, captureThread, ...options });
  } finally {
    await captureThread.terminate();
  }
}

interface RunParts {
  /** Resolves with the name of the signal that ends the program. */
  readonly ended: Promise<string>;
  readonly notifier: Notifier | undefined;
  readonly captureThread: Worker;
  readonly config: string;
}

async function runAgent(
  settings: SiteSettings,
  AgentOfRun: typeof Agent,
  { ended, notifier, captureThread, config: path }: RunParts,
): Promise<number> {
  const { diagnostics, uplink } = settings.config;
  const log = await openLog(diagnostics.logLevel);
  const clock = new SystemClock();
  const watchdog = watchdogMs(process.env, process.pid);
  const supervisor = new Supervisor({ clock, log, notifier, watchdogMs: watchdog });
  const { progress } = supervisor;
  let cancelLimit = (): void => {};
  void ended.then(() => {
    cancelLimit = clock.after(STOP_MS, () => {
      log.error({ event: 'stopTimeout', stopMs: STOP_MS }, 'stopping took too long; ended hard');
      process.exit(1);
    });
  });
  const around = { clock, random: new SystemRandom(), log, progress, captureThread };
  const agent = await AgentOfRun.start(settings, around);
  supervisor.ready(uplink ? ['capture', 'buffer', 'uplink'] : ['capture', 'buffer']);
  const endTrimming = keepTrimmed(clock);
  const { agentId } = agent.status();
  log.info({ event: 'started', version: PROGRAM_VERSION, agentId, config: path }, 'up');
  const signal = await ended;
  endTrimming();
  supervisor.stopping();
  log.info({ event: 'stopping', signal }, 'stopping');
  await agent.stop();
  cancelLimit();
  log.info({ event: 'stopped' }, 'stopped');
  return 0;
}
