/**
 * The envelope: COSE_Sign1 (RFC 9052 section 4.2) in exactly one spelling. Read leniently enough
 * to verify first, and to say afterwards that the spelling wasn't ours.
 *
 *   d2            tag 18
 *   84            array of 4
 *   58 xx ...     protected header, a byte string: {1: algorithm, 4: key id}
 *   a0            unprotected header, empty
 *   59 xxxx ...   payload, a byte string: raw DEFLATE (RFC 1951) of deterministic CBOR
 *   58 40 ...     signature, 64 bytes
 */
import { decodeCbor, decodeLenient, encodeCbor } from './cbor.ts';
import { type Algorithm, COSE_ALGORITHM, type KeyId, SIGNATURE_BYTES } from './signature.ts';

const TAG_COSE_SIGN1 = 0xd2;
const ARRAY_OF_FOUR = 0x84;
const EMPTY_MAP = 0xa0;
const MAJOR_BYTES = 2;
const MAJOR_MAP = 5;

const HEADER_ALGORITHM = 1;
const HEADER_KEY_ID = 4;
/** The header holds an algorithm and a key id of at most 36 bytes. */
const PROTECTED_BYTES_MAX = 128;
const KEY_NUMBER_MAX = 999_999_999;
const KEY_ID = /^([a-z2-7]{26})\/([1-9][0-9]{0,8})$/;

export interface Envelope {
  readonly protectedHeader: Uint8Array;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
  readonly keyId: KeyId;
  /** As the header says it: -8, -7 or another number. */
  readonly coseAlgorithm: unknown;
  /** What isn't the one spelling; told only after the signature verified. */
  readonly notStrict: 'envelopeNotStrict' | 'trailingBytes' | undefined;
}

export function encodeProtectedHeader(algorithm: Algorithm, keyId: KeyId): Uint8Array {
  if (!(keyId.keyNumber >= 1 && keyId.keyNumber <= KEY_NUMBER_MAX)) {
    throw new RangeError(`key number ${keyId.keyNumber}`);
  }
  const kid = new TextEncoder().encode(`${keyId.signerId}/${keyId.keyNumber}`);
  return encodeCbor(
    new Map<number, number | Uint8Array>([
      [HEADER_ALGORITHM, COSE_ALGORITHM[algorithm]],
      [HEADER_KEY_ID, kid],
    ]),
  );
}

export function encodeEnvelope(
  protectedHeader: Uint8Array,
  payload: Uint8Array,
  signature: Uint8Array,
): Uint8Array {
  return concat([
    Uint8Array.of(TAG_COSE_SIGN1, ARRAY_OF_FOUR),
    byteStringHead(protectedHeader.byteLength),
    protectedHeader,
    Uint8Array.of(EMPTY_MAP),
    byteStringHead(payload.byteLength),
    payload,
    byteStringHead(signature.byteLength),
    signature,
  ]);
}

/** Sig_structure (RFC 9052 section 4.4): what is signed. */
export function toBeSigned(
  protectedHeader: Uint8Array,
  topic: string,
  payload: Uint8Array,
): Uint8Array {
  const externalAad = new TextEncoder().encode(topic);
  return concat([
    SIGNATURE1,
    byteStringHead(protectedHeader.byteLength),
    protectedHeader,
    byteStringHead(externalAad.byteLength),
    externalAad,
    byteStringHead(payload.byteLength),
    payload,
  ]);
}

/** Array of 4 and the text "Signature1". */
const SIGNATURE1 = Uint8Array.of(0x84, 0x6a, ...new TextEncoder().encode('Signature1'));

