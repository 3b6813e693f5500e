/** What a section of the bench is, and what it brings back: figures, or why it couldn't run. */

export interface Figure {
  readonly name: string;
  readonly value: number;
  /** `x` for a ratio theirs/ours, else `ns`, `ms`, `MB`, `packets/s`. */
  readonly unit: string;
  /** What the figure is measured against, as text: `goal >= 30`. */
  readonly goal?: string;
}

export type SectionResult =
  | { readonly kind: 'figures'; readonly figures: readonly Figure[] }
  | { readonly kind: 'skipped'; readonly reason: string };

export interface BenchContext {
  /** A folder that is removed afterwards. */
  readonly folder: string;
  /** The program from this checkout, as a process: `[node, agent/start.mjs]`. */
  readonly fieldtap: readonly [string, string];
  /** Progress for the person who waits, on standard error. */
  say(text: string): void;
}

export interface BenchSection {
  readonly name: string;
  readonly title: string;
  run(context: BenchContext): Promise<SectionResult>;
}

export const MEGABYTE = 1_000_000;
