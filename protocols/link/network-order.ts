/**
 * Integers in network byte order, read by shifts: on the hot path a DataView needs an object and
 * Buffer.readUInt* halves the speed (docs/benchmarks.md). The caller has checked the bounds.
 */

export function uint16At(bytes: Uint8Array, offset: number): number {
  return (bytes[offset] << 8) | bytes[offset + 1];
}

/** 32 bits as a signed number: a small integer to the engine, fit for keys and comparisons. */
export function int32At(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] << 24) | (bytes[offset + 1] << 16) | (bytes[offset + 2] << 8) | bytes[offset + 3]
  );
}
