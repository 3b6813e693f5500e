/**
 * Loaded before tests: every property that names no seed of its own draws from one seed of the
 * whole run, so that a failure can be repeated, also one that only shows in what all runs of a
 * property had in common. FIELDTAP_PROPERTY_SEED=N repeats the draws of an earlier run; whoever
 * loads this file first chooses, and the processes it starts follow.
 */
import { randomInt } from 'node:crypto';
import fc from 'fast-check';

const VARIABLE = 'FIELDTAP_PROPERTY_SEED';
/** fast-check takes 32 bits. */
const SEEDS = 2 ** 31;

process.env[VARIABLE] ??= String(randomInt(SEEDS));
fc.configureGlobal({ seed: Number(process.env[VARIABLE]) });

/** What repeats the properties of this run; the word before the command. */
export const REPEATED_BY = `${VARIABLE}=${process.env[VARIABLE]}`;
