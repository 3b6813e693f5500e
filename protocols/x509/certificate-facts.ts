/**
 * What a certificate says about itself (RFC 5280 §4.1, OPC 10000-6 §6.2.2): names, key, validity
 * and uses. Nothing is verified: a sensor tells what it saw. Hostile bytes give the facts before
 * the fault and `parseError`.
 */
import {
  BIT_STRING,
  BOOLEAN,
  DerFault,
  DerReader,
  INTEGER,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  objectIdentifier,
  SEQUENCE,
} from './der-reader.ts';
import { distinguishedName } from './distinguished-name.ts';
import { KEY_ALGORITHM_NAMES, keyBits, SIGNATURE_ALGORITHM_NAMES } from './key-algorithms.ts';
import { type AlternativeNames, alternativeNames } from './subject-alternative-names.ts';
import { certificateTime } from './validity.ts';

export interface CertificateFacts extends AlternativeNames {
  /** `CN=plc, O=Waterworks`, in the order of the certificate. */
  readonly subject?: string;
  readonly issuer?: string;
  /** Lower-case hexadecimal without leading zeros. */
  readonly serialNumber?: string;
  /** `rsa`, `ec`, `ed25519`...; the object identifier where it has no name here. */
  readonly keyAlgorithm?: string;
  readonly keyBits?: number;
  /** `sha256WithRsaEncryption`...; the object identifier where it has no name here. */
  readonly signatureAlgorithm?: string;
  /** ISO 8601 in UTC. */
  readonly notBefore?: string;
  readonly notAfter?: string;
  /** Subject and issuer are the same, byte for byte. */
  readonly selfSigned?: boolean;
  readonly keyUsage?: readonly string[];
  /** What kept the rest from being read, and where. */
  readonly parseError?: string;
}

/** Fields as they are read, in wire order. */
type Facts = { -readonly [K in keyof CertificateFacts]: CertificateFacts[K] };

const VERSION = 0xa0;
const ISSUER_UNIQUE_ID = 0x81;
const SUBJECT_UNIQUE_ID = 0x82;
const EXTENSIONS = 0xa3;
/** RFC 5280 §4.1.2.2: at most 20 bytes; some devices write more. */
const SERIAL_NUMBER_BYTES_MAX = 32;
const EXTENSIONS_MAX = 64;
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const KEY_USAGE = '2.5.29.15';

/** Facts of the one certificate at `offset`; never throws. */
export function certificateFacts(
  bytes: Uint8Array,
  offset: number,
  length: number,
): CertificateFacts {
  const facts: Facts = {};
  try {
    readCertificate(new DerReader(bytes, offset, offset + length), facts);
  } catch (fault) {
    // Only our own: anything else is a mistake of ours.
    if (!(fault instanceof DerFault)) throw fault;
    facts.parseError = `${fault.message} at byte ${fault.offsetBytes - offset}`;
  }
  return facts;
}

function readCertificate(reader: DerReader, facts: Facts): void {
  const { bytes } = reader;
  const certificate = reader.inside(reader.read(SEQUENCE));
  const toBeSigned = certificate.inside(certificate.read(SEQUENCE));
  toBeSigned.readIf(VERSION);
  const serial = toBeSigned.read(INTEGER);
  facts.serialNumber = serialNumber(bytes, serial.offset, serial.end);
  const signature = toBeSigned.inside(toBeSigned.read(SEQUENCE));
  const algorithm = objectIdentifier(bytes, signature.read(OBJECT_IDENTIFIER));
  facts.signatureAlgorithm = SIGNATURE_ALGORITHM_NAMES[algorithm] ?? algorithm;
  const issuer = toBeSigned.read(SEQUENCE);
  facts.issuer = distinguishedName(toBeSigned.inside(issuer));
  const validity = toBeSigned.inside(toBeSigned.read(SEQUENCE));
  facts.notBefore = certificateTime(bytes, validity.read());
  facts.notAfter = certificateTime(bytes, validity.read());
  const subject = toBeSigned.read(SEQUENCE);
  facts.subject = distinguishedName(toBeSigned.inside(subject));
  facts.selfSigned = isSame(bytes, issuer.offset, issuer.end, subject.offset, subject.end);
  readKey(toBeSigned.inside(toBeSigned.read(SEQUENCE)), facts);
  toBeSigned.readIf(ISSUER_UNIQUE_ID);
  toBeSigned.readIf(SUBJECT_UNIQUE_ID);
  const extensions = toBeSigned.readIf(EXTENSIONS);
  if (extensions !== undefined) readExtensions(toBeSigned.inside(extensions), facts);
}

function readKey(key: DerReader, facts: Facts): void {
  const algorithm = key.inside(key.read(SEQUENCE));
  const identifier = objectIdentifier(key.bytes, algorithm.read(OBJECT_IDENTIFIER));
  facts.keyAlgorithm = KEY_ALGORITHM_NAMES[identifier] ?? identifier;
  const bits = keyBits(facts.keyAlgorithm, algorithm, key.inside(key.read(BIT_STRING)));
  if (bits !== undefined) facts.keyBits = bits;
}

function readExtensions(reader: DerReader, facts: Facts): void {
  const list = reader.inside(reader.read(SEQUENCE));
  for (let count = 0; count < EXTENSIONS_MAX && !list.isAtEnd; count++) {
    const extension = list.inside(list.read(SEQUENCE));
    const identifier = objectIdentifier(list.bytes, extension.read(OBJECT_IDENTIFIER));
    extension.readIf(BOOLEAN);
    const value = extension.inside(extension.read(OCTET_STRING));
    if (identifier === SUBJECT_ALTERNATIVE_NAME) Object.assign(facts, alternativeNames(value));
    else if (identifier === KEY_USAGE) facts.keyUsage = keyUsage(value);
  }
}

/** By bit (RFC 5280 §4.2.1.3). */
const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

function keyUsage(value: DerReader): readonly string[] {
  const { offset, end } = value.read(BIT_STRING);
  // The first byte is the number of unused bits.
  return KEY_USAGES.filter((_, bit) => {
    const at = offset + 1 + (bit >> 3);
    return at < end && (value.bytes[at] & (0x80 >> (bit & 7))) !== 0;
  });
}

function serialNumber(bytes: Uint8Array, offset: number, end: number): string {
  let text = '';
  const last = Math.min(end, offset + SERIAL_NUMBER_BYTES_MAX);
  for (let at = offset; at < last; at++) text += bytes[at].toString(16).padStart(2, '0');
  return text.replace(/^0+(?=.)/, '');
}

function isSame(
  bytes: Uint8Array,
  first: number,
  firstEnd: number,
  second: number,
  secondEnd: number,
): boolean {
  if (firstEnd - first !== secondEnd - second) return false;
  for (let index = 0; index < firstEnd - first; index++) {
    if (bytes[first + index] !== bytes[second + index]) return false;
  }
  return true;
}
