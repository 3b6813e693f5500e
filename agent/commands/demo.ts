/**
 * `fieldtap demo`: a whole little plant on this machine, from devices to the hub, with one cut of
 * the link on the way, and a verdict counted from both databases. It leaves nothing behind but what
 * --directory keeps.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { whyNoCapture } from '../capture/interfaces.ts';
import type { AgentStatus } from '../diagnostics/agent-status.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { isPackaged } from '../platform/program-files.ts';
import { REPORT_INTERVAL_MS } from '../worker-channel.ts';
import { agentStatus } from './control-client.ts';
import { type CaptureSource, DemoPlant } from './demo-plant.ts';
import { DemoScreen } from './demo-screen.ts';
import { countBothDatabases, type DemoResult, verdictText } from './demo-verdict.ts';

export interface DemoOptions {
  readonly seconds: number;
  readonly keep: boolean;
  readonly directory?: string;
  readonly json: boolean;
}

/** Of the seconds given: kept for draining, stopping and counting. */
const RESERVE_MS = 6000;
/** The plant works for at least so long, however slowly it started. */
const WORK_MS_MIN = 8000;
/** When strangers come, when the link is cut and restored, as shares of the working time. */
const STRANGERS_AT = 0.15;
const CUT_AT = 0.45;
const RESTORE_AT = 0.7;
const TURN_MS = 500;
const DRAIN_MS = 30_000;
/** What the devices said last is in a report, and its alerts are signed, after so long. */
const SETTLE_MS = 2.5 * REPORT_INTERVAL_MS;
/** A stranger must have come and gone; on a slow machine that takes longer than planned. */
const STRANGERS_MS = 30_000;

export async function demo(options: DemoOptions): Promise<number> {
  if (isPackaged()) throw checkoutNeeded();
  const startedMs = performance.now();
  const work = mkdtempSync(join(tmpdir(), 'fieldtap-demo-'));
  const databases = options.directory === undefined ? work : resolve(options.directory);
  mkdirSync(databases, { recursive: true });
  const screen = new DemoScreen(options.json ? process.stderr : process.stdout);
  const stopped = stopSignal();
  let plant: DemoPlant | undefined;
  try {
    plant = await DemoPlant.start({ databases, work }, captureSource(screen), (line) =>
      screen.say(line),
    );
    const course = new DemoCourse(plant, screen, stopped);
    const untilMs = startedMs + options.seconds * 1000 - RESERVE_MS;
    await course.run(Math.max(untilMs - performance.now(), WORK_MS_MIN));
    if (options.keep && !stopped.isStopped()) await course.keep(databases);
    return await finish(plant, course, screen, options, databases);
  } finally {
    await plant?.stop();
    rmSync(work, { recursive: true, force: true });
  }
}

function checkoutNeeded(): OperatorFault {
  return new OperatorFault({
    code: 'DEMO_NEEDS_CHECKOUT',
    problem: 'The demo needs a source checkout: its devices and broker are not in this program.',
    remedy: 'Run "npm start" in a checkout; here, try "fieldtap replay FILE" on a capture.',
  });
}

/** Live from the loopback interface, or from the kept capture where capture isn't allowed. */
function captureSource(screen: DemoScreen): CaptureSource {
  const fault = whyNoCapture();
  if (fault === undefined) return 'live';
  screen.say(`${fault.problem} ${fault.remedy} Going on with a capture of this same plant.`);
  return 'file';
}

/** What happens when, and what is shown meanwhile. */
class DemoCourse {
  readonly #plant: DemoPlant;
  readonly #screen: DemoScreen;
  readonly #stopped: StopSignal;
  #areStrangersIn = false;
  linkCuts = 0;
  status: AgentStatus | undefined;

  constructor(plant: DemoPlant, screen: DemoScreen, stopped: StopSignal) {
    this.#plant = plant;
    this.#screen = screen;
    this.#stopped = stopped;
  }

