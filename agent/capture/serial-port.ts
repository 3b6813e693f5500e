/**
 * One serial port, opened for reading and nothing else: no byte is ever written, and no call made
 * that sets a modem line. Opening a port makes its driver raise DTR and RTS; docs/field-guide.md
 * says what that means for the wiring.
 * Spec: open(2), ioctl_tty(2), tty_ioctl(4). Loads koffi: import it lazily.
 */
import type { OperatorFault } from '../platform/operator-fault.ts';
import * as libc from './libc.ts';
import { serialOpeningFault, serialSettings } from './serial-faults.ts';
import { serialPortNames, targetOf } from './serial-names.ts';
import {
  packTermios,
  type SerialSettings,
  TERMIOS2_BYTES,
  whatDiffers,
} from './serial-settings.ts';

/** asm-generic/fcntl.h; the same on x64 and arm64. */
const O_RDONLY = 0;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
/** asm-generic/ioctls.h. */
const TCGETS2 = 0x802c_542a;
const TCSETS2 = 0x402c_542b;
const TIOCGICOUNT = 0x545d;
/** struct serial_icounter_struct: 11 counters and 9 reserved, 32 bits each. */
const COUNTERS_BYTES = 80;
const COUNTER_OVERRUN = 28;
const COUNTER_BUFFER_OVERRUN = 40;

/** `data`: so many bytes were read; `empty`: none wait; `gone`: the adapter was unplugged. */
export type SerialRead =
  | { readonly kind: 'data'; readonly bytes: number }
  | { readonly kind: 'empty' }
  | { readonly kind: 'gone'; readonly errnoName: string };

const EMPTY: SerialRead = { kind: 'empty' };

export class SerialPort {
  readonly #port: string;
  readonly #descriptor: number;
  #poll: libc.PollHandle | undefined;

  /** Opens and sets the line; throws an OperatorFault that says what is missing. */
  constructor(port: string, settings: SerialSettings) {
    this.#port = port;
    this.#descriptor = libc.open(port, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (this.#descriptor < 0) {
      throw serialOpeningFault(port, libc.errnoName(libc.errno()), serialPortNames());
    }
    try {
      this.#set(settings);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Calls when bytes wait, or with `hasFailed` when the port is gone; never inside a read. */
  listen(call: (hasFailed: boolean) => void): void {
    this.#poll?.close();
    this.#poll = libc.pollReadable(this.#descriptor, (status) => call(status < 0));
  }

  read(into: Uint8Array): SerialRead {
    const bytes = libc.read(this.#descriptor, into, into.length);
    if (bytes > 0) return { kind: 'data', bytes };
    if (bytes === 0) return { kind: 'gone', errnoName: 'hang-up' };
    const errnoName = libc.errnoName(libc.errno());
    const isEmpty = errnoName === 'EAGAIN' || errnoName === 'EINTR';
    return isEmpty ? EMPTY : { kind: 'gone', errnoName };
  }

  /** Bytes that driver and chip lost since boot; 0 where the driver doesn't count. */
  overruns(): number {
    const counters = new Uint8Array(COUNTERS_BYTES);
    if (libc.ioctl(this.#descriptor, TIOCGICOUNT, counters) < 0) return 0;
    const view = new DataView(counters.buffer);
    return view.getUint32(COUNTER_OVERRUN, true) + view.getUint32(COUNTER_BUFFER_OVERRUN, true);
  }

  close(): void {
    this.#poll?.close();
    this.#poll = undefined;
    libc.close(this.#descriptor);
  }

  #set(settings: SerialSettings): void {
    if (libc.ioctl(this.#descriptor, TCSETS2, packTermios(settings)) < 0) {
      throw this.#settingsFault(`TCSETS2: ${libc.errnoName(libc.errno())}`);
    }
    const actual = new Uint8Array(TERMIOS2_BYTES);
    if (libc.ioctl(this.#descriptor, TCGETS2, actual) < 0) {
      throw this.#settingsFault(`TCGETS2: ${libc.errnoName(libc.errno())}`);
    }
    const isPseudoTerminal = targetOf(this.#port).startsWith('/dev/pts/');
    const difference = whatDiffers(settings, actual, isPseudoTerminal);
    if (difference !== undefined) throw this.#settingsFault(difference);
  }

  #settingsFault(detail: string): OperatorFault {
    return serialSettings(this.#port, detail);
  }
}
