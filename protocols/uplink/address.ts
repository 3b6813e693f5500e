/**
 * Addresses in their compact form: 4 bytes for IPv4, 16 for IPv6, 8 for a pseudonym of 16 hex
 * digits; any other text stays text. Each text has exactly one form.
 */

const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
const PSEUDONYM_BYTES = 8;
const PSEUDONYM = /^[0-9a-f]{16}$/;

/** The bytes of an address whose text is canonical (dotted decimal, RFC 5952), else undefined. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (PSEUDONYM.test(text)) return bytesOfHex(text);
  const bytes = text.includes(':') ? ipv6Bytes(text) : ipv4Bytes(text);
  return bytes !== undefined && addressText(bytes) === text ? bytes : undefined;
}

/** Undefined for a length that is no address. */
export function addressText(bytes: Uint8Array): string | undefined {
  switch (bytes.byteLength) {
    case IPV4_BYTES:
      return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
    case IPV6_BYTES:
      return ipv6Text(bytes);
    case PSEUDONYM_BYTES:
      return hexOfBytes(bytes);
    default:
      return undefined;
  }
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function hexOfBytes(bytes: Uint8Array): string {
  let text = '';
  for (let index = 0; index < bytes.byteLength; index++) text += HEX[bytes[index]];
  return text;
}

/** `text`: an even number of hex digits. */
export function bytesOfHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >> 1);
  for (let index = 0; index < bytes.byteLength; index++) {
    bytes[index] = Number.parseInt(text.slice(index * 2, index * 2 + 2), 16);
  }
  return bytes;
}

function ipv4Bytes(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== IPV4_BYTES || !parts.every((part) => /^\d{1,3}$/.test(part))) {
    return undefined;
  }
  return Uint8Array.from(parts, Number);
}

function ipv6Bytes(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = halves[0] === '' ? [] : halves[0].split(':');
  const tail = halves.length < 2 || halves[1] === '' ? [] : halves[1].split(':');
  const zeros = 8 - head.length - tail.length;
  if (halves.length === 1 ? zeros !== 0 : zeros < 1) return undefined;
  const groups = [...head, ...Array<string>(zeros).fill('0'), ...tail];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return undefined;
  const bytes = new Uint8Array(IPV6_BYTES);
  groups.forEach((group, index) => {
    const value = Number.parseInt(group, 16);
    bytes[index * 2] = value >> 8;
    bytes[index * 2 + 1] = value & 0xff;
  });
  return bytes;
}

/** RFC 5952 section 4, without the mixed notation of section 5. */
function ipv6Text(bytes: Uint8Array): string {
  const groups = Array.from(
    { length: 8 },
    (_, index) => (bytes[index * 2] << 8) | bytes[index * 2 + 1],
  );
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > bestLength) {
      bestStart = start;
      bestLength = end - start;
    }
    start = Math.max(start, end - 1);
  }
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  if (bestStart < 0) return text(0, 8);
  return `${text(0, bestStart)}::${text(bestStart + bestLength, 8)}`;
}
