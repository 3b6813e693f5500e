/**
 * What a controller says of itself in UMAS (function code 90): the answer to readId (0x02).
 * Not published by the vendor; the layout is that of PLC4X (umas.mspec, from memory), so every fact
 * of it is told with less than full confidence.
 *
 *    0      1         2          3       5             9       11          13       15
 *    | 0x5A | session | 0xFE: ok | range | identifier  | model | firmware  | patch  | revision...
 *    ... crash code and so on, then the length (1 byte) and text of the name
 */
import type { ByteSpan } from '../decoded.ts';
import { ABSENT, byteAt, latin1At } from './pdu-bytes.ts';

const FUNCTION = 2;
const STATUS = 2;
const READ_ID = 0x02;
const STATUS_OK = 0xfe;
const IDENTIFIER = 5;
const FIRMWARE = 11;
const REVISION = 15;
/** The name stands behind the hardware revision (2 bytes) and the crash code (4). */
const NAME_LENGTH = 23;
const NAME = 24;
const NAME_BYTES_MAX = 64;
const PRINTABLE = /^[\x20-\x7e]+$/;

export interface UmasIdentity {
  readonly umasIdentifier?: string;
  readonly softwareVersion?: string;
  readonly productName?: string;
}

/** Undefined where the answer is to another function, is refused, or is cut. */
export function readUmasIdentity(request: ByteSpan, response: ByteSpan): UmasIdentity | undefined {
  if (byteAt(request, FUNCTION) !== READ_ID || byteAt(response, STATUS) !== STATUS_OK) {
    return undefined;
  }
  if (byteAt(response, REVISION) === ABSENT) return undefined;
  const name = nameOf(response);
  return {
    umasIdentifier: hexAt(response, IDENTIFIER, 4),
    softwareVersion: `${byteAt(response, FIRMWARE + 1)}.${hexAt(response, FIRMWARE, 1)}`,
    ...(name !== undefined && { productName: name }),
  };
}

/** Little-endian, as the rest of UMAS. */
function hexAt(span: ByteSpan, at: number, count: number): string {
  let text = '';
  for (let index = at + count - 1; index >= at; index--) {
    text += byteAt(span, index).toString(16).padStart(2, '0');
  }
  return text;
}

function nameOf(response: ByteSpan): string | undefined {
  const length = byteAt(response, NAME_LENGTH);
  if (length <= 0 || length > NAME_BYTES_MAX || NAME + length > response.length) return undefined;
  const name = latin1At(response, NAME, length);
  return PRINTABLE.test(name) ? name : undefined;
}
