/**
 * Doctor's judgement: facts in, a list of plain checks out, in the order in which one depends on
 * another. One file a theme below checks/; what a root explains is hidden behind it, so that one
 * pulled cable lights one line, and two faults light two.
 */
import { type Check, type Finding, withRoots } from './check.ts';
import { agentChecks } from './checks/agent.ts';
import { bufferChecks } from './checks/buffer.ts';
import { clockChecks } from './checks/clock.ts';
import { configurationChecks } from './checks/configuration.ts';
import { interfaceChecks } from './checks/interfaces.ts';
import { mirrorChecks } from './checks/mirror.ts';
import { protocolChecks } from './checks/protocols.ts';
import { serialChecks } from './checks/serial.ts';
import { uplinkChecks } from './checks/uplink.ts';
import type { DoctorFacts } from './doctor-facts.ts';

const THEMES: readonly ((facts: DoctorFacts) => Finding[])[] = [
  agentChecks,
  interfaceChecks,
  serialChecks,
  mirrorChecks,
  protocolChecks,
  clockChecks,
  bufferChecks,
  uplinkChecks,
];

/** Without a configuration only that is told: what is wanted isn't known. */
export function judge(facts: DoctorFacts): Check[] {
  const configuration = configurationChecks(facts);
  if (facts.wanted === undefined) return withRoots(configuration);
  return withRoots([...configuration, ...THEMES.flatMap((theme) => theme(facts))]);
}
