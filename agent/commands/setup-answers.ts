/**
 * What setup has to know: asked on a terminal, each answer judged at once by the configuration that
 * it would make, and asked for again; by flags and proposals anywhere else.
 */
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline/promises';
import { parseConfig } from '../config.ts';
import type { InterfaceFacts } from '../diagnostics/doctor-facts.ts';
import type { Proposal } from '../diagnostics/setup-proposal.ts';
import {
  configText,
  QUOTA_MIB,
  quotaThatFits,
  type SetupAnswers,
} from '../diagnostics/setup-text.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { escapeText } from '../platform/wire-text.ts';
import { diskFacts } from './doctor-machine.ts';

const SECTOR_QUESTION = 'Sector (water, energy...)';
const BROKER_QUESTION = "The hub's broker (mqtts://host:8883; empty: everything stays here)";
/** An answer that isn't taken is asked for again; then setup ends with the fault. */
const TRIES_MAX = 3;

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

/** Why an answer isn't taken; undefined when it is. */
type Judge = (answer: string) => string | undefined;
/** Asks one question; the proposal is what an empty answer means. */
type Ask = (question: string, proposal: string, judge: Judge) => Promise<string>;

/** Throws OperatorFault for flags, or answers after some tries, that can't be used. */
export async function answersOf(
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
    const judgeNames: Judge = (text) => faultOfNames(namesOf(text), interfaces);
    const names =
      options.interface ?? namesOf(await ask('Listen on', proposal.names.join(','), judgeNames));
    const fault = faultOfNames(names, interfaces);
    if (fault !== undefined) throw namesUnclear(fault, interfaces);
    const judge =
      (field: 'name' | 'sector' | 'broker'): Judge =>
      (answer) =>
        faultIn(configText(sampleAnswers({ ...options, [field]: answer })));
    const siteName = options.name ?? (await ask('Name of the site', 'unnamed site', judge('name')));
    const sector = options.sector ?? (await ask(SECTOR_QUESTION, '', judge('sector')));
    const broker = options.broker ?? (await ask(BROKER_QUESTION, '', judge('broker')));
    return {
      siteName,
      sharing: options.sharing,
      interfaces: names.map((name, at) => ({ name, role: roleOf(names, at, proposal) })),
      stateFolder: options.state,
      quotaMiB: quotaThatFits(diskFacts(join(options.state, 'buffer.db'))),
      ...(sector !== '' && { sector }),
      ...(broker !== '' && { broker }),
    };
  } finally {
    reader?.close();
  }
}

function askerOf(reader: Interface | undefined): Ask {
  if (reader === undefined) return async (_question, proposal) => proposal;
  return async (question, proposal, judge) => {
    const shown = proposal === '' ? '' : ` [${escapeText(proposal)}]`;
    for (let tries = 1; ; tries++) {
      const answer = (await reader.question(`${question}${shown}: `)).trim();
      const taken = answer === '' ? proposal : answer;
      const fault = judge(taken);
      if (fault === undefined || tries === TRIES_MAX) return taken;
      process.stdout.write(`  ${escapeText(fault)}\n`);
    }
  };
}

/** Wrong flags are told at once, and not after everything else. */
export function checkFlags(options: SetupOptions): void {
  const fault = faultIn(configText(sampleAnswers(options)));
  if (fault !== undefined) throw unusable(fault);
}

/** What is known so far, on an interface that any configuration may name. */
function sampleAnswers({ name, sector, broker, sharing, state }: SetupOptions): SetupAnswers {
  return {
    siteName: name ?? 'unnamed site',
    sharing,
    interfaces: [{ name: 'eth0', role: 'mirror' }],
    stateFolder: state,
    quotaMiB: QUOTA_MIB,
    ...(sector !== undefined && sector !== '' && { sector }),
    ...(broker !== undefined && broker !== '' && { broker }),
  };
}

/** The first fault of a configuration, as a sentence. */
export function faultIn(text: string): string | undefined {
  const parsed = parseConfig(text);
  if (parsed.kind === 'config') return undefined;
  const { key, problem } = parsed.faults[0];
  return `${key} ${problem}`.trim();
}

/** `eth1`, or `eth1:tapA` for who says the role. */
function roleOf(names: readonly string[], at: number, proposal: Proposal): string {
  if (proposal.isTap && names.length === 2) return at === 0 ? 'tapA' : 'tapB';
  return 'mirror';
}

function namesOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((name) => name !== '');
}

function faultOfNames(
  names: readonly string[],
  interfaces: readonly InterfaceFacts[],
): string | undefined {
  if (names.length === 0) return 'No interface heard a plant, so none can be proposed.';
  const unknown = names.find((each) => !interfaces.some(({ name }) => name === each));
  if (unknown === undefined) return undefined;
  return `There is no interface "${escapeText(unknown)}" on this gateway.`;
}

function namesUnclear(problem: string, interfaces: readonly InterfaceFacts[]): OperatorFault {
  const known = interfaces.map(({ name }) => name).join(', ');
  return new OperatorFault({
    code: 'SETUP_INTERFACE_UNCLEAR',
    problem,
    remedy:
      `Name it: fieldtap setup --interface NAME, one of ${known}. ` +
      'Listening longer (--seconds 30) may help on a quiet plant.',
  });
}

export function unusable(problem: string): OperatorFault {
  return new OperatorFault({
    code: 'SETUP_ANSWER_UNUSABLE',
    problem: `An answer can't be used: ${problem}`,
    remedy: 'Run setup again with another answer; docs/configuration.md says what each may be.',
  });
}
