/**
 * Standard output of `replay`, written synchronously: the next frames are read only once the reader
 * has taken these lines, so that a slow reader slows us and memory stays flat.
 */
import { writeSync } from 'node:fs';

const STANDARD_OUTPUT = 1;
/** A non-blocking pipe is asked again after so long. */
const RETRY_MS = 2;

export class ReplayOutput {
  readonly #descriptor: number;
  readonly #sleep = new Int32Array(new SharedArrayBuffer(4));
  #isClosed = false;

  constructor(descriptor: number = STANDARD_OUTPUT) {
    this.#descriptor = descriptor;
  }

  /** The reader has gone (`| head`): nothing more need be read or written. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  write(text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    let offset = 0;
    while (offset < bytes.length && !this.#isClosed) {
      offset += this.#writeSome(bytes, offset);
    }
  }

  #writeSome(bytes: Buffer, offset: number): number {
    try {
      return writeSync(this.#descriptor, bytes, offset);
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
