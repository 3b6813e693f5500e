/**
 * Overwrites secrets inside a copied frame. The message is searched in the frame byte by byte, so
 * that no assumption about link layers can leave a secret standing; everything in the payload that
 * is not this message (a neighbour in the same segment may hold a secret of its own) goes too.
 */
import type { ByteSpan } from '../../protocols/decoded.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import type { SecretSpan } from '../../protocols/opcua/byte-reader.ts';

/** What stands in place of a secret (FIELDS.md 2.8). */
export const MASK_BYTE = 0x2a;

/** Headers of an OPC UA MSG chunk before the body (OPC 10000-6 §6.7.2). */
const CHUNK_HEADER_BYTES = 24;
/** Shortest network header before the ports, and the deepest we look for them. */
const PORTS_OFFSET_MIN = 20;
const PORTS_OFFSET_MAX = 256;
/** A TCP header without options; its length is in the upper half of byte 12 (RFC 9293 §3.1). */
const TCP_HEADER_BYTES = 20;
const TCP_DATA_OFFSET = 12;

export interface MessageSecrets {
  readonly flow: FlowFacts;
  /** Service body, contiguous as the decoder reassembled it. */
  readonly body: ByteSpan;
  /** From the first byte of the body. */
  readonly spans: readonly SecretSpan[];
}

/**
 * Masks the client's message inside `frame`. False: the message is not in this frame as one piece,
 * so the frame must not be kept.
 */
export function maskFrame(frame: Uint8Array, message: MessageSecrets): boolean {
  const { body, spans, flow } = message;
  const payload = payloadOffset(frame, flow.client.port, flow.server.port);
  if (payload < 0 || body.length === 0) return false;
  const at = find(frame, payload, body);
  if (at < 0) return false;
  maskSpans(frame, at, spans);
  if (at - CHUNK_HEADER_BYTES > payload) frame.fill(MASK_BYTE, payload, at - CHUNK_HEADER_BYTES);
  frame.fill(MASK_BYTE, at + body.length);
  return true;
}

/** Overwrites the spans, counted from `offset`, as far as `bytes` reaches. */
export function maskSpans(bytes: Uint8Array, offset: number, spans: readonly SecretSpan[]): void {
  for (const span of spans) {
    bytes.fill(MASK_BYTE, offset + span.offset, offset + span.offset + span.length);
  }
}

/** First byte after the TCP header, found by the flow's ports; -1 when it isn't there. */
function payloadOffset(frame: Uint8Array, sourcePort: number, destinationPort: number): number {
  const end = Math.min(frame.length - TCP_HEADER_BYTES, PORTS_OFFSET_MAX);
  for (let at = PORTS_OFFSET_MIN; at <= end; at++) {
    if (
      ((frame[at] << 8) | frame[at + 1]) === sourcePort &&
      ((frame[at + 2] << 8) | frame[at + 3]) === destinationPort &&
      frame[at + TCP_DATA_OFFSET] >>> 4 >= 5
    ) {
      return at + (frame[at + TCP_DATA_OFFSET] >>> 4) * 4;
    }
  }
  return -1;
}

function find(frame: Uint8Array, from: number, body: ByteSpan): number {
  const last = frame.length - body.length;
  for (let at = from; at <= last; at++) {
    let matched = 0;
    while (matched < body.length && frame[at + matched] === body.bytes[body.offset + matched]) {
      matched++;
    }
    if (matched === body.length) return at;
  }
  return -1;
}
