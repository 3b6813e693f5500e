/**
 * BSD loopback captures: a word with the address family, then IP.
 * Spec: tcpdump.org/linktypes: LINKTYPE_NULL has it in the byte order of the machine that captured,
 * which a reader elsewhere can't know; LINKTYPE_LOOP (OpenBSD) in network order.
 *
 *    0                4
 *    | address family |  IP packet
 */
import { ETHER_TYPE_IPV4, ETHER_TYPE_IPV6, ETHER_TYPE_NONE } from './ethernet.ts';
import { int32At } from './network-order.ts';

export const NULL_HEADER_BYTES = 4;

const FAMILY_IPV4 = 2;
/** AF_INET6 has another number in each system: Linux, NetBSD and OpenBSD, FreeBSD, macOS. */
const FAMILY_IPV6_LINUX = 10;
const FAMILY_IPV6_NETBSD = 24;
const FAMILY_IPV6_FREEBSD = 28;
const FAMILY_IPV6_MACOS = 30;

/** The EtherType that fits the family, whichever way round its bytes stand. */
export function readNullLoopback(bytes: Uint8Array, offset: number): number {
  const word = int32At(bytes, offset);
  // Families are below 256: what isn't in the last byte must stand in the first.
  switch ((word & 0x00ff_ffff) === 0 ? word >>> 24 : word) {
    case FAMILY_IPV4:
      return ETHER_TYPE_IPV4;
    case FAMILY_IPV6_LINUX:
    case FAMILY_IPV6_NETBSD:
    case FAMILY_IPV6_FREEBSD:
    case FAMILY_IPV6_MACOS:
      return ETHER_TYPE_IPV6;
    default:
      return ETHER_TYPE_NONE;
  }
}
