/**
 * A fault that an operator can act on: a code that never changes, what happened and where, and what
 * to do next. docs/faults.md lists every code.
 */
export interface OperatorFaultFacts {
  /** AREA_THING_STATE, for ever: `CAPTURE_INTERFACE_MISSING`. */
  readonly code: string;
  /** What happened and where, with what came from outside in quotes. */
  readonly problem: string;
  /** The next step, as a sentence. */
  readonly remedy: string;
  readonly cause?: unknown;
}

export class OperatorFault extends Error {
  readonly code: string;
  readonly problem: string;
  readonly remedy: string;

  constructor(facts: OperatorFaultFacts) {
    super(`${facts.problem} ${facts.remedy}`, { cause: facts.cause });
    this.name = 'OperatorFault';
    this.code = facts.code;
    this.problem = facts.problem;
    this.remedy = facts.remedy;
  }
}
