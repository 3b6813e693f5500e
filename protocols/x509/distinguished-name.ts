/**
 * Subject and issuer as one line of text (RFC 5280 §4.1.2.4), in the order of the certificate.
 */
import {
  type DerElement,
  type DerReader,
  OBJECT_IDENTIFIER,
  objectIdentifier,
  SEQUENCE,
  SET,
} from './der-reader.ts';

const NAMES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.5': 'serialNumber',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'title',
  '0.9.2342.19200300.100.1.1': 'UID',
  '0.9.2342.19200300.100.1.25': 'DC',
  '1.2.840.113549.1.9.1': 'emailAddress',
};

/** Attributes of one name that are kept. */
const ATTRIBUTES_MAX = 32;
const TEXT_BYTES_KEPT_MAX = 256;
const BMP_STRING = 0x1e;
const TELETEX_STRING = 0x14;

/** `CN=plc, O=Waterworks`; attributes of one SET are joined by ` + `. */
export function distinguishedName(name: DerReader): string {
  const parts: string[] = [];
  while (!name.isAtEnd && parts.length < ATTRIBUTES_MAX) {
    const set = name.inside(name.read(SET));
    const attributes: string[] = [];
    while (!set.isAtEnd && attributes.length < ATTRIBUTES_MAX) {
      const attribute = set.inside(set.read(SEQUENCE));
      const identifier = objectIdentifier(name.bytes, attribute.read(OBJECT_IDENTIFIER));
      const text = directoryString(name.bytes, attribute.read());
      attributes.push(`${NAMES[identifier] ?? identifier}=${text}`);
    }
    parts.push(attributes.join(' + '));
  }
  return parts.join(', ');
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Text of any string type; what is no character becomes U+FFFD. */
export function directoryString(bytes: Uint8Array, element: DerElement): string {
  const end = Math.min(element.end, element.offset + TEXT_BYTES_KEPT_MAX);
  if (element.tag === BMP_STRING) return bmpString(bytes, element.offset, end);
  if (element.tag === TELETEX_STRING) return latin1(bytes, element.offset, end);
  return utf8.decode(bytes.subarray(element.offset, end));
}

function bmpString(bytes: Uint8Array, offset: number, end: number): string {
  let text = '';
  for (let at = offset; at + 1 < end; at += 2) {
    text += String.fromCharCode((bytes[at] << 8) | bytes[at + 1]);
  }
  return text;
}

function latin1(bytes: Uint8Array, offset: number, end: number): string {
  let text = '';
  for (let at = offset; at < end; at++) text += String.fromCharCode(bytes[at]);
  return text;
}
