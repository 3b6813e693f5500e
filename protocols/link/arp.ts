/**
 * Address Resolution Protocol: who says that an IPv4 address is his. Spec: RFC 826; probes and
 * announcements: RFC 5227.
 *
 *    0               2               4          5          6           8        14       18
 *    | hardware type | protocol type | hardware | protocol | operation | sender | sender | target
 *    | (= 1)         | (= 0x0800)    | len (6)  | len (4)  | 1 or 2    | MAC    | IPv4   |
 */
import { formatIpv4, formatMac } from './addresses.ts';
import { uint16At } from './network-order.ts';

export const ETHER_TYPE_ARP = 0x0806;

const HARDWARE_TYPE = 0;
const PROTOCOL_TYPE = 2;
const HARDWARE_BYTES = 4;
const PROTOCOL_BYTES = 5;
const OPERATION = 6;
const SENDER_MAC = 8;
const SENDER_IP = 14;
const MESSAGE_BYTES = 28;
const ETHERNET = 1;
const IPV4 = 0x0800;
const REQUEST = 1;
const REPLY = 2;

export interface ArpClaim {
  readonly macAddress: string;
  readonly ipAddress: string;
  readonly isReply: boolean;
}

/**
 * What the sender of the message in `bytes[offset, end)` says of itself; undefined for a probe
 * (sender 0.0.0.0), for another kind of network, and for what is cut.
 */
export function readArp(bytes: Uint8Array, offset: number, end: number): ArpClaim | undefined {
  if (offset + MESSAGE_BYTES > end) return undefined;
  const operation = uint16At(bytes, offset + OPERATION);
  const isUsual =
    uint16At(bytes, offset + HARDWARE_TYPE) === ETHERNET &&
    uint16At(bytes, offset + PROTOCOL_TYPE) === IPV4 &&
    bytes[offset + HARDWARE_BYTES] === 6 &&
    bytes[offset + PROTOCOL_BYTES] === 4 &&
    (operation === REQUEST || operation === REPLY);
  if (!isUsual) return undefined;
  const ipAddress = formatIpv4(bytes, offset + SENDER_IP);
  const macAddress = formatMac(bytes, offset + SENDER_MAC);
  const isMulticast = (bytes[offset + SENDER_MAC] & 1) !== 0;
  if (ipAddress === '0.0.0.0' || isMulticast || bytes[offset + SENDER_IP] >= 224) return undefined;
  return { macAddress, ipAddress, isReply: operation === REPLY };
}