  async run(workMs: number): Promise<void> {
    const beganMs = performance.now();
    const events = [
      { at: STRANGERS_AT, call: () => this.#strangers() },
      { at: CUT_AT, call: () => this.#cut() },
      { at: RESTORE_AT, call: () => this.#restore() },
    ];
    this.#screen.say('the plant works:');
    for (;;) {
      const share = (performance.now() - beganMs) / workMs;
      while (events.length > 0 && events[0].at <= share) events.shift()?.call();
      if (share >= 1 || this.#stopped.isStopped()) break;
      await this.#turn();
    }
    if (this.#plant.isLinkCut) this.#restore();
    const untilMs = performance.now() + STRANGERS_MS;
    while (this.#areStrangersIn && !this.#stopped.isStopped() && performance.now() < untilMs) {
      await this.#turn();
    }
  }

  /** Waits until the hub has receipted everything, so that the verdict counts what is settled. */
  async drain(): Promise<void> {
    const beganMs = performance.now();
    for (let waitedMs = 0; waitedMs < DRAIN_MS; waitedMs = performance.now() - beganMs) {
      await this.#turn();
      const isDrained = this.status?.uplink?.outboxMessages === 0;
      if (waitedMs >= SETTLE_MS && isDrained) return;
    }
  }

  async keep(databases: string): Promise<void> {
    const socket = this.#plant.socketPath;
    this.#screen.say(`kept running; Ctrl-C ends it. Databases: ${databases}`);
    this.#screen.say(`try: fieldtap status --socket ${socket}`);
    while (!this.#stopped.isStopped()) await this.#turn();
  }

  async #turn(): Promise<void> {
    this.#plant.checkAlive();
    this.status = (await agentStatus(this.#plant.socketPath)) ?? this.status;
    if (this.status !== undefined) this.#screen.show(this.status, this.#plant.isLinkCut);
    await delay(TURN_MS);
  }

  #strangers(): void {
    this.#screen.say('two strangers come: one guesses a password, one probes the controller');
    this.#areStrangersIn = true;
    void this.#plant.letStrangersIn().finally(() => {
      this.#areStrangersIn = false;
    });
  }

  #cut(): void {
    this.linkCuts++;
    this.#plant.cutLink();
    this.#screen.say('the link to the hub is cut: the backlog grows');
  }

  #restore(): void {
    this.#plant.restoreLink();
    this.#screen.say('the link is back: the backlog drains');
  }
}

async function finish(
  plant: DemoPlant,
  course: DemoCourse,
  screen: DemoScreen,
  options: DemoOptions,
  databases: string,
): Promise<number> {
  screen.say('the devices stop; waiting for the last receipts ...');
  await plant.stopDevices();
  await course.drain();
  await plant.stopAgent();
  const counts = await countBothDatabases(plant, databases);
  await plant.stop();
  const { status } = course;
  const result: DemoResult = {
    captureSource: plant.captureSource,
    framesCaptured: sum(status?.interfaces.map((each) => each.framesSeen)),
    framesDropped: sum(status?.interfaces.map((each) => each.framesDropped)),
    modbusTransactions: status?.traffic.modbusTransactions ?? 0,
    opcuaTransactions: status?.traffic.opcuaTransactions ?? 0,
    observations: status?.observations ?? 0,
    alertsRaised: counts.alertsSigned,
    alertsVerified: counts.alertsVerified,
    summariesSigned: counts.summariesSigned,
    summariesVerified: counts.summariesVerified,
    receiptsApplied: status?.uplink?.receiptsApplied ?? 0,
    linkCuts: course.linkCuts,
    outboxLeft: counts.outboxLeft,
    lost: counts.lost,
    doubled: counts.doubled,
  };
  screen.end();
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else process.stdout.write(verdictText(result, options.directory && databases));
  return result.lost === 0 && result.doubled === 0 ? 0 : 1;
}

interface StopSignal {
  isStopped(): boolean;
}

function stopSignal(): StopSignal {
  let isStopped = false;
  const stop = (): void => {
    isStopped = true;
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  // A terminal that was closed, or a reader that has gone: nobody looks on, but all is put away.
  process.on('SIGHUP', stop);
  process.stdout.on('error', stop);
  process.stderr.on('error', stop);
  return { isStopped: () => isStopped };
}

function delay(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

function sum(values: readonly number[] | undefined): number {
  return (values ?? []).reduce((total, value) => total + value, 0);
}
