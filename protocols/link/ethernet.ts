/**
 * Ethernet frames, and the VLAN tags that may stand before the EtherType.
 * Spec: IEEE 802.3 clause 3.2; IEEE 802.1Q clause 9 (tags).
 *
 *    0             6            12          14
 *    | destination | source     | EtherType |  payload
 *    | MAC         | MAC        |           |
 *
 * A tag (EtherType 8100, 88a8 or 9100) puts two words in between:
 *
 *    0                        2
 *    | priority 3 | DEI 1 | VLAN id 12 | EtherType of what follows |
 */
import { ENCAPSULATION_QINQ, noteEncapsulation } from './encapsulations.ts';
import { type FrameHeaders, VLAN_IDS_MAX } from './frame-headers.ts';
import { uint16At } from './network-order.ts';

const DESTINATION_MAC = 0;
const SOURCE_MAC = 6;
const ETHER_TYPE = 12;
export const ETHERNET_HEADER_BYTES = 14;

export const ETHER_TYPE_IPV4 = 0x0800;
export const ETHER_TYPE_IPV6 = 0x86dd;
/** IEEE 802.1Q customer tag, IEEE 802.1ad service tag, and the tag of older stacking switches. */
export const ETHER_TYPE_VLAN = 0x8100;
export const ETHER_TYPE_SERVICE_VLAN = 0x88a8;
export const ETHER_TYPE_OLD_STACKED_VLAN = 0x9100;
/** Transparent Ethernet bridging: a whole frame follows (RFC 1701; GRE, Geneve). */
export const ETHER_TYPE_BRIDGED = 0x6558;
/** What `skipVlanTags` and its callers answer for "nothing that we read". */
export const ETHER_TYPE_NONE = 0;

const TAG_BYTES = 4;
const TAG_ETHER_TYPE = 2;
const VLAN_ID_MASK = 0x0fff;
/** Tags skipped before a frame counts as nonsense; VLAN_IDS_MAX of them are kept. */
const TAGS_MAX = 8;

/** Notes the MAC addresses and answers the EtherType; the header must be whole. */
export function readEthernet(headers: FrameHeaders, bytes: Uint8Array, offset: number): number {
  headers.destinationMac = offset + DESTINATION_MAC;
  headers.sourceMac = offset + SOURCE_MAC;
  return uint16At(bytes, offset + ETHER_TYPE);
}

export function isVlanEtherType(etherType: number): boolean {
  return (
    etherType === ETHER_TYPE_VLAN ||
    etherType === ETHER_TYPE_SERVICE_VLAN ||
    etherType === ETHER_TYPE_OLD_STACKED_VLAN
  );
}

/**
 * Reads the tags from `offset` (just behind the tag's own EtherType) on and leaves the offset of
 * the network header in `headers.transport`. Answers the EtherType behind the last tag.
 */
export function skipVlanTags(
  headers: FrameHeaders,
  bytes: Uint8Array,
  offset: number,
  end: number,
): number {
  let position = offset;
  // The ring may have taken the outermost tag away and noted it before.
  const isTagged = headers.vlanIdsCount > 0 && headers.encapsulations === 0;
  for (let tags = isTagged ? 1 : 0; tags < TAGS_MAX; tags++) {
    if (tags === 1) noteEncapsulation(headers, ENCAPSULATION_QINQ);
    if (position + TAG_BYTES > end) return ETHER_TYPE_NONE;
    noteVlanTag(headers, uint16At(bytes, position));
    const etherType = uint16At(bytes, position + TAG_ETHER_TYPE);
    position += TAG_BYTES;
    if (!isVlanEtherType(etherType)) {
      headers.transport = position;
      return etherType;
    }
  }
  return ETHER_TYPE_NONE;
}

/** Keeps the identifier of a tag; 0 only carries a priority and names no VLAN. */
export function noteVlanTag(headers: FrameHeaders, tagControl: number): void {
  const vlanId = tagControl & VLAN_ID_MASK;
  if (vlanId === 0 || headers.vlanIdsCount === VLAN_IDS_MAX) return;
  headers.vlanIds[headers.vlanIdsCount++] = vlanId;
}
