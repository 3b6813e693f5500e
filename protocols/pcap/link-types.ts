/**
 * Which link types of a capture file we read, and the names of the others, so that a fault can say
 * what the file holds instead of a number alone. Source: tcpdump.org/linktypes.html.
 */
import {
  LINKTYPE_ETHERNET,
  LINKTYPE_IPV4,
  LINKTYPE_IPV6,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_LOOP,
  LINKTYPE_NULL,
  LINKTYPE_RAW,
} from '../frame-block.ts';

/** DLT_RAW as BSDs and old Linux files write it (libpcap pcap/dlt.h: 12, on OpenBSD 14). */
const DLT_RAW_BSD = 12;
const DLT_RAW_OPENBSD = 14;

const NAMES: Readonly<Record<number, string>> = {
  [LINKTYPE_NULL]: 'NULL',
  [LINKTYPE_ETHERNET]: 'ETHERNET',
  3: 'AX25',
  6: 'IEEE802_5',
  7: 'ARCNET_BSD',
  8: 'SLIP',
  9: 'PPP',
  10: 'FDDI',
  50: 'PPP_HDLC',
  51: 'PPP_ETHER',
  [LINKTYPE_RAW]: 'RAW',
  104: 'C_HDLC',
  105: 'IEEE802_11',
  107: 'FRELAY',
  [LINKTYPE_LOOP]: 'LOOP',
  [LINKTYPE_LINUX_SLL]: 'LINUX_SLL',
  117: 'PFLOG',
  119: 'IEEE802_11_PRISM',
  127: 'IEEE802_11_RADIOTAP',
  143: 'DOCSIS',
  147: 'USER0',
  148: 'USER1',
  149: 'USER2',
  162: 'USER15',
  163: 'IEEE802_11_AVS',
  187: 'BLUETOOTH_HCI_H4',
  189: 'USB_LINUX',
  190: 'CAN20B',
  192: 'PPI',
  195: 'IEEE802_15_4_WITHFCS',
  201: 'BLUETOOTH_HCI_H4_WITH_PHDR',
  220: 'USB_LINUX_MMAPPED',
  227: 'CAN_SOCKETCAN',
  [LINKTYPE_IPV4]: 'IPV4',
  [LINKTYPE_IPV6]: 'IPV6',
  230: 'IEEE802_15_4_NOFCS',
  239: 'NFLOG',
  240: 'NETANALYZER',
  241: 'NETANALYZER_TRANSPARENT',
  242: 'IPOIB',
  249: 'USBPCAP',
  250: 'RTAC_SERIAL',
  251: 'BLUETOOTH_LE_LL',
  252: 'WIRESHARK_UPPER_PDU',
  253: 'NETLINK',
  [LINKTYPE_LINUX_SLL2]: 'LINUX_SLL2',
};

/** The number by which the decoder knows a link type; aliases of old writers are resolved. */
export function canonicalLinkType(linkType: number): number {
  return linkType === DLT_RAW_BSD || linkType === DLT_RAW_OPENBSD ? LINKTYPE_RAW : linkType;
}

/** Whether the decoder reads frames of this (canonical) link type. */
export function isLinkTypeSupported(linkType: number): boolean {
  switch (linkType) {
    case LINKTYPE_NULL:
    case LINKTYPE_ETHERNET:
    case LINKTYPE_RAW:
    case LINKTYPE_LOOP:
    case LINKTYPE_LINUX_SLL:
    case LINKTYPE_IPV4:
    case LINKTYPE_IPV6:
    case LINKTYPE_LINUX_SLL2:
      return true;
    default:
      return false;
  }
}

/** `127 (IEEE802_11_RADIOTAP)`, or the number alone where the list has no name. */
export function describeLinkType(linkType: number): string {
  const name = NAMES[linkType];
  return name === undefined ? String(linkType) : `${linkType} (${name})`;
}
