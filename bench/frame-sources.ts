/** Who sent each frame of a capture (`10.0.0.5:502`), for captures that lack one side. */

import {
  FRAME_CAPTURED_BYTES,
  FRAME_NUMBER,
  FRAME_OFFSET,
  FRAME_WORDS,
  type FrameBlock,
} from '../protocols/frame-block.ts';
import { formatIpv4, formatIpv6 } from '../protocols/link/addresses.ts';
import { FRAME_TCP, FrameHeaders } from '../protocols/link/frame-headers.ts';
import { readFrame } from '../protocols/link/read-frame.ts';

/** By frame number; frames that aren't TCP are left out. */
export function sourceOf(blocks: readonly FrameBlock[]): Map<number, string> {
  const sources = new Map<number, string>();
  const headers = new FrameHeaders();
  for (const { bytes, index, framesCount, linkType } of blocks) {
    for (let frame = 0; frame < framesCount; frame += 1) {
      const word = frame * FRAME_WORDS;
      const at = index[word + FRAME_OFFSET];
      headers.vlanIdsCount = 0;
      const end = at + index[word + FRAME_CAPTURED_BYTES];
      if (readFrame(headers, bytes, at, end, linkType) !== FRAME_TCP) continue;
      const { sourceAddress, transport, isIpv6 } = headers;
      const address = (isIpv6 ? formatIpv6 : formatIpv4)(bytes, sourceAddress);
      const port = (bytes[transport] << 8) | bytes[transport + 1];
      sources.set(index[word + FRAME_NUMBER], `${address}:${port}`);
    }
  }
  return sources;
}
