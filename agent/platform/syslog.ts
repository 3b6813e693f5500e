/**
 * Alarms to the site's own log servers: UDP (RFC 5426) or TLS (RFC 5425, with octet counting). A
 * server that doesn't take them costs a bounded queue and a counter, and never holds up anything.
 */
import { createSocket, type Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import type { Clock } from './clock.ts';
import {
  type SyslogEvent,
  type SyslogFormat,
  type SyslogOrigin,
  syslogLine,
} from './syslog-format.ts';

/** Lines that wait for a server; the oldest makes room. */
export const SYSLOG_QUEUE_MAX = 256;
/** RFC 5426 section 3.2: what every receiver should take in a datagram. */
const DATAGRAM_BYTES_MAX = 2048;
const LINE_BYTES_MAX = 8192;
const RECONNECT_MS_MIN = 1000;
const RECONNECT_MS_MAX = 60_000;
const CONNECT_MS_MAX = 15_000;

export interface SyslogTarget {
  /** `udp://host:port` or `tls://host:port`. */
  readonly target: string;
  readonly format: SyslogFormat;
  /** PEM file of the authority for `tls`; absent: those of the system. */
  readonly ca?: string | undefined;
  readonly facility: number;
}

export interface SyslogState {
  readonly target: string;
  readonly sent: number;
  readonly dropped: number;
  /** Why the last attempt failed; absent while all is well. */
  readonly problem?: string;
}

interface Sender {
  send(line: string): void;
  close(): void;
  readonly state: Omit<SyslogState, 'target'>;
}

/** All configured targets. */
export class Syslog {
  readonly #targets: readonly (SyslogTarget & { readonly sender: Sender })[];
  readonly #origin: Omit<SyslogOrigin, 'facility'>;

  constructor(
    targets: readonly SyslogTarget[],
    origin: Omit<SyslogOrigin, 'facility'>,
    clock: Clock,
  ) {
    this.#origin = origin;
    this.#targets = targets.map((target) => {
      const url = new URL(target.target);
      const sender =
        url.protocol === 'udp:' ? new UdpSender(url) : new TlsSender(url, target, clock);
      return { ...target, sender };
    });
  }

  tell(event: SyslogEvent): void {
    for (const { sender, format, facility } of this.#targets) {
      sender.send(syslogLine(event, { ...this.#origin, facility }, format));
    }
  }

  status(): readonly SyslogState[] {
    return this.#targets.map(({ target, sender }) => ({ target, ...sender.state }));
  }

  close(): void {
    for (const { sender } of this.#targets) sender.close();
  }
}

/** `[::1]` of a URL without its brackets. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

class UdpSender implements Sender {
  readonly #socket: Socket;
  readonly #host: string;
  readonly #port: number;
  #sent = 0;
  #dropped = 0;
  #waiting = 0;
  #problem: string | undefined;

  constructor(url: URL) {
    this.#host = hostOf(url);
    this.#port = Number(url.port || 514);
    this.#socket = createSocket(isIPv6(this.#host) ? 'udp6' : 'udp4');
    this.#socket.unref();
    this.#socket.on('error', (error) => {
      this.#problem = error.message;
    });
  }

  get state(): Sender['state'] {
    return stateOf(this.#sent, this.#dropped, this.#problem);
  }

  send(line: string): void {
    if (this.#waiting >= SYSLOG_QUEUE_MAX) {
      this.#dropped++;
      return;
    }
    this.#waiting++;
    this.#socket.send(cut(line, DATAGRAM_BYTES_MAX), this.#port, this.#host, (error) => {
      this.#waiting--;
      this.#problem = error?.message;
      if (error === null) this.#sent++;
      else this.#dropped++;
    });
  }

  close(): void {
    this.#socket.close();
  }
}

class TlsSender implements Sender {
  readonly #url: URL;
  readonly #target: SyslogTarget;
  readonly #clock: Clock;
  readonly #queue: string[] = [];
  #socket: TLSSocket | undefined;
  #isUp = false;
  #isClosed = false;
  #waitMs = RECONNECT_MS_MIN;
  #cancelWait: (() => void) | undefined;
  #sent = 0;
  #dropped = 0;
  #problem: string | undefined;

  constructor(url: URL, target: SyslogTarget, clock: Clock) {
    this.#url = url;
    this.#target = target;
    this.#clock = clock;
    this.#connect();
  }

  get state(): Sender['state'] {
    return stateOf(this.#sent, this.#dropped, this.#problem);
  }

  send(line: string): void {
    if (this.#queue.length >= SYSLOG_QUEUE_MAX) {
      this.#queue.shift();
      this.#dropped++;
    }
    this.#queue.push(line);
    this.#flush();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelWait?.();
    this.#socket?.end();
    this.#socket?.unref();
  }

  #connect(): void {
    const host = hostOf(this.#url);
    const { ca } = this.#target;
    let socket: TLSSocket;
    try {
      socket = connect({
        host,
        port: Number(this.#url.port || 6514),
        ...(ca !== undefined && { ca: readFileSync(ca) }),
        timeout: CONNECT_MS_MAX,
      });
    } catch (error) {
      this.#lost(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#socket = socket;
    socket.once('secureConnect', () => {
      // An idle connection is a good one: alarms are rare.
      socket.setTimeout(0);
      this.#isUp = true;
      this.#problem = undefined;
      this.#waitMs = RECONNECT_MS_MIN;
      this.#flush();
    });
    socket.once('timeout', () => socket.destroy(new Error('no answer')));
    // The last word before the close says why.
    socket.once('error', (error) => {
      this.#problem = error.message;
    });
    socket.once('close', () => this.#lost(this.#problem ?? 'the server closed the connection'));
    socket.on('drain', () => this.#flush());
    socket.resume();
  }

  #lost(problem: string): void {
    this.#isUp = false;
    this.#socket = undefined;
    if (this.#isClosed) return;
    this.#problem = problem;
    this.#cancelWait = this.#clock.after(this.#waitMs, () => this.#connect());
    this.#waitMs = Math.min(RECONNECT_MS_MAX, this.#waitMs * 2);
  }

  /** RFC 5425 section 4.3: length, space, line. Written is all that can be known. */
  #flush(): void {
    const socket = this.#socket;
    while (socket !== undefined && this.#isUp && !socket.writableNeedDrain) {
      const line = this.#queue.shift();
      if (line === undefined) return;
      const bytes = cut(line, LINE_BYTES_MAX);
      socket.write(Buffer.concat([Buffer.from(`${bytes.byteLength} `), bytes]));
      this.#sent++;
    }
  }
}

function stateOf(sent: number, dropped: number, problem: string | undefined): Sender['state'] {
  return { sent, dropped, ...(problem !== undefined && { problem }) };
}

/** Whole characters within the limit. */
function cut(line: string, bytesMax: number): Buffer {
  const bytes = Buffer.from(line);
  if (bytes.byteLength <= bytesMax) return bytes;
  let end = bytesMax;
  while (end > 0 && (bytes[end] & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}
