/**
 * What the two capture file formats have in common: a state machine that takes whole records from
 * the front of a buffer, and says where and why it had to stop.
 */

/**
 * Most bytes of one frame: libpcap's MAXIMUM_SNAPLEN, and Wireshark's limit for these link types.
 * A record that claims more is damage, not a frame.
 */
export const FRAME_BYTES_MAX = 262_144;

/** A file offset and what is wrong there; everything before it was delivered. */
export interface CaptureDamage {
  /** From the first byte of the file. */
  readonly offsetBytes: number;
  /** A clause, ready for a sentence: `record 17 claims 4294967295 captured bytes`. */
  readonly problem: string;
}

export interface RecordDecoder {
  /**
   * Reads the whole records of bytes[begin, end) and returns where it stopped. The caller brings
   * the rest again with more bytes behind it. At most `recordBytesMax` bytes are ever left over.
   */
  decode(bytes: Uint8Array, begin: number, end: number): number;
  /** No more bytes will come, and `bytesLeft` of them were never used. */
  finish(bytesLeft: number): void;
  /** Frames in the file so far, of unsupported link types too: the number of the last frame. */
  readonly framesCount: number;
  /** Captured bytes of the frames that were handed on. */
  readonly bytesCount: number;
  /** Frames that were not handed on, because their link type isn't ours. */
  readonly framesUnsupportedCount: number;
  /** First link type that the file uses and we don't read. */
  readonly linkTypeUnsupported: number | undefined;
  /** Set once; the decoder then takes no more bytes. */
  readonly damage: CaptureDamage | undefined;
  /** Nothing after this point can be read: damage, or only frames of a foreign link type. */
  readonly isOver: boolean;
}
