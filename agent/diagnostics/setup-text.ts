/** What setup shows of the interfaces, and the configuration it writes. */
import { escapeText } from '../platform/wire-text.ts';
import type { ClockFacts, DiskFacts, Heard, InterfaceFacts } from './doctor-facts.ts';
import { type Proposal, plantMessages } from './setup-proposal.ts';

export interface SetupAnswers {
  readonly siteName: string;
  readonly sector?: string;
  readonly sharing: 'minimal' | 'standard' | 'full';
  readonly interfaces: readonly { readonly name: string; readonly role: string }[];
  readonly broker?: string;
  /** Buffer and enrolment lie here. */
  readonly stateFolder: string;
  readonly quotaMiB: number;
}

const PORTS_SHOWN = 4;
/** As the configuration has it where nothing is said. */
export const QUOTA_MIB = 1024;
const QUOTA_MIB_MIN = 16;
const MIB = 2 ** 20;
/** A small disk keeps some room for what else is on it. */
const QUOTA_SHARE = 0.7;

/** A quota that the disk can hold, so that doctor needn't ask for a smaller one. */
export function quotaThatFits({ freeBytes, error }: DiskFacts): number {
  if (error !== undefined) return QUOTA_MIB;
  const fits = Math.floor((freeBytes / MIB) * QUOTA_SHARE);
  return Math.max(QUOTA_MIB_MIN, Math.min(QUOTA_MIB, fits));
}

export function surveyText(
  interfaces: readonly InterfaceFacts[],
  heard: readonly Heard[],
  proposal: Proposal,
  clock: ClockFacts,
): string {
  const lines = interfaces
    .filter(({ isLoopback }) => !isLoopback)
    .flatMap((each) => interfaceLines(each, heard));
  const source = clock.isSynchronized === true ? 'kept by a time service' : 'kept by nobody';
  return `${[
    'Interfaces of this gateway, and what each one hears:',
    ...lines,
    '',
    proposal.because,
    `The clock says ${new Date(clock.wallMs).toISOString().slice(0, 16)}Z, ${source}.`,
  ].join('\n')}\n`;
}

function interfaceLines(each: InterfaceFacts, heard: readonly Heard[]): string[] {
  const name = `  ${each.name.padEnd(12)}`;
  const address = each.addresses.length > 0 ? `, address ${each.addresses.join(' ')}` : '';
  if (!each.isUp) return [`${name}${each.isSetUp ? 'no link' : 'switched off'}${address}`];
  const found = heard.find(({ interfaceName }) => interfaceName === each.name);
  if (found === undefined) return [`${name}up, could not be listened to${address}`];
  const plant = plantMessages(found);
  const ports = found.ports
    .slice(0, PORTS_SHOWN)
    .map(({ what, frames }) => `${what} (${frames})`)
    .join(', ');
  return [
    `${name}${found.frames} frames in ${found.seconds} s of ${found.senders} devices, ` +
      `${plant} plant messages${address}`,
    ...(ports === '' ? [] : [`  ${' '.repeat(12)}${escapeText(ports)}`]),
  ];
}

/** YAML by hand, so that a person finds each thing where the documents show it. */
export function configText(answers: SetupAnswers): string {
  const { siteName, sector, sharing, interfaces, broker, stateFolder, quotaMiB } = answers;
  const site = [
    `name: ${quoted(siteName)}`,
    ...(sector === undefined ? [] : [`sector: ${quoted(sector)}`]),
    `sharing: ${sharing}`,
  ];
  const ports = interfaces.map(({ name, role }) => `{ name: ${quoted(name)}, role: ${role} }`);
  const uplink =
    broker === undefined
      ? '# uplink: { broker: "mqtts://hub.example:8883" }    # without it everything stays here'
      : `uplink: { broker: ${quoted(broker)}, credentials: ${quoted(`${stateFolder}/enrolment`)} }`;
  return `# Written by "fieldtap setup". Every key: docs/configuration.md
site: { ${site.join(', ')} }
capture:
  interfaces: [${ports.join(', ')}]
buffer: { path: ${quoted(`${stateFolder}/buffer.db`)}, quotaMiB: ${quotaMiB} }
${uplink}
probe: { allowed: false }
`;
}

/** A JSON string is a YAML string, whatever a person typed. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
