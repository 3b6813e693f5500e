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

  write(text: string): void {
    let rest = text;
    while (rest !== '' && !this.#isClosed) {
      const { read, written } = this.#encoder.encodeInto(rest, this.#buffer);
      rest = rest.slice(read);
      let offset = 0;
      while (offset < written && !this.#isClosed) offset += this.#writeSome(offset, written);
    }
  }

  #writeSome(offset: number, end: number): number {
    try {
      return writeSync(this.#descriptor, this.#buffer, offset, end - offset);
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
