/**
 * A tar archive of a few small files (POSIX.1-1988 ustar), so that whoever gets a support file can
 * open it with what every machine has. Names are ours and short.
 *
 *    0      100    108    116    124    136    148     156
 *    | name | mode | uid  | gid  | size | time | check | type | ... "ustar" at 257
 */

const BLOCK_BYTES = 512;
const MODE = 100;
const USER = 108;
const GROUP = 116;
const SIZE = 124;
const TIME = 136;
const CHECKSUM = 148;
const CHECKSUM_BYTES = 8;
const TYPE = 156;
const MAGIC = 257;
const NAME_BYTES_MAX = 100;

export interface TarFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** `timeSeconds`: UTC, of all files. */
export function tar(files: readonly TarFile[], timeSeconds: number): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (const { name, bytes } of files) {
    pieces.push(head(name, bytes.byteLength, timeSeconds), bytes);
    pieces.push(new Uint8Array((BLOCK_BYTES - (bytes.byteLength % BLOCK_BYTES)) % BLOCK_BYTES));
  }
  pieces.push(new Uint8Array(2 * BLOCK_BYTES));
  return Buffer.concat(pieces);
}

function head(name: string, bytes: number, timeSeconds: number): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  const put = (at: number, text: string): void => block.set(new TextEncoder().encode(text), at);
  const octal = (value: number, digits: number): string =>
    `${Math.floor(value).toString(8).padStart(digits, '0')}\0`;
  if (new TextEncoder().encode(name).byteLength > NAME_BYTES_MAX) throw new RangeError(name);
  put(0, name);
  put(MODE, octal(0o644, 7));
  put(USER, octal(0, 7));
  put(GROUP, octal(0, 7));
  put(SIZE, octal(bytes, 11));
  put(TIME, octal(timeSeconds, 11));
  put(TYPE, '0');
  put(MAGIC, 'ustar\x0000');
  // The sum is taken with spaces in its own place.
  block.fill(0x20, CHECKSUM, CHECKSUM + CHECKSUM_BYTES);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(CHECKSUM, `${sum.toString(8).padStart(6, '0')}\0 `);
  return block;
}
