/**
 * String, ByteString and the two named texts (OPC 10000-6 §5.2.2.4, §5.2.2.7, §5.2.2.13,
 * §5.2.2.14). Text keeps what was on the wire: escaping happens on output, and bytes that are not
 * UTF-8 are kept one character a byte, with an anomaly.
 */
import type { ByteReader } from './byte-reader.ts';
import { BYTE_STRING_BYTES_KEPT_MAX, STRING_BYTES_KEPT_MAX } from './limits.ts';
import { uint16 } from './scalars.ts';
import { structure } from './structure.ts';

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const SHORT_BYTES = 64;

/** A ByteString value: its length, the first bytes, and the hash of what is longer. */
export interface ByteStringValue {
  readonly byteCount: number;
  readonly bytesBase64: string;
  readonly sha256?: string;
}

/** String; null is absent. At most STRING_BYTES_KEPT_MAX bytes are kept. */
export function string(reader: ByteReader): string | undefined {
  const length = reader.readLength();
  if (length < 0) return undefined;
  const at = reader.take(length);
  if (reader.isStopped) return undefined;
  if (length <= STRING_BYTES_KEPT_MAX) return textOf(reader, at, length);
  reader.note('valueTruncated');
  return textOf(reader, at, wholeCharacters(reader.bytes, at, STRING_BYTES_KEPT_MAX));
}

/**
 * String of a message that carries secrets. A damaged length lets a text run on into what follows,
 * a password too; the length of whatever it swallowed leaves two zero bytes inside it. Such a text
 * is therefore hidden: marked as a secret, and absent.
 */
export function guardedString(reader: ByteReader): string | undefined {
  const at = reader.position;
  const text = string(reader);
  if (text === undefined || !text.includes('\u0000\u0000')) return text;
  reader.markSecret(at, reader.position - at);
  reader.note('textHidden');
  return undefined;
}

/** Length of a ByteString whose content is nobody's business; null is absent. */
export function byteStringLength(reader: ByteReader): number | undefined {
  const length = reader.readLength();
  if (length > 0) reader.take(length);
  return reader.isStopped || length < 0 ? undefined : length;
}

/** Length of a secret ByteString; its place is remembered for the mask. */
export function secretLength(reader: ByteReader): number | undefined {
  const length = reader.readLength();
  if (length < 0) return undefined;
  reader.markSecret(reader.position, length);
  reader.take(length);
  return reader.isStopped ? undefined : length;
}

/** `hash:` and the site's pseudonym of a secret or personal ByteString or String. */
export function pseudonym(reader: ByteReader): string | undefined {
  const length = reader.readLength();
  if (length < 0) return undefined;
  reader.markSecret(reader.position, length);
  const at = reader.take(length);
  if (reader.isStopped) return undefined;
  return `hash:${reader.digest.pseudonym(reader.bytes, at, length)}`;
}

export function byteString(reader: ByteReader): ByteStringValue | undefined {
  const length = reader.readLength();
  if (length < 0) return undefined;
  const at = reader.take(length);
  if (reader.isStopped) return undefined;
  const kept = Math.min(length, BYTE_STRING_BYTES_KEPT_MAX);
  const bytesBase64 = base64(reader.bytes, at, kept);
  if (kept === length) return { byteCount: length, bytesBase64 };
  return { byteCount: length, bytesBase64, sha256: reader.digest.sha256(reader.bytes, at, length) };
}

export const qualifiedName = structure({ namespaceIndex: uint16, name: string });

export interface LocalizedTextValue {
  readonly locale?: string;
  readonly text?: string;
}

export function localizedText(reader: ByteReader): LocalizedTextValue {
  const mask = reader.readByte();
  const locale = (mask & 1) !== 0 ? string(reader) : undefined;
  const text = (mask & 2) !== 0 ? string(reader) : undefined;
  return { ...(locale !== undefined && { locale }), ...(text !== undefined && { text }) };
}

export function textOf(reader: ByteReader, at: number, length: number): string {
  const bytes = reader.bytes;
  let text = '';
  if (length <= SHORT_BYTES) {
    let index = 0;
    while (index < length && bytes[at + index] < 0x80) {
      text += String.fromCharCode(bytes[at + index++]);
    }
    if (index === length) return text;
  }
  try {
    return strictUtf8.decode(bytes.subarray(at, at + length));
  } catch {
    reader.anomaly('stringNotUtf8', 'UTF-8', `${length} bytes`);
    return latin1(bytes, at, length);
  }
}

export function base64(bytes: Uint8Array, offset: number, length: number): string {
  return btoa(latin1(bytes, offset, length));
}

function latin1(bytes: Uint8Array, offset: number, length: number): string {
  let text = '';
  for (let index = 0; index < length; index++) text += String.fromCharCode(bytes[offset + index]);
  return text;
}

/** The cut moves back to the start of the character that it would split. */
function wholeCharacters(bytes: Uint8Array, at: number, length: number): number {
  let kept = length;
  while (kept > length - 4 && (bytes[at + kept] & 0xc0) === 0x80) kept--;
  return kept;
}
