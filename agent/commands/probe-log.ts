/**
 * What the probe did is written down twice: as an observation of the running agent, and, whether or
 * not one runs, as a line of probe.ndjson in the state folder. A probe that nobody can find later
 * would look like an attack, so nothing is sent before the line can be written.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SystemClock } from '../platform/clock.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { escapeJson } from '../platform/wire-text.ts';
import type { ProbePlan } from '../probe/probe-plan.ts';
import { controlAction } from './control-client.ts';
import type { LearnedAsset } from './probe-facts.ts';
import type { ProbeResult } from './probe-run.ts';

const LOG_FILE = 'probe.ndjson';

/** Throws PROBE_NOT_NOTED where this user may not write the log: then nothing may be sent. */
export function checkLog(stateFolder: string): void {
  try {
    mkdirSync(stateFolder, { recursive: true });
    appendFileSync(join(stateFolder, LOG_FILE), '', { mode: 0o640 });
  } catch (cause) {
    throw new OperatorFault({
      code: 'PROBE_NOT_NOTED',
      problem: `What the probe sends could not be noted in "${stateFolder}"; nothing was sent.`,
      remedy: 'Run the probe as the user of the agent, or as root.',
      cause,
    });
  }
}

/** True: an agent runs and has it. */
export async function noteProbe(
  { protocol }: ProbePlan,
  result: ProbeResult,
  socketPath: string,
  stateFolder: string,
  learned?: LearnedAsset,
): Promise<boolean> {
  const at = new Date(new SystemClock().wallMs()).toISOString();
  const { target, source, sent, facts, failed } = result;
  const details = {
    target,
    source,
    protocol,
    messagesSent: sent.length,
    ...(failed && { failed: failed.code }),
    ...facts,
    ...(learned && { learned }),
  };
  try {
    const line = escapeJson(JSON.stringify({ at, user: process.getuid?.() ?? -1, ...result }));
    appendFileSync(join(stateFolder, LOG_FILE), `${line}\n`, { mode: 0o640 });
  } catch (cause) {
    throw new OperatorFault({
      code: 'PROBE_NOT_NOTED',
      problem: `What was sent could not be noted in "${stateFolder}".`,
      remedy: 'Run the probe as the user of the agent or root. What was sent is shown above.',
      cause,
    });
  }
  const body = Buffer.from(JSON.stringify(details));
  return (await controlAction(socketPath, '/v1/probed', body)) !== undefined;
}
