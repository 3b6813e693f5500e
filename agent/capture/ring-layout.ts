/**
 * What the kernel writes into a block of a TPACKET_V3 ring, and the one pass that turns a block
 * into the packed index of protocols/frame-block.ts. No system call here: a test can build a block.
 * Spec: linux/if_packet.h; Documentation/networking/packet_mmap.rst, "AF_PACKET TPACKET_V3".
 *
 * All fields are in the machine's byte order. We ship for x64 and arm64, both little-endian; the
 * offsets below are in bytes, and those of 32-bit fields are read as words.
 *
 *    block:  | tpacket_block_desc, 48 bytes | frame | frame | ... unused up to the block's size |
 *    frame:  | tpacket3_hdr, 48 | sockaddr_ll, 20 | gap | the frame's bytes | pad to 8 |
 */
import {
  FRAME_CAPTURED_BYTES,
  FRAME_FLAG_CHECKSUM_NOT_READY,
  FRAME_FLAG_OUTGOING,
  FRAME_FLAG_VLAN,
  FRAME_FLAGS,
  FRAME_NANOSECONDS,
  FRAME_NUMBER,
  FRAME_OFFSET,
  FRAME_ORIGINAL_BYTES,
  FRAME_SECONDS,
  FRAME_VLAN,
  FRAME_WORDS,
} from '../../protocols/frame-block.ts';

/** struct tpacket_block_desc: u32 version, u32 offset_to_priv, then struct tpacket_hdr_v1. */
export const BLOCK_STATUS = 8;
export const BLOCK_FRAMES_COUNT = 12;
export const BLOCK_FIRST_FRAME = 16;
/** `blk_len`: valid bytes of the block, this header and padding included. */
export const BLOCK_BYTES_USED = 20;
export const BLOCK_HEADER_BYTES = 48;

/** struct tpacket3_hdr, from the frame's start. The last frame of a block has next offset 0. */
export const HEADER_NEXT_OFFSET = 0;
export const HEADER_SECONDS = 4;
export const HEADER_NANOSECONDS = 8;
export const HEADER_CAPTURED_BYTES = 12;
export const HEADER_ORIGINAL_BYTES = 16;
export const HEADER_STATUS = 20;
/** `tp_mac`, 16 bits: where the frame's bytes begin. The upper half of the word is `tp_net`. */
export const HEADER_BYTES_OFFSET = 24;
export const HEADER_VLAN_TCI = 32;
/** `tp_vlan_tpid`, 16 bits; the upper half of the word is padding. */
export const HEADER_VLAN_TPID = 36;
/** struct sockaddr_ll begins at 48; its `sll_pkttype` is one byte. */
export const HEADER_PACKET_TYPE = 58;
/** TPACKET3_HDRLEN, rounded up to the 8 bytes at which frames begin: no frame takes less. */
export const HEADER_BYTES_MIN = 72;

/** The block belongs to us; the kernel takes it back when the status is 0. */
export const STATUS_USER = 1;
export const STATUS_CHECKSUM_NOT_READY = 1 << 3;
/** The kernel strips the outer VLAN tag of a frame on any driver: it is only in the header. */
export const STATUS_VLAN_VALID = 1 << 4;
export const STATUS_VLAN_TPID_VALID = 1 << 6;
export const PACKET_TYPE_OUTGOING = 4;

/** TPID of a tag whose TPID the kernel didn't tell (before Linux 3.14): IEEE 802.1Q. */
const TPID_8021Q = 0x8100;

/** Reads blocks of one ring. The index is reused: it is valid until the next `read`. */
export class BlockIndexer {
  /** FRAME_WORDS words a frame. */
  readonly index: Uint32Array;
  framesCount = 0;
  /** Bytes that the frames of this block had on the wire. */
  bytesSeen = 0;
  /** Frames of this block that the kernel cut because they didn't fit (over 64 KiB: "big TCP"). */
  framesTruncated = 0;
  /** Since the start: frames whose header didn't fit its block. The kernel never writes one. */
  framesRefused = 0;
  readonly #framesMax: number;

  constructor(blockBytes: number) {
    this.#framesMax = Math.floor(blockBytes / HEADER_BYTES_MIN);
    this.index = new Uint32Array(this.#framesMax * FRAME_WORDS);
  }

  /**
   * Builds the index of a block. `words` and `bytes` are the same memory, from the block's first
   * byte; FRAME_OFFSET is told from `origin` on, where the block lies in the bytes handed on.
   */
  read(words: Uint32Array, bytes: Uint8Array, origin: number): void {
    const index = this.index;
    const blockBytes = bytes.length;
    const framesTold = words[BLOCK_FRAMES_COUNT >>> 2];
    const framesMax = Math.min(framesTold, this.#framesMax);
    let start = words[BLOCK_FIRST_FRAME >>> 2];
    let framesCount = 0;
    let bytesSeen = 0;
    let framesTruncated = 0;
    while (framesCount < framesMax && start + HEADER_BYTES_MIN <= blockBytes) {
      const word = start >>> 2;
      const frameOffset = start + (words[word + (HEADER_BYTES_OFFSET >>> 2)] & 0xffff);
      const capturedBytes = words[word + (HEADER_CAPTURED_BYTES >>> 2)];
      if (frameOffset + capturedBytes > blockBytes) break;
      const originalBytes = words[word + (HEADER_ORIGINAL_BYTES >>> 2)];
      const status = words[word + (HEADER_STATUS >>> 2)];
      const to = framesCount * FRAME_WORDS;
      index[to + FRAME_OFFSET] = origin + frameOffset;
      index[to + FRAME_CAPTURED_BYTES] = capturedBytes;
      index[to + FRAME_ORIGINAL_BYTES] = originalBytes;
      index[to + FRAME_SECONDS] = words[word + (HEADER_SECONDS >>> 2)];
      index[to + FRAME_NANOSECONDS] = words[word + (HEADER_NANOSECONDS >>> 2)];
      let flags = 0;
      let vlan = 0;
      if ((status & STATUS_VLAN_VALID) !== 0) {
        flags = FRAME_FLAG_VLAN;
        const hasTpid = (status & STATUS_VLAN_TPID_VALID) !== 0;
        const tpid = hasTpid ? words[word + (HEADER_VLAN_TPID >>> 2)] & 0xffff : TPID_8021Q;
        vlan = (tpid << 16) | (words[word + (HEADER_VLAN_TCI >>> 2)] & 0xffff);
      }
      // The card was to fill in the checksum, so what stands there is not to be judged.
      if ((status & STATUS_CHECKSUM_NOT_READY) !== 0) flags |= FRAME_FLAG_CHECKSUM_NOT_READY;
      if (bytes[start + HEADER_PACKET_TYPE] === PACKET_TYPE_OUTGOING) flags |= FRAME_FLAG_OUTGOING;
      index[to + FRAME_FLAGS] = flags;
      index[to + FRAME_VLAN] = vlan;
      index[to + FRAME_NUMBER] = 0;
      framesCount++;
      bytesSeen += originalBytes;
      if (originalBytes > capturedBytes) framesTruncated++;
      const nextOffset = words[word + (HEADER_NEXT_OFFSET >>> 2)];
      if (nextOffset < HEADER_BYTES_MIN) break;
      start += nextOffset;
    }
    this.framesRefused += framesTold - framesCount;
    this.framesCount = framesCount;
    this.bytesSeen = bytesSeen;
    this.framesTruncated = framesTruncated;
  }
}
