/**
 * Link Layer Discovery Protocol: a switch, a controller or a server tells its neighbour what it is.
 * Spec: IEEE 802.1AB-2016 clause 8. A frame is a list of TLVs, the first three mandatory:
 *
 *    0         7              16
 *    | type 7  | length 9     | value, `length` bytes |
 */
import { formatIpv4, formatIpv6, formatMac, MAC_BYTES } from './addresses.ts';
import { uint16At } from './network-order.ts';

export const ETHER_TYPE_LLDP = 0x88cc;

const END_OF_LLDPDU = 0;
const CHASSIS_ID = 1;
const PORT_ID = 2;
const PORT_DESCRIPTION = 4;
const SYSTEM_NAME = 5;
const SYSTEM_DESCRIPTION = 6;
const SYSTEM_CAPABILITIES = 7;
const MANAGEMENT_ADDRESS = 8;

/** Clause 8.5.2.2 and 8.5.3.2: subtypes whose value is a MAC address. */
const CHASSIS_SUBTYPE_MAC = 4;
const PORT_SUBTYPE_MAC = 3;
/** IANA address family numbers. */
const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;

const HEADER_BYTES = 2;
const LENGTH_MASK = 0x01ff;
/** TLVs of one frame that are read; a frame of 1,500 bytes holds 750 empty ones. */
const TLVS_MAX = 128;
const TEXT_BYTES_MAX = 255;
/** Clause 8.5.8.1, lowest bit first. */
const CAPABILITIES = [
  'other',
  'repeater',
  'bridge',
  'wlanAccessPoint',
  'router',
  'telephone',
  'docsisCableDevice',
  'stationOnly',
] as const;

export interface LldpNeighbor {
  /** As text: a MAC address where the subtype says so. */
  readonly chassisId: string;
  readonly chassisMacAddress?: string;
  readonly portId: string;
  readonly portDescription?: string;
  readonly systemName?: string;
  readonly systemDescription?: string;
  /** Enabled ones. */
  readonly capabilities?: readonly string[];
  readonly managementAddress?: string;
}

type Draft = { -readonly [Key in keyof LldpNeighbor]?: LldpNeighbor[Key] };

/** The neighbour in `bytes[offset, end)`; undefined without a whole chassis and port id. */
export function readLldp(bytes: Uint8Array, offset: number, end: number): LldpNeighbor | undefined {
  const draft: Draft = {};
  let position = offset;
  for (let count = 0; count < TLVS_MAX && position + HEADER_BYTES <= end; count++) {
    const header = uint16At(bytes, position);
    const type = header >> 9;
    const length = header & LENGTH_MASK;
    const value = position + HEADER_BYTES;
    if (type === END_OF_LLDPDU || value + length > end) break;
    readTlv(draft, type, bytes, value, length);
    position = value + length;
  }
  const { chassisId, portId } = draft;
  if (chassisId === undefined || portId === undefined) return undefined;
  return { ...draft, chassisId, portId };
}

function readTlv(draft: Draft, type: number, bytes: Uint8Array, at: number, length: number): void {
  switch (type) {
    case CHASSIS_ID: {
      if (length < 2) return;
      const isMac = bytes[at] === CHASSIS_SUBTYPE_MAC && length === 1 + MAC_BYTES;
      draft.chassisId = isMac ? formatMac(bytes, at + 1) : textAt(bytes, at + 1, length - 1);
      if (isMac) draft.chassisMacAddress = draft.chassisId;
      return;
    }
    case PORT_ID: {
      if (length < 2) return;
      const isMac = bytes[at] === PORT_SUBTYPE_MAC && length === 1 + MAC_BYTES;
      draft.portId = isMac ? formatMac(bytes, at + 1) : textAt(bytes, at + 1, length - 1);
      return;
    }
    case PORT_DESCRIPTION:
      draft.portDescription = textAt(bytes, at, length);
      return;
    case SYSTEM_NAME:
      draft.systemName = textAt(bytes, at, length);
      return;
    case SYSTEM_DESCRIPTION:
      draft.systemDescription = textAt(bytes, at, length);
      return;
    case SYSTEM_CAPABILITIES:
      if (length >= 4) draft.capabilities = capabilitiesOf(uint16At(bytes, at + 2));
      return;
    case MANAGEMENT_ADDRESS: {
      const address = managementAddress(bytes, at, length);
      if (address !== undefined) draft.managementAddress ??= address;
      return;
    }
    default:
  }
}

function capabilitiesOf(enabled: number): readonly string[] {
  return CAPABILITIES.filter((_, bit) => (enabled & (1 << bit)) !== 0);
}

/** Length, family, address (clause 8.5.9). */
function managementAddress(bytes: Uint8Array, at: number, length: number): string | undefined {
  const addressBytes = (bytes[at] ?? 0) - 1;
  if (length < addressBytes + 2) return undefined;
  const family = bytes[at + 1];
  if (family === FAMILY_IPV4 && addressBytes === 4) return formatIpv4(bytes, at + 2);
  if (family === FAMILY_IPV6 && addressBytes === 16) return formatIpv6(bytes, at + 2);
  return undefined;
}

/** Bytes as they are, as Latin-1; escaped where somebody prints them. */
function textAt(bytes: Uint8Array, at: number, length: number): string {
  let text = '';
  for (let index = at; index < at + Math.min(length, TEXT_BYTES_MAX); index++) {
    text += String.fromCharCode(bytes[index]);
  }
  return text;
}
