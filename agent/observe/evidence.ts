/**
 * Evidence of a detection: the frames that show it, copied at once, with every secret overwritten
 * before anything is hashed or kept (FIELDS.md 2.8). A frame in which the secret can't be placed
 * with certainty is left out; its message is then only hashed, masked.
 */
import type { ByteSpan, Digest } from '../../protocols/decoded.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import type { FrameEvidence } from '../../protocols/frame-block.ts';
import type { DetectionEvidence } from '../../protocols/interval-report.ts';
import type { SecretSpan } from '../../protocols/opcua/byte-reader.ts';
import { maskFrame, maskSpans } from './mask-frame.ts';

/** All frames of one detection together. */
export const EVIDENCE_BYTES_MAX = 65_536;

export interface EvidenceFrame {
  readonly address: number;
  readonly bytes: number;
  /** The message in this frame holds secrets. */
  readonly secret?: {
    readonly flow: FlowFacts;
    readonly body: ByteSpan;
    readonly spans: readonly SecretSpan[];
  };
}

/** Nothing of the result refers to the ring or to the decoder's buffers. */
export function collectEvidence(
  records: readonly string[],
  wanted: readonly EvidenceFrame[],
  history: FrameEvidence | undefined,
  digest: Digest,
): DetectionEvidence {
  const frames: Uint8Array[] = [];
  const hashed: Uint8Array[] = [];
  let bytesUsed = 0;
  let isTruncated = false;
  let isMasked = false;
  for (const want of wanted) {
    if (want.bytes === 0 || want.address < 0) {
      isTruncated = true;
    }
    const fits = bytesUsed + want.bytes <= EVIDENCE_BYTES_MAX;
    const copy =
      fits && want.address >= 0 && want.bytes > 0
        ? history?.copy(want.address, want.bytes)
        : undefined;
    isMasked ||= want.secret !== undefined;
    if (copy !== undefined && (want.secret === undefined || maskFrame(copy, want.secret))) {
      frames.push(copy);
      hashed.push(copy);
      bytesUsed += copy.length;
      continue;
    }
    isTruncated = true;
    if (want.secret !== undefined) hashed.push(maskedBody(want.secret.body, want.secret.spans));
  }
  return {
    records,
    ...(hashed.length > 0 ? { framesSha256: sha256Of(hashed, digest) } : {}),
    ...(frames.length > 0 ? { frames } : {}),
    ...(isMasked ? { evidenceMasked: true } : {}),
    ...(isTruncated ? { evidenceTruncated: true } : {}),
  };
}

function maskedBody(body: ByteSpan, spans: readonly SecretSpan[]): Uint8Array {
  const length = Math.min(body.length, EVIDENCE_BYTES_MAX);
  const copy = body.bytes.slice(body.offset, body.offset + length);
  maskSpans(copy, 0, spans);
  return copy;
}

function sha256Of(parts: readonly Uint8Array[], digest: Digest): string {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const all = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return digest.sha256(all, 0, length);
}
