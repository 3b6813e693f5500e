/**
 * A capture file wrapped in gzip, as archives hold them: decompressed piece by piece on the way to
 * the decoder, so that neither its size nor what it inflates to takes memory.
 * Spec: RFC 1952 section 2.3.1 (header), 2.2 (several members make one file).
 */
import { createGunzip, type Gunzip } from 'node:zlib';

const MAGIC_FIRST = 0x1f;
const MAGIC_SECOND = 0x8b;
export const GZIP_MAGIC_BYTES = 2;
/** Bytes handed on at a time. */
const PIECE_BYTES = 256 * 1024;

/** Whether bytes that begin like this are gzip; two are enough to tell. */
export function isGzip(bytes: Uint8Array, length: number): boolean {
  return length >= GZIP_MAGIC_BYTES && bytes[0] === MAGIC_FIRST && bytes[1] === MAGIC_SECOND;
}

export class GzipInput {
  readonly #gunzip: Gunzip = createGunzip({ chunkSize: PIECE_BYTES });
  #problem: string | undefined;

  /** `take` gets the decompressed bytes, valid only during the call. */
  constructor(take: (bytes: Uint8Array) => void) {
    this.#gunzip.on('data', take);
    this.#gunzip.on('error', (error) => {
      this.#problem ??= error.message;
    });
  }

  /** What is wrong with the compressed bytes, in zlib's words; undefined as long as all is well. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Returns once the piece has been decompressed; it may be reused then. */
  write(piece: Uint8Array): Promise<void> {
    if (this.#problem !== undefined) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gunzip.write(piece, () => resolve());
    return promise;
  }

  /** No more compressed bytes will come: hands on what is left. */
  end(): Promise<void> {
    if (this.#problem !== undefined) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gunzip.once('close', resolve);
    this.#gunzip.end();
    return promise;
  }

  /** Nothing more is wanted. */
  stop(): void {
    this.#gunzip.destroy();
  }
}
