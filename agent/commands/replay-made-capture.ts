/** Capture files of our own making, for the tests of `replay` and of the whole pipeline. */
import { LINKTYPE_ETHERNET } from '../../protocols/frame-block.ts';
import { encodePcapHeader, encodePcapRecord } from '../../protocols/pcap/pcap-write.ts';

const BEGIN_SECONDS = 1_790_000_000;
const SYN = 0x02;
const SYN_ACK = 0x12;
const PSH_ACK = 0x18;

/** One end of a made TCP connection. */
interface MadeEnd {
  readonly address: readonly number[];
  readonly port: number;
  sequence: number;
}

/** Frames of made TCP connections, one millisecond apart. */
export class MadeCapture {
  readonly #records: Uint8Array[] = [];
  #milliseconds = 0;

  /** A new connection with its handshake; addresses as `10.0.0.5:40012`. */
  connect(client: string, server: string): MadeConnection {
    const connection = new MadeConnection(this, endOf(client), endOf(server));
    connection.handshake();
    return connection;
  }

  wait(milliseconds: number): void {
    this.#milliseconds += milliseconds;
  }

  add(frame: Uint8Array): void {
    this.#milliseconds++;
    const seconds = BEGIN_SECONDS + Math.floor(this.#milliseconds / 1000);
    const microseconds = (this.#milliseconds % 1000) * 1000;
    this.#records.push(encodePcapRecord(frame, seconds, microseconds));
  }

  bytes(): Uint8Array {
    const header = encodePcapHeader({ linkType: LINKTYPE_ETHERNET, unit: 'microseconds' });
    return concat([header, ...this.#records]);
  }
}

export class MadeConnection {
  readonly #capture: MadeCapture;
  readonly #client: MadeEnd;
  readonly #server: MadeEnd;

  constructor(capture: MadeCapture, client: MadeEnd, server: MadeEnd) {
    this.#capture = capture;
    this.#client = client;
    this.#server = server;
  }

  handshake(): void {
    this.#send(this.#client, this.#server, SYN, new Uint8Array(0));
    this.#client.sequence++;
    this.#send(this.#server, this.#client, SYN_ACK, new Uint8Array(0));
    this.#server.sequence++;
  }

  fromClient(payload: Uint8Array): void {
    this.#send(this.#client, this.#server, PSH_ACK, payload);
    this.#client.sequence += payload.length;
  }

  fromServer(payload: Uint8Array): void {
    this.#send(this.#server, this.#client, PSH_ACK, payload);
    this.#server.sequence += payload.length;
  }

  /** The client's last bytes once more, as TCP repeats them, with others behind them. */
  againFromClient(payload: Uint8Array, more: Uint8Array = new Uint8Array(0)): void {
    this.#client.sequence -= payload.length;
    this.fromClient(concat([payload, more]));
  }

  /** Bytes that the client sent and the capture lost. */
  loseFromClient(bytes: number): void {
    this.#client.sequence += bytes;
  }

  /** Bytes that the server sent and the capture lost. */
  loseFromServer(bytes: number): void {
    this.#server.sequence += bytes;
  }

  /** A Modbus request and its answer as PDUs in hexadecimal; an empty answer never comes. */
  poll(transactionId: number, unitId: number, requestHex: string, responseHex: string): void {
    this.fromClient(adu(transactionId, unitId, requestHex));
    if (responseHex !== '') this.fromServer(adu(transactionId, unitId, responseHex));
  }

  #send(from: MadeEnd, to: MadeEnd, flags: number, payload: Uint8Array): void {
    const frame = new Uint8Array(54 + payload.length);
    const view = new DataView(frame.buffer);
    frame.set([2, 0, ...to.address, 2, 0, ...from.address, 8, 0, 0x45]);
    view.setUint16(16, frame.length - 14);
    frame.set([64, 6, 0, 0, ...from.address, ...to.address], 22);
    view.setUint16(34, from.port);
    view.setUint16(36, to.port);
    view.setUint32(38, from.sequence);
    view.setUint32(42, to.sequence);
    frame.set([0x50, flags, 0xff, 0xff], 46);
    frame.set(payload, 54);
    this.#capture.add(frame);
  }
}

/** MBAP header and PDU. */
export function adu(transactionId: number, unitId: number, pduHex: string): Uint8Array {
  const pdu = Uint8Array.from(pduHex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const head = [transactionId >>> 8, transactionId, 0, 0, 0, pdu.length + 1, unitId];
  return concat([Uint8Array.from(head), pdu]);
}

function endOf(text: string): MadeEnd {
  const [address, port] = text.split(':');
  return { address: address.split('.').map(Number), port: Number(port), sequence: 1000 };
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
