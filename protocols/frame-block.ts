/**
 * The block in which frames travel from capture to decode: the bytes as the kernel or the file gave
 * them, and a packed index beside them. One block, many frames; no object and no view per frame.
 * It lives here, and not in a stage, because stages don't know each other.
 */

/** Words of the index per frame. */
export const FRAME_WORDS = 8;

/** Offset of the frame's first byte in `FrameBlock.bytes`. */
export const FRAME_OFFSET = 0;
/** Bytes that are in the block. */
export const FRAME_CAPTURED_BYTES = 1;
/** Bytes the frame had on the wire; more than captured means a snap length cut it. */
export const FRAME_ORIGINAL_BYTES = 2;
/** Stamp, UTC seconds since 1970 (wall clock). */
export const FRAME_SECONDS = 3;
/** Stamp, nanoseconds within the second. */
export const FRAME_NANOSECONDS = 4;
/** Bit flags, FRAME_FLAG_*. */
export const FRAME_FLAGS = 5;
/** The VLAN tag that the kernel stripped: TPID in the upper 16 bits, TCI in the lower 16. */
export const FRAME_VLAN = 6;
/** 1-based number of the frame in its file; 0 live. */
export const FRAME_NUMBER = 7;

/** FRAME_VLAN holds a tag. */
export const FRAME_FLAG_VLAN = 1;
/** Checksums were left to the card (TP_STATUS_CSUMNOTREADY): never judge them. */
export const FRAME_FLAG_CHECKSUM_NOT_READY = 2;
/** Sent by this machine (PACKET_OUTGOING); only with role `host`. */
export const FRAME_FLAG_OUTGOING = 4;

/** Link types by their number in capture files (tcpdump.org/linktypes.html). */
export const LINKTYPE_NULL = 0;
export const LINKTYPE_ETHERNET = 1;
export const LINKTYPE_RAW = 101;
export const LINKTYPE_LOOP = 108;
export const LINKTYPE_LINUX_SLL = 113;
export const LINKTYPE_IPV4 = 228;
export const LINKTYPE_IPV6 = 229;
export const LINKTYPE_LINUX_SLL2 = 276;
/**
 * Bytes of a serial line as they were read, in pieces of any size: no frames yet. Only live blocks
 * carry it; in a capture file the number (LINKTYPE_USER0) is anybody's.
 */
export const LINKTYPE_SERIAL_BYTES = 147;

export interface FrameBlock {
  readonly bytes: Uint8Array;
  /** FRAME_WORDS words a frame, of which the first `framesCount` frames are valid. */
  readonly index: Uint32Array;
  readonly framesCount: number;
  /** Position in the pipeline's list of interfaces. */
  readonly interfaceIndex: number;
  /** LINKTYPE_* of every frame in the block. */
  readonly linkType: number;
  /** Monotonic milliseconds when the block was taken over; a file has none: -1. */
  readonly monotonicMs: number;
  /** Address of `bytes[0]` in the frame history; -1 where no history is kept. */
  readonly historyAddress: number;
}

/**
 * Frames of the recent past by address (`historyAddress` + FRAME_OFFSET). The implementation is
 * agent/capture/frame-history.ts; detections copy their evidence through this.
 */
export interface FrameEvidence {
  /** A copy of the bytes, or undefined when the ring has already overwritten them. */
  copy(address: number, bytes: number): Uint8Array | undefined;
}

export interface FrameBlockSink {
  /** The block is valid only during the call. */
  block(block: FrameBlock): void;
}
