/**
 * Response times as counts in bins: a percentile over an hour costs no list of samples. Four bins
 * an octave, so an upper bound is at most 25 % above the value it stands for.
 */

/** Bins 0..3 hold 0..3 µs each, then four an octave up to 2^27 µs (134 s), the last one open. */
export const RTT_BINS = 104;

const LAST_BIN = RTT_BINS - 1;

/** Bin of a response time in microseconds. */
export function rttBin(rttUs: number): number {
  if (rttUs < 4) return rttUs < 0 ? 0 : rttUs | 0;
  if (rttUs >= 134_217_728) return LAST_BIN;
  const exponent = 31 - Math.clz32(rttUs);
  return ((exponent - 1) << 2) + ((rttUs >>> (exponent - 2)) & 3);
}

/** Greatest whole microsecond that falls into the bin. */
export function rttBinUpperUs(bin: number): number {
  if (bin < 4) return bin;
  const exponent = (bin >> 2) + 1;
  return 2 ** exponent + ((bin & 3) + 1) * 2 ** (exponent - 2) - 1;
}

/**
 * Upper bound of the bin that holds the percentile; `fraction` 0..1. `bins` is a table of many
 * histograms, of which the one at `offset` counts `total` samples, at least one.
 */
export function percentileUs(
  bins: Uint32Array,
  offset: number,
  total: number,
  fraction: number,
): number {
  const rank = Math.max(1, Math.ceil(total * fraction));
  let seen = 0;
  for (let bin = 0; bin < RTT_BINS; bin++) {
    seen += bins[offset + bin];
    if (seen >= rank) return rttBinUpperUs(bin);
  }
  return rttBinUpperUs(RTT_BINS - 1);
}
