/**
 * Makes kept frames ready to be played once more: a connection that begins again on the same ports
 * with the same sequence numbers looks like late copies of the one before, and a decoder rightly
 * leaves those alone. So the TCP sequence numbers of both sides move on. Checksums then differ; on
 * a capture they prove nothing anyway (offload leaves them empty).
 */
import {
  FRAME_CAPTURED_BYTES,
  FRAME_OFFSET,
  FRAME_WORDS,
  type FrameBlock,
} from '../../protocols/frame-block.ts';
import { FRAME_TCP, FrameHeaders } from '../../protocols/link/frame-headers.ts';
import { readFrame } from '../../protocols/link/read-frame.ts';
import {
  TCP_ACK,
  TCP_ACKNOWLEDGMENT,
  TCP_FLAGS,
  TCP_HEADER_BYTES_MIN,
  TCP_SEQUENCE,
} from '../../protocols/link/tcp.ts';

const headers = new FrameHeaders();

/** Adds `step` to the numbers of every TCP segment in the block, in place. */
export function moveSequences(block: FrameBlock, step: number): void {
  const { bytes, index, framesCount, linkType } = block;
  for (let word = 0; word < framesCount * FRAME_WORDS; word += FRAME_WORDS) {
    const offset = index[word + FRAME_OFFSET];
    const end = offset + index[word + FRAME_CAPTURED_BYTES];
    headers.vlanIdsCount = 0;
    if (readFrame(headers, bytes, offset, end, linkType) !== FRAME_TCP) continue;
    const tcp = headers.transport;
    if (tcp + TCP_HEADER_BYTES_MIN > end) continue;
    addAt(bytes, tcp + TCP_SEQUENCE, step);
    if ((bytes[tcp + TCP_FLAGS] & TCP_ACK) !== 0) addAt(bytes, tcp + TCP_ACKNOWLEDGMENT, step);
  }
}

/** 32 bits, wrapping round. */
function addAt(bytes: Uint8Array, offset: number, step: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(offset, (view.getUint32(offset) + step) >>> 0);
}
