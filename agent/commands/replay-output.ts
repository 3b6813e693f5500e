/**
 * Standard output of `replay`, written synchronously: the next frames are read only once the reader
 * has taken these lines, so that a slow reader slows us and memory stays flat.
 */
import { writeSync } from 'node:fs';

const STANDARD_OUTPUT = 1;
/** A non-blocking pipe is asked again after so long. */
const RETRY_MS = 2;
/** One buffer for all writes: a fresh one for each piece would pile up until a collection. */
const BUFFER_BYTES = 262_144;

export class ReplayOutput {
  readonly #descriptor: number;
  readonly #sleep = new Int32Array(new SharedArrayBuffer(4));
  readonly #encoder = new TextEncoder();
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #isClosed = false;

  constructor(descriptor: number = STANDARD_OUTPUT) {
    this.#descriptor = descriptor;
  }

  /** The reader has gone (`| head`): nothing more need be read or written. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  write(text: string | Uint8Array): void {
    if (typeof text !== 'string') {
      this.#writeAll(text);
      return;
    }
    let rest = text;
    while (rest !== '' && !this.#isClosed) {
      const { read, written } = this.#encoder.encodeInto(rest, this.#buffer);
      rest = rest.slice(read);
      this.#writeAll(this.#buffer.subarray(0, written));
    }
  }

  #writeAll(bytes: Uint8Array): void {
    let offset = 0;
    while (offset < bytes.length && !this.#isClosed) offset += this.#writeSome(bytes, offset);
  }

  #writeSome(bytes: Uint8Array, offset: number): number {
    try {
      return writeSync(this.#descriptor, bytes, offset, bytes.length - offset);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EPIPE') {
        this.#isClosed = true;
        return 0;
      }
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(this.#sleep, 0, 0, RETRY_MS);
      return 0;
    }
  }
}
