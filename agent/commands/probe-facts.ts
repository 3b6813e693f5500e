/**
 * Hands what a probe learned to whoever keeps the devices: the running agent, which gets it with
 * the note of the probe, or the buffer of an agent that doesn't run.
 */
import { existsSync } from 'node:fs';
import { SystemClock } from '../platform/clock.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { SystemRandom } from '../platform/random.ts';
import { questionText } from '../probe/modbus-frames.ts';
import type { ProbePlan } from '../probe/probe-plan.ts';
import type { ProbeResult } from './probe-run.ts';

/** The body of the action, and what `probedFacts` takes. */
export interface LearnedAsset {
  readonly address: string;
  readonly unitId?: number;
  readonly facts: Readonly<Record<string, string>>;
}

/** What the device said of itself; values of registers are no facts of a device. */
export function learnedAsset(plan: ProbePlan, { facts }: ProbeResult): LearnedAsset | undefined {
  const read =
    plan.protocol === 'modbus'
      ? plan.questions.filter(({ kind }) => kind === 'read').map(questionText)
      : [];
  const kept = Object.entries(facts).filter(([name]) => !read.includes(name));
  if (kept.length === 0) return undefined;
  if (plan.protocol === 'modbus') {
    return { address: plan.host, unitId: plan.unitId, facts: Object.fromEntries(kept) };
  }
  const { hostname } = new URL(plan.endpointUrl.replace(/^opc\.tcp:/, 'http:'));
  return { address: hostname.replace(/^\[|\]$/g, ''), facts: Object.fromEntries(kept) };
}

/** No agent took it: into its buffer, where there is one already. True: it is kept. */
export async function keepLearned(
  learned: LearnedAsset,
  { path, quotaMiB }: { readonly path: string; readonly quotaMiB: number },
): Promise<boolean> {
  if (!existsSync(path)) return false;
  const { SiteBuffer } = await import('../../buffer/site-buffer.ts');
  const { probedFacts, savedWithProbed } = await import('../probed-facts.ts');
  const clock = new SystemClock();
  const probed = probedFacts(learned, Math.round(clock.wallMs() * 1000));
  if (probed === undefined) return false;
  const options = { path, quotaMiB, clock, random: new SystemRandom() };
  const buffer = openUnused(() => SiteBuffer.open(options));
  if (buffer === undefined) return false;
  try {
    const kept = buffer.state((state) => {
      state.save(savedWithProbed(state.rows(), probed));
      return true;
    });
    return kept === true;
  } finally {
    buffer.close();
  }
}

/** An agent whose socket doesn't answer has it open: then the log of probes alone keeps it. */
function openUnused<T>(open: () => T): T | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof OperatorFault) return undefined;
    throw error;
  }
}
