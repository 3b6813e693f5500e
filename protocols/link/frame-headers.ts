/**
 * What the headers of one frame say, as plain numbers. One object is made per decoder and refilled
 * for every frame, because an object per frame would cost more than reading the headers does.
 */

/** No network protocol that we read: ARP, LLDP, ICMP... Not a fault. */
export const FRAME_OTHER = 0;
export const FRAME_TCP = 1;
export const FRAME_UDP = 2;
/** A piece of a fragmented IP packet. */
export const FRAME_FRAGMENT = 3;
/** The headers contradict themselves, or the frame ends inside them. */
export const FRAME_MALFORMED = 4;
export type FrameKind = 0 | 1 | 2 | 3 | 4;

/** VLAN tags kept of one frame (docs/fields.md section 3: `vlanIds`, at most 4). */
export const VLAN_IDS_MAX = 4;

export class FrameHeaders {
  /** Wrappings around the IP packet, outermost first, a hex digit each (encapsulations.ts). */
  encapsulations = 0;
  /** Offset of the HSR tag behind its EtherType, and of its sender's MAC address; -1: no tag. */
  hsrTag = -1;
  hsrSourceMac = -1;
  /** Offset of the sender's and of the receiver's MAC address; -1 where the link has none. */
  sourceMac = -1;
  destinationMac = -1;
  /** 12-bit VLAN identifiers, outermost first; `vlanIdsCount` of them are valid. */
  readonly vlanIds = new Uint16Array(VLAN_IDS_MAX);
  vlanIdsCount = 0;
  isIpv6 = false;
  /** Offset of the source address; the destination follows it. 4 bytes each in IPv4, else 16. */
  sourceAddress = 0;
  /** First byte of the TCP or UDP header. */
  transport = 0;
  /** End of the IP packet, without link-layer padding; never past the captured bytes. */
  transportEnd = 0;
  /** Bytes of the IP packet that the snap length cut off behind `transportEnd`. */
  cutBytes = 0;
  /** Protocol behind the IP header; valid with FRAME_OTHER and FRAME_FRAGMENT only. */
  ipProtocol = 0;
  /** Offset of the IPv6 fragment header; valid with FRAME_FRAGMENT of IPv6 only. */
  fragmentHeader = 0;
}
