/** What the framers of RTU and ASCII hand on: whole frames, and what was none. */

/** A frame: unit identifier and PDU, with the check that stood behind them. */
export interface SerialFrame {
  /** Holds the frame; valid only during the call. */
  readonly bytes: Uint8Array;
  /** Offset of the unit identifier; the PDU follows it. */
  readonly offset: number;
  readonly pduBytes: number;
  /** By the turn on the line, and by the shape where nobody's turn is known. */
  readonly isRequest: boolean;
  /** CRC-16 of RTU, LRC of ASCII, as read; always right. */
  readonly check: number;
  /** Stamp of the frame's last byte, UTC microseconds. */
  readonly timeUs: number;
  /** A silence inside the frame that the specification forbids, as far as reads can show one. */
  readonly hasGap: boolean;
}

export interface SerialFrameSink {
  frame(frame: SerialFrame): void;
  /**
   * `length` bytes in a row that belong to no frame, of which the first `shownBytes` stand at
   * `offset`. `name` is the anomaly: `crcInvalid`, `lrcInvalid`; undefined for noise between frames
   * and for the part of a frame in which the listening began.
   */
  notFramed(
    bytes: Uint8Array,
    offset: number,
    shownBytes: number,
    length: number,
    timeUs: number,
    name: 'crcInvalid' | 'lrcInvalid' | undefined,
  ): void;
}

/** Filled anew for each frame, so that none is allocated. */
export class ReusedSerialFrame implements SerialFrame {
  bytes: Uint8Array = new Uint8Array(0);
  offset = 0;
  pduBytes = 0;
  isRequest = false;
  check = 0;
  timeUs = 0;
  hasGap = false;
}
