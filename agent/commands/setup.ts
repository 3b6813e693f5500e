/**
 * `fieldtap setup`: lists the interfaces with what each one hears, proposes the mirror port, looks
 * at the clock, writes the configuration, and runs check-config and doctor on it. Asks on a
 * terminal; with --yes or without a terminal it takes flags and proposals.
 */
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { canCapture, whyNoCapture } from '../capture/interfaces.ts';
import { type Check, exitCodeOf } from '../diagnostics/check.ts';
import type { Heard, InterfaceFacts } from '../diagnostics/doctor-facts.ts';
import { checksText } from '../diagnostics/doctor-text.ts';
import { propose } from '../diagnostics/setup-proposal.ts';
import { configText, surveyText } from '../diagnostics/setup-text.ts';
import { SystemClock } from '../platform/clock.ts';
import { writeWhole } from '../platform/durable-file.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { escapeText } from '../platform/wire-text.ts';
import { diagnose } from './doctor.ts';
import { clockFacts, interfaceFacts, parentThere } from './doctor-machine.ts';
import { answersOf, checkFlags, faultIn, type SetupOptions, unusable } from './setup-answers.ts';

export async function setup(options: SetupOptions): Promise<number> {
  // What can't be right is told before anybody waits or answers.
  if (existsSync(options.config) && !options.force) throw alreadyThere(options.config);
  checkWritable(options.config);
  checkFlags(options);
  const { interfaces, heard } = await survey(options.seconds);
  const proposal = propose(interfaces, heard);
  const clock = await clockFacts(new SystemClock());
  say(options, surveyText(interfaces, heard, proposal, clock));
  const answers = await answersOf(options, interfaces, proposal);
  const text = configText(answers);
  const fault = faultIn(text);
  if (fault !== undefined) throw unusable(fault);
  write(options.config, text);
  say(options, `\nWritten: ${escapeText(resolve(options.config))} (check-config: good)\n\n`);
  const checks = await diagnose({ config: options.config, seconds: options.seconds });
  // Nobody expects an agent before the first start.
  const told = checks.filter(({ name }) => name !== 'agent');
  if (options.json) {
    const result = { config: resolve(options.config), interfaces, heard, proposal, checks: told };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } else {
    process.stdout.write(checksText(told));
    process.stdout.write(`\n${nextText(told, options.config)}\n`);
  }
  return exitCodeOf(told);
}

/** A gateway that is to be enrolled can't run before. */
function nextText(checks: readonly Check[], path: string): string {
  const config = escapeText(path);
  const isEnrolled = checks.every(
    ({ name, verdict }) => name !== 'enrolment' || verdict !== 'fault',
  );
  return isEnrolled
    ? `Next: fieldtap run --config ${config}`
    : `Next: fieldtap enroll --config ${config}; with the hub's answer installed, fieldtap run.`;
}

async function survey(seconds: number): Promise<{ interfaces: InterfaceFacts[]; heard: Heard[] }> {
  const interfaces = interfaceFacts();
  if (!canCapture()) {
    const fault = whyNoCapture();
    if (fault !== undefined) throw fault;
  }
  const { listen } = await import('./site-listen.ts');
  const listened = interfaces
    .filter(({ isUp, isLoopback }) => isUp && !isLoopback)
    .map(({ name }) => ({ name, role: 'mirror' as const }));
  if (process.stderr.isTTY) {
    const names = listened.map(({ name }) => name).join(', ');
    process.stderr.write(`fieldtap: listening on ${names} for ${seconds} s...\n`);
  }
  return { interfaces, heard: await listen(listened, { seconds }) };
}

function checkWritable(path: string): void {
  try {
    const parent = parentThere(dirname(resolve(path)));
    if (!statSync(parent).isDirectory()) throw new Error(`"${parent}" is no folder`);
    accessSync(parent, constants.W_OK);
    if (existsSync(path)) accessSync(path, constants.W_OK);
  } catch (cause) {
    throw notWritten(path, cause);
  }
}

function write(path: string, text: string): void {
  try {
    mkdirSync(dirname(resolve(path)), { recursive: true });
    writeWhole(path, text, 0o640);
  } catch (cause) {
    throw notWritten(path, cause);
  }
}

function notWritten(path: string, cause: unknown): OperatorFault {
  return new OperatorFault({
    code: 'SETUP_CONFIG_NOT_WRITTEN',
    problem: `"${path}" can't be written (${cause instanceof Error ? cause.message : cause}).`,
    remedy: 'Run it as root, or give another file with --config.',
    cause,
  });
}

function say({ json }: SetupOptions, text: string): void {
  if (!json) process.stdout.write(text);
}

function alreadyThere(path: string): OperatorFault {
  return new OperatorFault({
    code: 'SETUP_CONFIG_EXISTS',
    problem: `"${path}" is there already.`,
    remedy: 'Take --config for another file, or --force to write this one anew.',
  });
}

/** Where the state lies unless told otherwise. */
export const DEFAULT_STATE_FOLDER = join('/var/lib', 'fieldtap');
