/**
 * The settings of a serial line as the kernel takes them: whatever the rate, raw bytes, and nothing that
 * moves a modem line. Packed here and not in the source, so that tests can read them.
 * Spec: termios(3), ioctl_tty(2); asm-generic/termbits.h (x64 and arm64 alike).
 */

export type SerialParity = 'none' | 'even' | 'odd';

export interface SerialSettings {
  /** Bits per second. */
  readonly baudRate: number;
  readonly parity: SerialParity;
  readonly stopBits: 1 | 2;
  /** Without the parity bit. */
  readonly dataBits: 7 | 8;
}

/** struct termios2: four words of flags, one byte of discipline, 19 characters, two rates. */
export const TERMIOS2_BYTES = 44;
const INPUT_FLAGS = 0;
const OUTPUT_FLAGS = 4;
const CONTROL_FLAGS = 8;
const LOCAL_FLAGS = 12;
const LINE_DISCIPLINE = 16;
const CONTROL_CHARACTERS = 17;
const INPUT_RATE = 36;
const OUTPUT_RATE = 40;

/** Control flags. */
const BOTHER = 0o010000;
const CS7 = 0o000040;
const CS8 = 0o000060;
const CSIZE = 0o000060;
const CSTOPB = 0o000100;
const CREAD = 0o000200;
const PARENB = 0o000400;
const PARODD = 0o001000;
const CLOCAL = 0o004000;
/**
 * Bits of the usual rates. They are used where there are any: to older programs a line with BOTHER
 * has rate 0, and rate 0 means to hang up.
 */
// biome-ignore format: one generation of rates per line
const RATES: ReadonlyMap<number, number> = new Map([
  [50, 1], [75, 2], [110, 3], [134, 4], [150, 5], [200, 6], [300, 7], [600, 8], [1200, 9],
  [1800, 10], [2400, 11], [4800, 12], [9600, 13], [19_200, 14], [38_400, 15],
  [57_600, 0x1001], [115_200, 0x1002], [230_400, 0x1003], [460_800, 0x1004], [500_000, 0x1005],
  [576_000, 0x1006], [921_600, 0x1007], [1_000_000, 0x1008], [1_152_000, 0x1009],
  [1_500_000, 0x100a], [2_000_000, 0x100b], [2_500_000, 0x100c], [3_000_000, 0x100d],
  [3_500_000, 0x100e], [4_000_000, 0x100f],
]);
const FRAMING_FLAGS = CSIZE | CSTOPB | PARENB | PARODD;
/** A character with a wrong parity bit comes as a zero, so that its frame fails its check. */
const INPCK = 0o000020;
const VTIME = 5;
const VMIN = 6;
/** A rate that the driver can only make this far from what was asked is none (V1.02 3.2: 1 %). */
const RATE_ERROR_MAX = 0.02;

/**
 * struct termios2 for raw reading. CLOCAL: no carrier is waited for. HUPCL is not set: whatever
 * level DTR and RTS have stays when the line is closed. CRTSCTS and IXOFF are not set: the driver
 * never says on its own that the other side should stop.
 */
export function packTermios(settings: SerialSettings): Uint8Array {
  const bytes = new Uint8Array(TERMIOS2_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(INPUT_FLAGS, settings.parity === 'none' ? 0 : INPCK, true);
  view.setUint32(OUTPUT_FLAGS, 0, true);
  const rate = RATES.get(settings.baudRate) ?? BOTHER;
  view.setUint32(CONTROL_FLAGS, rate | CREAD | CLOCAL | framingFlags(settings), true);
  view.setUint32(LOCAL_FLAGS, 0, true);
  bytes[LINE_DISCIPLINE] = 0;
  // A read returns what is there, and 0 only after a hang-up.
  bytes[CONTROL_CHARACTERS + VMIN] = 1;
  bytes[CONTROL_CHARACTERS + VTIME] = 0;
  view.setUint32(INPUT_RATE, settings.baudRate, true);
  view.setUint32(OUTPUT_RATE, settings.baudRate, true);
  return bytes;
}

/** What the driver made of the settings that isn't what was asked, in words; undefined for none. */
export function whatDiffers(
  settings: SerialSettings,
  actual: Uint8Array,
  isPseudoTerminal: boolean,
): string | undefined {
  const view = new DataView(actual.buffer, actual.byteOffset);
  const rate = view.getUint32(OUTPUT_RATE, true);
  if (Math.abs(rate - settings.baudRate) > settings.baudRate * RATE_ERROR_MAX) {
    return `${rate} bit/s instead of ${settings.baudRate}`;
  }
  // Pseudo-terminals have no parity bit and say so; their bytes are whole anyway.
  if (isPseudoTerminal) return undefined;
  const flags = view.getUint32(CONTROL_FLAGS, true) & FRAMING_FLAGS;
  return flags === framingFlags(settings) ? undefined : 'other data bits, parity or stop bits';
}

function framingFlags({ dataBits, parity, stopBits }: SerialSettings): number {
  const size = dataBits === 7 ? CS7 : CS8;
  const parityFlags = parity === 'none' ? 0 : parity === 'even' ? PARENB : PARENB | PARODD;
  return size | parityFlags | (stopBits === 2 ? CSTOPB : 0);
}
