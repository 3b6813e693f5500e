/**
 * Doctor on the bench: one run of it with a clock, a time service and a storage of the test's
 * choice, and the claim that it names one cause, and that one first. The clock is libfaketime's,
 * the time service and the slow disk are strace's: the machine's own are never touched.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { BenchProcess } from '../bench-process.ts';
import { benchPath } from '../plant/command.ts';
import type { Host } from '../plant/host.ts';
import { FAKETIME } from '../plant/pki.ts';
import { fieldtapWords } from '../plant/program.ts';
import type { VirtualPlant } from '../plant/virtual-plant.ts';
import { report } from '../report.ts';
import { connectBurst } from './traffic.ts';

export interface Check {
  readonly name: string;
  readonly verdict: string;
  readonly figure: string;
  readonly cause?: string;
  readonly remedy?: string;
  readonly explainedBy?: string;
}

export interface Diagnosis {
  readonly exitCode: number;
  /** Roots, as they are told. */
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
  readonly check: (name: string) => Check | undefined;
}

export interface DoctorRun {
  /** Listens so long; 0 (the default) asks the machine and the agent alone. */
  readonly seconds?: number;
  /** As libfaketime takes it: `+2h`, `@1970-01-01 00:01:00`. */
  readonly clock?: string;
  /** Of `clockFrom`: a clock that several processes share. */
  readonly env?: Readonly<Record<string, string>>;
  /** Nothing keeps the clock right; on the bench something does unless a case says so. */
  readonly hasNoTimeService?: boolean;
  /** Each fsync takes so long. */
  readonly syncMs?: number;
  /** Words before the program, such as `setpriv ...`. */
  readonly before?: readonly string[];
}

/** Programs and libraries that `doctor` wants here. */
export const DOCTOR_PROGRAMS = ['strace'] as const;

/** Where doctor is called: in a namespace of the plant, or on this machine. */
export type Site = Pick<Host, 'start' | 'fieldtapWords'>;

export const HERE: Site = {
  start: (words) => new BenchProcess(words, { env: { PATH: benchPath() } }),
  fieldtapWords: (words) => fieldtapWords(...words),
};

export async function doctor(host: Site, config: string, run: DoctorRun = {}): Promise<Diagnosis> {
  const started = startDoctor(host, config, run);
  const { stdout, stderr, exitCode } = await started.ended();
  assert.ok(stdout.startsWith('{'), stderr);
  // The contract of doctor --json; a missing field fails a test.
  const { checks } = JSON.parse(stdout) as { checks: readonly Check[] };
  const shown = (verdict: string): string[] =>
    checks
      .filter((check) => check.verdict === verdict && check.explainedBy === undefined)
      .map((check) => check.name);
  return {
    exitCode,
    faults: shown('fault'),
    warnings: shown('warning'),
    check: (name) => checks.find((check) => check.name === name),
  };
}

function startDoctor(host: Site, config: string, run: DoctorRun): BenchProcess {
  const { seconds = 0, before = [] } = run;
  const words = ['doctor', '--config', config, '--seconds', String(seconds), '--json'];
  const clock = run.env ?? (run.clock === undefined ? {} : { ...PRELOAD, FAKETIME: run.clock });
  const env = Object.entries(clock).map(([name, value]) => `${name}=${value}`);
  return host.start([
    ...machineWords(run),
    ...(env.length === 0 ? [] : ['env', ...env]),
    ...before,
    ...host.fieldtapWords(words),
  ]);
}

/** Monotonic clocks stay true, as when somebody sets the clock of a machine. */
const PRELOAD = { LD_PRELOAD: FAKETIME, FAKETIME_DONT_FAKE_MONOTONIC: '1' };

/** A clock in a file, for an agent and doctor together; `set` is as setting the machine's. */
export function clockFrom(path: string): {
  readonly env: Readonly<Record<string, string>>;
  set(offset: string): void;
} {
  return {
    env: { ...PRELOAD, FAKETIME_TIMESTAMP_FILE: path, FAKETIME_NO_CACHE: '1' },
    set: (offset) => writeFileSync(path, `${offset}\n`),
  };
}

/** strace stops the process at these calls only (seccomp-bpf), and answers them itself. */
function machineWords({ hasNoTimeService = false, syncMs }: DoctorRun): readonly string[] {
  const trace = syncMs === undefined ? CLOCK_CALLS : `${CLOCK_CALLS},fsync`;
  const answer = hasNoTimeService ? 'error=EPERM' : 'retval=0';
  return [
    ...['strace', '-f', '-qq', '--seccomp-bpf', '-o', '/dev/null', '-e', `trace=${trace}`],
    ...['-e', `inject=${CLOCK_CALLS}:${answer}`],
    ...(syncMs === undefined ? [] : ['-e', `inject=fsync:delay_enter=${syncMs * 1000}`]),
  ];
}

/** adjtimex(3) is either, by the version of the C library. */
const CLOCK_CALLS = 'adjtimex,clock_adjtime';

export interface Expected {
  readonly faults?: readonly string[];
  readonly warnings?: readonly string[];
  /** Of the cause and the remedy of the first. */
  readonly says?: RegExp;
}

/** The causes are these and no others, in this order; the first one tells what to do. */
export function tells(
  context: TestContext,
  name: string,
  diagnosis: Diagnosis,
  { faults = [], warnings = [], says }: Expected,
): void {
  assert.deepEqual([diagnosis.faults, diagnosis.warnings], [faults, warnings], name);
  const first = diagnosis.check(faults[0] ?? warnings[0] ?? '');
  if (first !== undefined) {
    assert.ok(first.cause !== undefined && first.remedy !== undefined, `${name}: what to do`);
    if (says) assert.match(`${first.figure} ${first.cause} ${first.remedy}`, says, name);
  }
  assert.equal(diagnosis.exitCode, faults.length > 0 ? 1 : 0, name);
  report(context, `doctor: ${name}`, diagnosis.faults.length, 'faults', '==', faults.length);
}

/** Runs the cases a few at a time: each is a process of its own. */
export async function inTurn<T>(
  cases: readonly T[],
  run: (each: T) => Promise<void>,
  atOnce = 3,
): Promise<void> {
  const waiting = [...cases];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await run(next);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** A poll that goes on for longer than anybody listens. */
export async function poll(plant: VirtualPlant): Promise<BenchProcess> {
  const server = await plant.modbusServer();
  const client = await connectBurst(plant, server, { transactions: 1_000_000, rate: 100 });
  client.tell('go');
  return client;
}
