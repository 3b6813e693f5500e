/**
 * As much of MQTT 5 as doctor needs to knock: CONNECT, SUBSCRIBE, and the reason codes of what
 * comes back (OASIS MQTT 5.0, sections 3.1, 3.2, 3.8, 3.9). The agent itself uses a library; here a
 * session must not be kept, no packet may be sent twice, and the first refusal is the answer.
 */
import type { Socket } from 'node:net';

const CONNECT = 0x10;
const CONNACK = 2;
const PUBLISH = 3;
const SUBSCRIBE = 0x82;
const SUBACK = 9;
const VERSION = 5;
/** No clean start: what is kept under this id stays; no expiry: nothing is kept for doctor. */
const CONNECT_FLAGS = 0;
const KEEP_ALIVE_SECONDS = 30;
const QOS = 1;
const PACKET_ID = 1;
const BYTES_MAX = 256 * 1024;

/** Section 2.4: what an operator meets at this door. */
const REASONS = new Map([
  [0x84, 'unsupported protocol version: MQTT 5 is needed'],
  [0x85, 'client identifier not valid'],
  [0x86, 'bad user name or password'],
  [0x87, 'not authorized'],
  [0x88, 'server unavailable'],
  [0x89, 'server busy'],
  [0x8a, 'banned'],
]);

export function reasonText(reason: number): string {
  const hex = `0x${reason.toString(16).padStart(2, '0')}`;
  return `${REASONS.get(reason) ?? 'reason unknown'} (${hex})`;
}

export function connectPacket(clientId: string): Uint8Array {
  const rest = [
    ...textBytes('MQTT'),
    VERSION,
    CONNECT_FLAGS,
    0,
    KEEP_ALIVE_SECONDS,
    0,
    ...textBytes(clientId),
  ];
  return packet(CONNECT, rest);
}

export function subscribePacket(topic: string): Uint8Array {
  return packet(SUBSCRIBE, [0, PACKET_ID, 0, ...textBytes(topic), QOS]);
}

type Wanted = 'connack' | 'suback' | 'publish';

/** Reads the packets that come, and tells the reason code of the first one of a kind. */
export class MqttPackets {
  readonly #socket: Socket;
  readonly #reasons = new Map<Wanted, number>();
  #bytes: Uint8Array = new Uint8Array(0);
  #hasEnded = false;
  #changed = (): void => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (piece: Uint8Array) => this.#take(piece));
    for (const event of ['end', 'close'] as const) {
      socket.on(event, () => {
        this.#hasEnded = true;
        this.#changed();
      });
    }
  }

  /** -1 when none comes in time, or the broker hangs up. */
  reason(wanted: Wanted, patienceMs: number): Promise<number> {
    return new Promise((resolve) => {
      const limit = setTimeout(() => finish(-1), patienceMs);
      const finish = (reason: number): void => {
        clearTimeout(limit);
        this.#changed = () => {};
        resolve(reason);
      };
      this.#changed = () => {
        const reason = this.#reasons.get(wanted);
        if (reason !== undefined) finish(reason);
        else if (this.#hasEnded) finish(-1);
      };
      this.#changed();
    });
  }

  #take(piece: Uint8Array): void {
    const bytes = Buffer.concat([this.#bytes, piece]);
    let at = 0;
    for (;;) {
      const head = headOf(bytes, at);
      if (head === undefined || head.end > bytes.length) break;
      this.#packet(bytes[at] >> 4, bytes.subarray(head.body, head.end));
      at = head.end;
    }
    this.#bytes = bytes.subarray(at);
    if (this.#bytes.byteLength > BYTES_MAX) this.#socket.destroy();
    this.#changed();
  }

  #packet(type: number, body: Uint8Array): void {
    if (type === CONNACK) this.#note('connack', body.at(1));
    // The reason codes are the last bytes, behind the properties; one topic was asked for.
    else if (type === SUBACK) this.#note('suback', body.at(-1));
    else if (type === PUBLISH) this.#note('publish', 0);
  }

  #note(kind: Wanted, reason: number | undefined): void {
    if (reason !== undefined && !this.#reasons.has(kind)) this.#reasons.set(kind, reason);
  }
}

function headOf(bytes: Uint8Array, at: number): { body: number; end: number } | undefined {
  let length = 0;
  for (let count = 0; count < 4; count++) {
    const byte = bytes[at + 1 + count];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 128 ** count;
    if ((byte & 0x80) === 0) {
      const body = at + 2 + count;
      return { body, end: body + length };
    }
  }
  return undefined;
}

function packet(type: number, rest: readonly number[]): Uint8Array {
  const length: number[] = [];
  for (let left = rest.length; ; left = Math.floor(left / 128)) {
    length.push((left % 128) | (left >= 128 ? 0x80 : 0));
    if (left < 128) break;
  }
  return Uint8Array.from([type, ...length, ...rest]);
}

function textBytes(text: string): number[] {
  const bytes = [...new TextEncoder().encode(text)];
  return [bytes.length >> 8, bytes.length & 0xff, ...bytes];
}
