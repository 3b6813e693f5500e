/**
 * Evidence out of a capture file: the bytes are still there, so an address is a place in the file
 * and nothing is kept beside it. A live capture copies every block into a ring instead, which costs
 * 20 to 50 ns a frame and 8 MiB; here only a pipe needs that.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import type { FrameEvidence } from '../../protocols/frame-block.ts';
import { FRAME_BYTES_MAX } from '../../protocols/pcap/record-decoder.ts';
import { FrameHistory } from './frame-history.ts';

/** Addresses of one input: 1 TiB each, so that 8,192 inputs fit into an exact number. */
const INPUT_BYTES_MAX = 2 ** 40;

/** Frames of the input that is being read, or was read last; those before are gone. */
export class CaptureFileEvidence implements FrameEvidence {
  #inputNumber = -1;
  #descriptor = -1;
  #ring: FrameHistory | undefined;

  /** A file is read next; returns the address of its first byte. Its frames stay until `close`. */
  beginFile(path: string): number {
    this.close();
    this.#descriptor = openSync(path, 'r');
    return this.#nextBase();
  }

  /** A pipe is read next: its frames are kept in a ring, whose addresses begin at `base`. */
  beginPipe(): { readonly base: number; readonly ring: FrameHistory } {
    this.close();
    this.#ring = new FrameHistory();
    return { base: this.#nextBase(), ring: this.#ring };
  }

  /** Undefined for a frame of an earlier input, or of a file that has been cut meanwhile. */
  copy(address: number, length: number): Uint8Array | undefined {
    const place = address - this.#inputNumber * INPUT_BYTES_MAX;
    if (!(place >= 0 && place < INPUT_BYTES_MAX)) return undefined;
    if (this.#ring !== undefined) return this.#ring.copy(place, length);
    if (this.#descriptor < 0 || !(length >= 0 && length <= FRAME_BYTES_MAX)) return undefined;
    try {
      const bytes = new Uint8Array(length);
      return readSync(this.#descriptor, bytes, 0, length, place) === length ? bytes : undefined;
    } catch {
      return undefined;
    }
  }

  /** Lets the input go; its addresses lead nowhere from now on. */
  close(): void {
    if (this.#descriptor >= 0) closeSync(this.#descriptor);
    this.#descriptor = -1;
    this.#ring = undefined;
  }

  #nextBase(): number {
    this.#inputNumber += 1;
    return this.#inputNumber * INPUT_BYTES_MAX;
  }
}
