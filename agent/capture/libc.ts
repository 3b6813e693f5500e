/**
 * The few functions of the C library that capture needs, declared once with their types. Nothing
 * that sends is declared here: the sensing process has no way to put a frame on a wire.
 * Importing this file loads koffi (15 ms, 9 MB): only what really captures may import it, and
 * whoever starts a capture loads that file with `await import(...)`.
 */
import koffi from 'koffi';

/** glibc 2.34 or newer, the floor of all our native parts. */
const library = koffi.load('libc.so.6');

/** socket(2), setsockopt(2) and so on: -1 on failure, then `errno()` says why. */
export const socket: (domain: number, type: number, protocol: number) => number = library.func(
  'int socket(int, int, int)',
);
export const close: (descriptor: number) => number = library.func('int close(int)');
export const bind: (descriptor: number, address: Uint8Array, bytes: number) => number =
  library.func('int bind(int, const void *, uint32_t)');
export const setsockopt: (
  descriptor: number,
  level: number,
  name: number,
  value: Uint8Array,
  bytes: number,
) => number = library.func('int setsockopt(int, int, int, const void *, uint32_t)');
export const getsockopt: (
  descriptor: number,
  level: number,
  name: number,
  value: Uint8Array,
  bytes: Uint8Array,
) => number = library.func('int getsockopt(int, int, int, _Out_ void *, _Inout_ void *)');
/**
 * Called with the SIOCGIF... requests (netdevice(7)), TCGETS2 and TIOCGICOUNT, which only read, and
 * with TCSETS2 for the settings of a serial line (ioctl_tty(2)). None of them sets a modem line.
 */
export const ioctl: (descriptor: number, request: number, argument: Uint8Array) => number =
  library.func('int ioctl(int, unsigned long, _Inout_ void *)');
/** open(2) without O_CREAT, so that there is no third argument. */
export const open: (path: string, flags: number) => number = library.func(
  'int open(const char *, int)',
);
/** Bytes read, 0 at the end or after a hang-up, -1 on failure: EAGAIN where none wait. */
export const read: (descriptor: number, bytes: Uint8Array, bytesMax: number) => number =
  library.func('int64_t read(int, _Out_ void *, size_t)');
/** Returns an address; MAP_FAILED is the highest. */
export const mmap: (
  address: null,
  bytes: number,
  protection: number,
  flags: number,
  descriptor: number,
  offset: number,
) => bigint = library.func('void *mmap(void *, size_t, int, int, int, int64_t)');
export const munmap: (address: bigint, bytes: number) => number = library.func(
  'int munmap(void *, size_t)',
);

export const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** Reason of the last failure on this thread. */
export function errno(): number {
  return koffi.errno();
}

/** `ENODEV` for 19; `errno 200` for one that has no name. */
export function errnoName(number: number): string {
  const found = Object.entries(koffi.os.errno).find(([, value]) => value === number);
  return found?.[0] ?? `errno ${number}`;
}

/** Mapped memory as bytes. Reading them after `munmap` ends the process with SIGSEGV. */
export function viewOf(address: bigint, bytes: number): ArrayBuffer {
  return koffi.view(address, bytes);
}

/** Where the bytes of a typed array lie; good only while the array is referenced. */
export function addressOf(bytes: Uint8Array): bigint {
  return koffi.address(bytes);
}

/** A descriptor watched by the event loop of this thread. */
export interface PollHandle {
  close(): void;
}

/**
 * Calls when the descriptor is readable (status 0) or has failed (status below 0, after which
 * libuv has stopped the handle). koffi enters JavaScript without a callback scope: what the call
 * throws is lost, or surfaces in whatever runs next. Set a mark inside and `setImmediate`, no more.
 */
export function pollReadable(descriptor: number, call: (status: number) => void): PollHandle {
  // koffi 3.3.4 calls back with (status, events), as src/koffi/src/uv.cc shows; its typings say
  // (events), a parameter that any function taking `unknown` accepts.
  return koffi.node.poll(descriptor, { readable: true }, (status: unknown) => {
    call(typeof status === 'number' ? status : 0);
  });
}
