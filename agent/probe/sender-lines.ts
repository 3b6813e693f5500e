/** How a sender reads its plan and tells what it does: JSON, one plan in, one line each out. */
import { writeSync } from 'node:fs';
import type { ProbeLine, ProbePlan } from './probe-plan.ts';

const PLAN_CHARACTERS_MAX = 64 * 1024;
const STANDARD_OUTPUT = 1;

/** The plan on standard input, from the command that started this process. */
export async function readPlan(): Promise<ProbePlan> {
  let text = '';
  for await (const piece of process.stdin.setEncoding('utf8')) {
    text += piece;
    if (text.length > PLAN_CHARACTERS_MAX) throw new Error('the plan is too long');
  }
  // Both ends are the same program: the command has just written exactly this.
  return JSON.parse(text) as ProbePlan;
}

/** Synchronously: what leaves is told before it leaves, and nothing is lost at the end. */
export function say(line: ProbeLine): void {
  writeSync(STANDARD_OUTPUT, `${JSON.stringify(line)}\n`);
}
