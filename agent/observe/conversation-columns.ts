/** What the columns of the conversation table hold, by their place in a row. */

/** Counts. */
export const COUNTERS = 8;
export const REQUESTS = 0;
export const RESPONSES = 1;
export const EXCEPTIONS = 2;
export const UNMATCHED_REQUESTS = 3;
export const WRITES = 4;
export const ANOMALIES = 5;
export const RTT_SAMPLES = 6;
export const RTT_MAX_US = 7;

/** Times, UTC µs, and one count. */
export const MOMENTS = 4;
export const FIRST_SEEN_US = 0;
export const LAST_SEEN_US = 1;
/** 0 while the row is silent in this interval. */
export const INTERVAL_FIRST_US = 2;
export const BYTES_MISSED = 3;
