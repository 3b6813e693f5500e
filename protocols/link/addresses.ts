/**
 * Addresses as text, each in the one form that its specification calls canonical, so that the same
 * device has the same name in every record. Made when a flow is recognised, never per frame.
 */

export const IPV4_BYTES = 4;
export const IPV6_BYTES = 16;
export const MAC_BYTES = 6;

/** `192.0.2.1` */
export function formatIpv4(bytes: Uint8Array, offset: number): string {
  return `${bytes[offset]}.${bytes[offset + 1]}.${bytes[offset + 2]}.${bytes[offset + 3]}`;
}

/**
 * RFC 5952: lower case, no leading zeros, the first of the longest runs of two or more zero groups
 * as `::`, an IPv4-mapped address with its last 32 bits in dotted form (section 5).
 */
export function formatIpv6(bytes: Uint8Array, offset: number): string {
  const groups: number[] = [];
  for (let position = offset; position < offset + IPV6_BYTES; position += 2) {
    groups.push((bytes[position] << 8) | bytes[position + 1]);
  }
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${formatIpv4(bytes, offset + 12)}`;
  }
  const run = longestZeroRun(groups);
  if (run.length < 2) return groups.map(toHex).join(':');
  const head = groups.slice(0, run.begin).map(toHex).join(':');
  const tail = groups
    .slice(run.begin + run.length)
    .map(toHex)
    .join(':');
  return `${head}::${tail}`;
}

/** `aa:bb:cc:dd:ee:ff` */
export function formatMac(bytes: Uint8Array, offset: number): string {
  const parts: string[] = [];
  for (let position = offset; position < offset + MAC_BYTES; position++) {
    parts.push(bytes[position].toString(16).padStart(2, '0'));
  }
  return parts.join(':');
}

function toHex(group: number): string {
  return group.toString(16);
}

function longestZeroRun(groups: readonly number[]): { begin: number; length: number } {
  let best = { begin: 0, length: 0 };
  let length = 0;
  groups.forEach((group, index) => {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { begin: index - length + 1, length };
  });
  return best;
}
