/** The shape of the fault table: one area of the program a file, one fault a row. */

export interface FaultRow {
  /** AREA_THING_STATE, for ever. */
  readonly code: string;
  /** What happened, for any occurrence of it; a backtick quotes what is typed. */
  readonly problem: string;
  /** The next step. */
  readonly remedy: string;
}

export interface FaultArea {
  /** Heading in docs/faults.md. */
  readonly title: string;
  readonly faults: readonly FaultRow[];
}
