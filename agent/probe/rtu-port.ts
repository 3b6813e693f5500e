/**
 * RTU frames over any byte stream, as modbus-serial wants its port: the library's own ports for a
 * serial line and for RTU over TCP cut the answer to function 17 short, or never take it, because
 * they guess lengths. Here a frame ends where its check fits, or where the line falls silent.
 * Spec: MODBUS over Serial Line V1.02, section 2.5.1.
 */
import { EventEmitter } from 'node:events';
import { CRC_BYTES, crc16 } from '../../protocols/modbus/crc16.ts';

/** Unit, function (with bit 7), exception code, check. */
const FRAME_BYTES_MIN = 5;
const FRAME_BYTES_MAX = 256;
/** Adapters and device servers hand bytes on in pieces, up to 16 ms apart. */
const SILENCE_MS = 100;

export interface ByteStream {
  write(bytes: Uint8Array): unknown;
  on(event: 'data', take: (bytes: Uint8Array) => void): unknown;
}

/** Emits `data` with one whole frame, or with what came until the silence. */
export class RtuPort extends EventEmitter {
  readonly isOpen = true;
  readonly #stream: ByteStream;
  readonly #silenceMs: number;
  #asked: Uint8Array = new Uint8Array(0);
  #heard: Uint8Array = new Uint8Array(0);
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(stream: ByteStream, silenceMs = SILENCE_MS) {
    super();
    this.#stream = stream;
    this.#silenceMs = silenceMs;
    stream.on('data', (bytes) => this.#hear(bytes));
  }

  open(done: () => void): void {
    done();
  }

  close(done: () => void): void {
    clearTimeout(this.#silence);
    done();
  }

  /** What was heard before belongs to an earlier question. */
  write(bytes: Uint8Array): void {
    this.#asked = Uint8Array.from(bytes);
    this.#heard = new Uint8Array(0);
    this.#stream.write(bytes);
  }

  #hear(bytes: Uint8Array): void {
    clearTimeout(this.#silence);
    const all = Buffer.concat([this.#heard, bytes]).subarray(-FRAME_BYTES_MAX);
    this.#heard = this.#withoutEcho(all);
    if (isFrame(this.#heard)) this.#emitFrame();
    else this.#silence = setTimeout(() => this.#emitFrame(), this.#silenceMs);
  }

  /** A two-wire adapter hears itself: our own request comes first. */
  #withoutEcho(bytes: Buffer): Buffer {
    const { length } = this.#asked;
    const isEcho = bytes.length >= length && bytes.subarray(0, length).equals(this.#asked);
    return isEcho ? bytes.subarray(length) : bytes;
  }

  /** Fewer bytes than an exception are noise: the library's time limit tells of it. */
  #emitFrame(): void {
    const frame = this.#heard;
    this.#heard = new Uint8Array(0);
    if (frame.byteLength >= FRAME_BYTES_MIN) this.emit('data', Buffer.from(frame));
  }
}

function isFrame(bytes: Uint8Array): boolean {
  const bodyBytes = bytes.byteLength - CRC_BYTES;
  if (bytes.byteLength < FRAME_BYTES_MIN) return false;
  return crc16(bytes, 0, bodyBytes) === bytes[bodyBytes] + bytes[bodyBytes + 1] * 256;
}
