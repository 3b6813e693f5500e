/**
 * The two words of `up/st`, as UTF-8: what an agent says when its link is up, and what the broker
 * says in its name when the link is gone. Unsigned, so a hint only: the hub answers a birth with
 * the agent's receipts again, and believes nothing else.
 */

export const STATUS_BIRTH = 'birth';
export const STATUS_GONE = 'gone';
export type Status = typeof STATUS_BIRTH | typeof STATUS_GONE;

const STATUS_BYTES_MAX = 16;

export function encodeStatus(status: Status): Uint8Array {
  return new TextEncoder().encode(status);
}

/** Undefined for anything else. */
export function decodeStatus(bytes: Uint8Array): Status | undefined {
  if (bytes.byteLength > STATUS_BYTES_MAX) return undefined;
  const text = new TextDecoder().decode(bytes);
  return text === STATUS_BIRTH || text === STATUS_GONE ? text : undefined;
}