/** Undefined when no signature could be checked: not this structure, or no key id in it. */
export function readEnvelope(bytes: Uint8Array): Envelope | undefined {
  const isTagged = bytes[0] === TAG_COSE_SIGN1;
  const start = isTagged ? 1 : 0;
  if (bytes[start] !== ARRAY_OF_FOUR) return undefined;
  const header = readByteString(bytes, start + 1);
  if (header === undefined || header.content.byteLength > PROTECTED_BYTES_MAX) return undefined;
  const unprotectedEnd = skipUnprotected(bytes, header.end);
  if (unprotectedEnd === undefined) return undefined;
  const payload = readByteString(bytes, unprotectedEnd);
  if (payload === undefined) return undefined;
  const signature = readByteString(bytes, payload.end);
  if (signature === undefined || signature.content.byteLength !== SIGNATURE_BYTES) return undefined;
  const read = readProtectedHeader(header.content);
  if (read === undefined) return undefined;
  const isStrict =
    isTagged &&
    header.isMinimal &&
    unprotectedEnd === header.end + 1 &&
    payload.isMinimal &&
    signature.isMinimal &&
    read.isStrict;
  return {
    protectedHeader: header.content,
    payload: payload.content,
    signature: signature.content,
    keyId: read.keyId,
    coseAlgorithm: read.coseAlgorithm,
    notStrict: !isStrict
      ? 'envelopeNotStrict'
      : signature.end !== bytes.byteLength
        ? 'trailingBytes'
        : undefined,
  };
}

interface ProtectedHeader {
  readonly keyId: KeyId;
  readonly coseAlgorithm: unknown;
  readonly isStrict: boolean;
}

function readProtectedHeader(content: Uint8Array): ProtectedHeader | undefined {
  const strict = decodeCbor(content);
  const header = strict.kind === 'value' ? strict.value : decodeLenient(content);
  if (!(header instanceof Map)) return undefined;
  const kid: unknown = header.get(HEADER_KEY_ID);
  if (!(kid instanceof Uint8Array)) return undefined;
  const match = KEY_ID.exec(new TextDecoder().decode(kid));
  if (match === null) return undefined;
  return {
    keyId: { signerId: match[1], keyNumber: Number(match[2]) },
    coseAlgorithm: header.get(HEADER_ALGORITHM),
    isStrict: strict.kind === 'value' && header.size === 2,
  };
}

interface ByteString {
  readonly content: Uint8Array;
  readonly end: number;
  readonly isMinimal: boolean;
}

function readByteString(bytes: Uint8Array, at: number): ByteString | undefined {
  const initial = bytes[at];
  if (initial === undefined || initial >> 5 !== MAJOR_BYTES) return undefined;
  const info = initial & 0x1f;
  if (info > 26) return undefined;
  const width = info < 24 ? 0 : 1 << (info - 24);
  let length = info < 24 ? info : 0;
  for (let index = 0; index < width; index++) length = length * 256 + (bytes[at + 1 + index] ?? 0);
  const start = at + 1 + width;
  const end = start + length;
  if (end > bytes.byteLength) return undefined;
  const isMinimal = byteStringHead(length).byteLength === 1 + width;
  return { content: bytes.subarray(start, end), end, isMinimal };
}

/** An empty map, or a map of small integers to small integers or byte strings: not ours. */
function skipUnprotected(bytes: Uint8Array, at: number): number | undefined {
  const initial = bytes[at];
  if (initial === undefined || initial >> 5 !== MAJOR_MAP || (initial & 0x1f) > 23) {
    return undefined;
  }
  let end = at + 1;
  for (let pair = 0; pair < (initial & 0x1f); pair++) {
    if ((bytes[end] ?? 0xff) > 0x17) return undefined;
    end += 1;
    if ((bytes[end] ?? 0xff) <= 0x17) end += 1;
    else {
      const value = readByteString(bytes, end);
      if (value === undefined) return undefined;
      end = value.end;
    }
  }
  return end;
}

function byteStringHead(length: number): Uint8Array {
  if (length < 24) return Uint8Array.of(0x40 | length);
  if (length < 0x100) return Uint8Array.of(0x58, length);
  if (length < 0x1_0000) return Uint8Array.of(0x59, length >> 8, length & 0xff);
  return Uint8Array.of(
    0x5a,
    length >>> 24,
    (length >> 16) & 255,
    (length >> 8) & 255,
    length & 255,
  );
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.byteLength;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
