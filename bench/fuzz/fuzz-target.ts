/**
 * What the fuzzer drives: one part of the program that reads hostile bytes. A block of inputs
 * shares one state, as a sensor does; the same block from its first input on replays what happened.
 */
import type { SeededRandom } from '../seeded-random.ts';

export interface FuzzTarget {
  readonly name: string;
  /** A fresh state for a block of inputs. */
  begin(): FuzzState;
}

export interface FuzzState {
  /** Makes the next input; not timed. */
  make(random: SeededRandom): void;
  /** Reads it; true: the header was accepted, so that what lies behind it was read too. */
  run(): boolean;
}
