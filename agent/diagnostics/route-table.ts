/**
 * By which interface this machine would send to an address, read from the kernel's own tables as
 * text (proc(5), net/route and net/ipv6_route). The probe refuses where that is a capture port.
 */

const RTF_UP = 1;
const RTF_REJECT = 0x0200;

interface Route {
  readonly interfaceName: string;
  readonly prefixBits: number;
  readonly metric: number;
}

/** Undefined where no route leads there. `address` is IPv4, dotted. */
export function ipv4Interface(routeText: string, address: string): string | undefined {
  const wanted = ipv4Number(address);
  const routes = routeText
    .split('\n')
    .slice(1)
    .flatMap((line): Route[] => {
      const cells = line.trim().split(/\s+/);
      if (cells.length < 8) return [];
      const destination = littleEndian(cells[1]);
      const mask = littleEndian(cells[7]);
      const flags = Number.parseInt(cells[3], 16);
      if ((flags & RTF_UP) === 0 || (flags & RTF_REJECT) !== 0) return [];
      if ((wanted & mask) >>> 0 !== destination) return [];
      return [{ interfaceName: cells[0], prefixBits: bitsOf(mask), metric: Number(cells[6]) }];
    });
  return best(routes);
}

/** `address` is 32 hex digits, as the table writes them. */
export function ipv6Interface(routeText: string, address: string): string | undefined {
  const wanted = BigInt(`0x${address}`);
  const routes = routeText.split('\n').flatMap((line): Route[] => {
    const cells = line.trim().split(/\s+/);
    if (cells.length < 10) return [];
    const prefixBits = Number.parseInt(cells[1], 16);
    const flags = Number.parseInt(cells[8], 16);
    if ((flags & RTF_UP) === 0 || (flags & RTF_REJECT) !== 0) return [];
    const shift = BigInt(128 - prefixBits);
    if (wanted >> shift !== BigInt(`0x${cells[0]}`) >> shift) return [];
    return [{ interfaceName: cells[9], prefixBits, metric: Number.parseInt(cells[5], 16) }];
  });
  return best(routes);
}

/** RFC 4291 text as 32 hex digits; undefined for what is none. */
export function ipv6Hex(address: string): string | undefined {
  const [head, tail, ...more] = address.split('::');
  if (more.length > 0 || address.includes('.')) return undefined;
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 0) return undefined;
  const groups = [...left, ...Array.from({ length: missing }, () => '0'), ...right];
  if (groups.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.map((group) => group.padStart(4, '0')).join('');
}

/** The longest prefix, then the lowest metric. */
function best(routes: readonly Route[]): string | undefined {
  return routes.toSorted((a, b) => b.prefixBits - a.prefixBits || a.metric - b.metric)[0]
    ?.interfaceName;
}

function ipv4Number(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) >>> 0;
}

function littleEndian(hex: string): number {
  const value = Number.parseInt(hex, 16);
  const swapped =
    ((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
  return swapped >>> 0;
}

function bitsOf(mask: number): number {
  let bits = 0;
  for (let left = mask; left !== 0; left = (left << 1) >>> 0) bits++;
  return bits;
}
