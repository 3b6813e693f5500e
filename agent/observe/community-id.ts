/**
 * Community ID version 1: one text for a flow that other tools (Zeek, Suricata, Arkime) make too,
 * so that a record here leads to theirs. Spec: github.com/corelight/community-id-spec, seed 0.
 */

/** IP protocol numbers (RFC 5237 registry). */
const PROTOCOL_NUMBERS = { tcp: 6, udp: 17 } as const;
const VERSION = '1:';

export interface CommunityIdEnd {
  /** 4 or 16 bytes in network order. */
  readonly ipBytes: Uint8Array;
  readonly port: number;
}

/**
 * `sha1Base64` makes the padded Base64 of a SHA-1; it is a parameter because this stage uses no
 * node built-in. The order of the two ends does not matter.
 */
export function communityId(
  one: CommunityIdEnd,
  other: CommunityIdEnd,
  ipProtocol: 'tcp' | 'udp',
  sha1Base64: (bytes: Uint8Array) => string,
): string {
  const [first, second] = isBefore(one, other) ? [one, other] : [other, one];
  const addressBytes = first.ipBytes.length;
  // Seed (2), both addresses, protocol, one byte of padding, both ports.
  const bytes = new Uint8Array(2 + addressBytes * 2 + 2 + 4);
  bytes.set(first.ipBytes, 2);
  bytes.set(second.ipBytes, 2 + addressBytes);
  const rest = 2 + addressBytes * 2;
  bytes[rest] = PROTOCOL_NUMBERS[ipProtocol];
  bytes[rest + 2] = first.port >>> 8;
  bytes[rest + 3] = first.port;
  bytes[rest + 4] = second.port >>> 8;
  bytes[rest + 5] = second.port;
  return [VERSION, sha1Base64(bytes)].join('');
}

function isBefore(one: CommunityIdEnd, other: CommunityIdEnd): boolean {
  for (let index = 0; index < one.ipBytes.length; index++) {
    const difference = one.ipBytes[index] - other.ipBytes[index];
    if (difference !== 0) return difference < 0;
  }
  return one.port < other.port;
}
