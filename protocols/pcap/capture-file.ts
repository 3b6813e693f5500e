/**
 * A capture file of either kind as a state machine over chunks of any size: it recognises the kind,
 * keeps the record that a chunk cuts in two, and tells at the end how the file ended. It does no
 * I/O; agent/capture/file-source.ts feeds it.
 */
import { BlockEmitter, type BlockTarget } from './block-emitter.ts';
import { isPcapMagic, PcapDecoder } from './pcap.ts';
import { PCAPNG_BLOCK_BYTES_MAX, PcapngDecoder, SECTION_HEADER_BLOCK } from './pcapng.ts';
import type { CaptureDamage, RecordDecoder } from './record-decoder.ts';
import { readUint32 } from './words.ts';

/** Room for one chunk behind the longest record that may be left over. */
const CHUNK_BYTES = 512 * 1024;
const BUFFER_BYTES = PCAPNG_BLOCK_BYTES_MAX + CHUNK_BYTES;
const MAGIC_BYTES = 4;

/** First four bytes (read big-endian) of what is often wrapped around a capture. */
// biome-ignore format: one kind per line
const COMPRESSIONS: readonly { magic: number; mask: number; program: string }[] = [
  { magic: 0x1f8b0000, mask: 0xffff0000, program: 'gzip' },  // RFC 1952 section 2.3.1
  { magic: 0x28b52ffd, mask: 0xffffffff, program: 'zstd' },  // RFC 8878 section 3.1.1
  { magic: 0xfd377a58, mask: 0xffffffff, program: 'xz' },    // xz-file-format 1.2.1, section 2.1.1.1
  { magic: 0x425a6800, mask: 0xffffff00, program: 'bzip2' }, // "BZh"
  { magic: 0x04224d18, mask: 0xffffffff, program: 'lz4' },   // lz4_Frame_format
];

/** How a file ended. Whatever was whole before the end has been delivered in every case. */
export type CaptureFileEnd =
  | { readonly kind: 'whole' }
  | { readonly kind: 'empty' }
  | { readonly kind: 'notCapture'; readonly firstBytesHex: string }
  | { readonly kind: 'compressed'; readonly program: string }
  | {
      readonly kind: 'linkTypeUnsupported';
      readonly linkType: number;
      /** Frames of such link types; 0 when the whole file is of one and wasn't read further. */
      readonly framesCount: number;
    }
  | { readonly kind: 'damaged'; readonly damage: CaptureDamage };

export class CaptureFileDecoder {
  /** The caller writes the next bytes of the file at `writeOffset`, then calls `wrote`. */
  readonly buffer = new Uint8Array(BUFFER_BYTES);
  readonly #emitter: BlockEmitter;
  #begin = 0;
  #end = 0;
  #decoder: RecordDecoder | undefined;
  #refused: CaptureFileEnd | undefined;

  constructor(target: BlockTarget) {
    this.#emitter = new BlockEmitter(target);
  }

  /** Frames in the file so far, also those of link types that aren't ours. */
  get framesCount(): number {
    return this.#decoder?.framesCount ?? 0;
  }

  /** Captured bytes of the frames that were delivered. */
  get bytesCount(): number {
    return this.#decoder?.bytesCount ?? 0;
  }

  /** The rest of the file can tell nothing more: stop reading. */
  get isOver(): boolean {
    return this.#refused !== undefined || (this.#decoder?.isOver ?? false);
  }

  /** Where the next bytes go; at least CHUNK_BYTES are free behind it after `makeRoom`. */
  get writeOffset(): number {
    return this.#end;
  }

  /** Moves what is left over to the front, but only once the space behind it has become small. */
  makeRoom(): void {
    if (BUFFER_BYTES - this.#end >= CHUNK_BYTES && this.#begin !== this.#end) return;
    this.buffer.copyWithin(0, this.#begin, this.#end);
    this.#end -= this.#begin;
    this.#begin = 0;
  }

  /** `count` bytes were written at `writeOffset`; hands on every frame that is whole now. */
  wrote(count: number): void {
    this.#end += count;
    if (this.isOver) return;
    this.#decoder ??= this.#recognize();
    if (this.#decoder === undefined) return;
    this.#begin = this.#decoder.decode(this.buffer, this.#begin, this.#end);
  }

  /** Takes a chunk of any size by copying it; what `wrote` does without the copy. */
  push(chunk: Uint8Array): void {
    for (let offset = 0; offset < chunk.length && !this.isOver; ) {
      this.makeRoom();
      const count = Math.min(chunk.length - offset, BUFFER_BYTES - this.#end);
      this.buffer.set(chunk.subarray(offset, offset + count), this.#end);
      this.wrote(count);
      offset += count;
    }
  }

  /** No more bytes will come. */
  finish(): CaptureFileEnd {
    if (this.#refused !== undefined) return this.#refused;
    const decoder = this.#decoder;
    if (decoder === undefined) return this.#tooShort();
    decoder.finish(this.#end - this.#begin);
    if (decoder.damage !== undefined) return { kind: 'damaged', damage: decoder.damage };
    if (decoder.linkTypeUnsupported !== undefined) {
      return {
        kind: 'linkTypeUnsupported',
        linkType: decoder.linkTypeUnsupported,
        framesCount: decoder.framesUnsupportedCount,
      };
    }
    return { kind: 'whole' };
  }

  #recognize(): RecordDecoder | undefined {
    if (this.#end - this.#begin < MAGIC_BYTES) return undefined;
    const magic = readUint32(this.buffer, this.#begin, true);
    if (magic === SECTION_HEADER_BLOCK) return new PcapngDecoder(this.#emitter);
    if (isPcapMagic(magic)) return new PcapDecoder(this.#emitter);
    const compression = COMPRESSIONS.find((kind) => (magic & kind.mask) >>> 0 === kind.magic);
    this.#refused =
      compression === undefined
        ? { kind: 'notCapture', firstBytesHex: magic.toString(16).padStart(8, '0') }
        : { kind: 'compressed', program: compression.program };
    return undefined;
  }

  #tooShort(): CaptureFileEnd {
    if (this.#end === this.#begin) return { kind: 'empty' };
    let hex = '';
    for (let offset = this.#begin; offset < this.#end; offset++) {
      hex += this.buffer[offset].toString(16).padStart(2, '0');
    }
    return { kind: 'notCapture', firstBytesHex: hex };
  }
}
