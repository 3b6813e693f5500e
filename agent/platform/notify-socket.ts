/**
 * The word to the service manager: sd_notify(3) over the datagram socket of NOTIFY_SOCKET, which
 * Node itself can't speak. Everywhere else (no such variable) there is nobody to tell.
 */

/** sd_notify(3): what is told to the service manager. */
export interface Notifier {
  /** Lines such as `READY=1`; false when nobody took them. */
  notify(...lines: readonly string[]): boolean;
}

/** linux/socket.h */
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
const MSG_DONTWAIT = 0x40;
/** `sun_path` of sockaddr_un. */
const PATH_BYTES_MAX = 108;

/** Undefined where no service manager listens, or where its socket can't be used. */
export async function openNotifier(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Notifier | undefined> {
  const address = socketAddress(environment.NOTIFY_SOCKET);
  if (address === undefined) return undefined;
  const { default: koffi } = await import('koffi');
  const libc = koffi.load('libc.so.6');
  const socket = libc.func('int socket(int domain, int type, int protocol)');
  const sendto = libc.func(
    'intptr_t sendto(int fd, const void *data, size_t bytes, int flags, ' +
      'const void *to, uint32_t size)',
  );
  const descriptor: number = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return undefined;
  return {
    notify(...lines) {
      const bytes = Buffer.from(lines.join('\n'));
      const flags = MSG_NOSIGNAL | MSG_DONTWAIT;
      const { byteLength } = bytes;
      const sent = sendto(descriptor, bytes, byteLength, flags, address, address.byteLength);
      return Number(sent) === byteLength;
    },
  };
}

/**
 * Milliseconds within which the service manager wants to hear from this process
 * (sd_watchdog_enabled(3)); undefined when it doesn't watch it.
 */
export function watchdogMs(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
): number | undefined {
  const { WATCHDOG_USEC, WATCHDOG_PID } = environment;
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(pid)) return undefined;
  if (WATCHDOG_USEC === undefined || !/^[1-9]\d{0,12}$/.test(WATCHDOG_USEC)) return undefined;
  return Number(WATCHDOG_USEC) / 1000;
}

/** sockaddr_un of a path, or of an abstract name (`@name`); unix(7). */
function socketAddress(name: string | undefined): Buffer | undefined {
  if (name === undefined || !/^[/@]./.test(name)) return undefined;
  const isAbstract = name.startsWith('@');
  const path = Buffer.from(isAbstract ? `\0${name.slice(1)}` : `${name}\0`);
  if (path.byteLength > PATH_BYTES_MAX) return undefined;
  const family = Buffer.alloc(2);
  new DataView(family.buffer, family.byteOffset).setUint16(0, AF_UNIX, isLittleEndian());
  return Buffer.concat([family, path]);
}

function isLittleEndian(): boolean {
  return new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
}
