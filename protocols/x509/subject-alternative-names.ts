/**
 * Subject alternative names (RFC 5280 §4.2.1.6). In OPC UA the URI is the application's own
 * (OPC 10000-6 §6.2.2), and must be the one that its ApplicationDescription says.
 */
import { formatIpv4, formatIpv6, IPV4_BYTES, IPV6_BYTES } from '../link/addresses.ts';
import { type DerElement, type DerReader, SEQUENCE } from './der-reader.ts';
import { directoryString } from './distinguished-name.ts';

export interface AlternativeNames {
  /** The first URI. */
  readonly applicationUri?: string;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

/** Names of each kind that are kept. */
const NAMES_MAX = 32;
/** Context-specific tags of GeneralName. */
const DNS_NAME = 0x82;
const URI = 0x86;
const IP_ADDRESS = 0x87;

export function alternativeNames(value: DerReader): AlternativeNames {
  const names = value.inside(value.read(SEQUENCE));
  const dnsNames: string[] = [];
  const ipAddresses: string[] = [];
  let applicationUri: string | undefined;
  while (!names.isAtEnd) {
    const name = names.read();
    if (name.tag === URI) applicationUri ??= directoryString(names.bytes, name);
    else if (name.tag === DNS_NAME && dnsNames.length < NAMES_MAX) {
      dnsNames.push(directoryString(names.bytes, name));
    } else if (name.tag === IP_ADDRESS && ipAddresses.length < NAMES_MAX) {
      const text = ipAddress(names.bytes, name);
      if (text !== undefined) ipAddresses.push(text);
    }
  }
  return {
    ...(applicationUri !== undefined && { applicationUri }),
    ...(dnsNames.length > 0 && { dnsNames }),
    ...(ipAddresses.length > 0 && { ipAddresses }),
  };
}

/** Undefined where the length is that of no address. */
function ipAddress(bytes: Uint8Array, { offset, end }: DerElement): string | undefined {
  if (end - offset === IPV4_BYTES) return formatIpv4(bytes, offset);
  return end - offset === IPV6_BYTES ? formatIpv6(bytes, offset) : undefined;
}
