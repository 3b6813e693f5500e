/**
 * `fieldtap setup`: lists the interfaces with what each one hears, proposes the mirror port, looks
 * at the clock, writes the configuration, and runs check-config and doctor on it. Asks on a
 * terminal; with --yes or without a terminal it takes flags and proposals.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createInterface, type Interface } from 'node:readline/promises';
import { canCapture, whyNoCapture } from '../capture/interfaces.ts';
import { parseConfig } from '../config.ts';
import { exitCodeOf } from '../diagnostics/check.ts';
import type { Heard, InterfaceFacts } from '../diagnostics/doctor-facts.ts';
import { checksText } from '../diagnostics/doctor-text.ts';
import { type Proposal, propose } from '../diagnostics/setup-proposal.ts';
import { configText, type SetupAnswers, surveyText } from '../diagnostics/setup-text.ts';
import { SystemClock } from '../platform/clock.ts';
import { writeWhole } from '../platform/durable-file.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { escapeText } from '../platform/wire-text.ts';
import { diagnose } from './doctor.ts';
import { clockFacts, interfaceFacts } from './doctor-machine.ts';

export interface SetupOptions {
  readonly config: string;
  readonly seconds: number;
  readonly yes: boolean;
  readonly force: boolean;
  readonly name?: string;
  readonly sector?: string;
  readonly sharing: 'minimal' | 'standard' | 'full';
  readonly interface?: readonly string[];
  readonly broker?: string;
  readonly state: string;
  readonly json: boolean;
}

/** Asks one question; the proposal is what an empty answer means. */
type Ask = (question: string, proposal: string) => Promise<string>;

export async function setup(options: SetupOptions): Promise<number> {
  if (existsSync(options.config) && !options.force) throw alreadyThere(options.config);
  const { interfaces, heard } = await survey(options.seconds);
  const proposal = propose(interfaces, heard);
  const clock = await clockFacts(new SystemClock());
  say(options, surveyText(interfaces, heard, proposal, clock));
  const answers = await answersOf(options, interfaces, proposal);
  const text = configText(answers);
  const parsed = parseConfig(text);
  if (parsed.kind === 'faults') throw unusable(parsed.faults[0]?.problem ?? '');
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
    process.stdout.write(`\nNext: fieldtap run --config ${escapeText(options.config)}\n`);
  }
  return exitCodeOf(told);
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
  return { interfaces, heard: await listen(listened, { seconds }) };
}

async function answersOf(
  options: SetupOptions,
  interfaces: readonly InterfaceFacts[],
  proposal: Proposal,
): Promise<SetupAnswers> {
  const isAsked = !options.yes && !options.json && process.stdin.isTTY === true;
  const reader = isAsked
    ? createInterface({ input: process.stdin, output: process.stdout })
    : undefined;
  try {
    const ask = askerOf(reader);
    const names = options.interface ?? namesOf(await ask('Listen on', proposal.names.join(',')));
    const siteName = options.name ?? (await ask('Name of the site', 'unnamed site'));
    const sector = options.sector ?? (await ask('Sector (water, energy...)', ''));
    const broker = options.broker ?? (await ask("The hub's broker (mqtts://...)", ''));
    checkNames(names, interfaces);
    return {
      siteName,
      sharing: options.sharing,
      interfaces: names.map((name, at) => ({ name, role: roleOf(names, at, proposal) })),
      stateFolder: options.state,
      ...(sector !== '' && { sector }),
      ...(broker !== '' && { broker }),
    };
  } finally {
    reader?.close();
  }
}

function askerOf(reader: Interface | undefined): Ask {
  if (reader === undefined) return async (_question, proposal) => proposal;
  return async (question, proposal) => {
    const shown = proposal === '' ? '' : ` [${escapeText(proposal)}]`;
    const answer = (await reader.question(`${question}${shown}: `)).trim();
    return answer === '' ? proposal : answer;
  };
}

/** `eth1`, or `eth1:tapA` for who says the role. */
function roleOf(names: readonly string[], at: number, proposal: Proposal): string {
  if (proposal.isTap && names.length === 2) return at === 0 ? 'tapA' : 'tapB';
  return 'mirror';
}

function namesOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((name) => name !== '');
}

function checkNames(names: readonly string[], interfaces: readonly InterfaceFacts[]): void {
  const known = interfaces.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (names.length > 0 && unknown === undefined) return;
  throw new OperatorFault({
    code: 'SETUP_INTERFACE_UNCLEAR',
    problem:
      unknown === undefined
        ? 'No interface heard a plant, so none can be proposed.'
        : `There is no interface "${escapeText(unknown)}" on this gateway.`,
    remedy:
      `Name it: fieldtap setup --interface NAME, one of ${known.join(', ')}. ` +
      'Listening longer (--seconds 30) may help on a quiet plant.',
  });
}

function write(path: string, text: string): void {
  try {
    mkdirSync(dirname(resolve(path)), { recursive: true });
    writeWhole(path, text, 0o640);
  } catch (cause) {
    throw new OperatorFault({
      code: 'SETUP_CONFIG_NOT_WRITTEN',
      problem: `"${path}" can't be written (${cause instanceof Error ? cause.message : cause}).`,
      remedy: 'Run it as root, or give another file with --config.',
      cause,
    });
  }
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

function unusable(problem: string): OperatorFault {
  return new OperatorFault({
    code: 'SETUP_ANSWER_UNUSABLE',
    problem: `An answer is not accepted by the configuration: ${problem}`,
    remedy: 'Run setup again with another answer; docs/configuration.md says what each may be.',
  });
}

/** Where the state lies unless told otherwise. */
export const DEFAULT_STATE_FOLDER = join('/var/lib', 'fieldtap');
