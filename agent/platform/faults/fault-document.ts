/**
 * docs/faults.md, made from the fault table: every code that an operator may meet, what happened
 * and what to do. docs.test.ts holds the document against this, and the table against the sources.
 */
import { BUFFER_FAULTS } from './buffer-faults.ts';
import { CAPTURE_FAULTS } from './capture-faults.ts';
import { CAPTURE_FILE_FAULTS } from './capture-file-faults.ts';
import type { FaultArea, FaultRow } from './fault-area.ts';
import { HUB_FAULTS } from './hub-faults.ts';
import { PROBE_FAULTS } from './probe-faults.ts';
import { SITE_FAULTS } from './site-faults.ts';
import { START_FAULTS } from './start-faults.ts';
import { UPLINK_FAULTS } from './uplink-faults.ts';

/** From the root of the checkout. */
export const FAULTS_FILE = 'docs/faults.md';

const AREAS: readonly FaultArea[] = [
  START_FAULTS,
  CAPTURE_FAULTS,
  CAPTURE_FILE_FAULTS,
  BUFFER_FAULTS,
  UPLINK_FAULTS,
  SITE_FAULTS,
  PROBE_FAULTS,
  HUB_FAULTS,
];

const HEAD = `# Faults

Every message that asks an operator to act, by its code. Codes never change; the wording may.
Made by \`node agent/platform/faults/make-fault-document.ts\` from the tables beside that file: a
new fault gets its row there.
`;

export function allFaults(): readonly FaultRow[] {
  return AREAS.flatMap(({ faults }) => faults);
}

export function faultDocument(): string {
  return [HEAD, ...AREAS.map(areaText)].join('\n');
}

function areaText({ title, faults }: FaultArea): string {
  const rows = faults.map(({ code, problem, remedy }) => `| ${code} | ${problem} | ${remedy} |`);
  return [
    `## ${title}`,
    '| Code | What happened | What to do |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
