/**
 * Sign, and open in the order that keeps a hostile sender cheap: size, envelope, key, signature,
 * and only then inflate and decode what its own agent has signed.
 */
import { hash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { encodeEnvelope, encodeProtectedHeader, readEnvelope, toBeSigned } from './envelope.ts';
import { type Refusal, refusal } from './refusal.ts';
import {
  COSE_ALGORITHM,
  isCanonicalSignature,
  type KeyId,
  type Signer,
  type VerificationKey,
} from './signature.ts';

/** As delivered by a broker, an archive or a USB stick. */
export const DELIVERED_BYTES_MAX = 64 * 1024;
/** Payload after inflation. */
export const INFLATED_BYTES_MAX = 256 * 1024;

/** Best compression: a summary is small, and the link is what costs. */
const DEFLATE_LEVEL = 9;
/** So short a payload deflates to the same bytes in a window of 9 bits, with less memory. */
const SMALL_PAYLOAD_BYTES_MAX = 256;
const SMALL_PAYLOAD = { level: DEFLATE_LEVEL, windowBits: 9, memLevel: 1 } as const;

/** `payload`: deterministic CBOR. `topic`: the canonical one. The result is what travels. */
export function signMessage(signer: Signer, topic: string, payload: Uint8Array): Uint8Array {
  const isSmall = payload.byteLength <= SMALL_PAYLOAD_BYTES_MAX;
  const options = isSmall ? SMALL_PAYLOAD : { level: DEFLATE_LEVEL };
  return signDeflated(signer, topic, deflateRawSync(payload, options));
}

/** The same for a payload that is deflated already; tests make broken ones with it. */
export function signDeflated(signer: Signer, topic: string, deflated: Uint8Array): Uint8Array {
  const protectedHeader = encodeProtectedHeader(signer.algorithm, signer);
  const signature = signer.sign(toBeSigned(protectedHeader, topic, deflated));
  return encodeEnvelope(protectedHeader, deflated, signature);
}

/** The hash that chains messages and stands in receipts: SHA-256 of the whole signed bytes. */
export function messageSha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer');
}

export interface OpenedMessage {
  readonly kind: 'opened';
  readonly keyId: KeyId;
  /** The one of the candidates under which the signature verified. */
  readonly topic: string;
  /** Inflated CBOR, not yet decoded. */
  readonly payload: Uint8Array;
}

/**
 * `topicsOf`: the canonical topics that this signer may have signed for, the likeliest first. The
 * key decides the algorithm, never the header; a header that says another is refused afterwards.
 */
export function openMessage(
  bytes: Uint8Array,
  keyLookup: (keyId: KeyId) => VerificationKey | undefined,
  topicsOf: (keyId: KeyId) => readonly string[],
): OpenedMessage | Refusal {
  if (bytes.byteLength > DELIVERED_BYTES_MAX) {
    return refusal('encoding', 'tooLarge', `${bytes.byteLength} bytes`);
  }
  const envelope = readEnvelope(bytes);
  if (envelope === undefined) return refusal('signature', 'envelopeUnreadable', 'envelope');
  const { keyId, protectedHeader, signature } = envelope;
  const keyText = `${keyId.signerId}/${keyId.keyNumber}`;
  const key = keyLookup(keyId);
  if (key === undefined) return refusal('signature', 'keyUnknown', keyText);
  const topic = topicsOf(keyId).find((candidate) =>
    key.verify(toBeSigned(protectedHeader, candidate, envelope.payload), signature),
  );
  if (topic === undefined) return refusal('signature', 'signatureInvalid', keyText);
  if (!isCanonicalSignature(key.algorithm, signature)) {
    return refusal('encoding', 'signatureNotCanonical', 'the upper half of s');
  }
  if (envelope.notStrict !== undefined) return refusal('encoding', envelope.notStrict, 'envelope');
  const payload = inflate(envelope.payload);
  if (payload.kind === 'refused') return payload;
  if (envelope.coseAlgorithm !== COSE_ALGORITHM[key.algorithm]) {
    return refusal('rule', 'algorithmMismatch', `key ${keyText} is of ${key.algorithm}`);
  }
  return { kind: 'opened', keyId, topic, payload: payload.buffer };
}

interface Inflated {
  readonly kind: 'inflated';
  readonly buffer: Uint8Array;
}

function inflate(deflated: Uint8Array): Inflated | Refusal {
  try {
    const { buffer, engine } = inflateWithInfo(deflated);
    if (engine.bytesWritten !== deflated.byteLength) {
      return refusal('encoding', 'trailingBytes', 'behind the deflated payload');
    }
    return { kind: 'inflated', buffer };
  } catch (error) {
    const isBomb =
      error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    return isBomb
      ? refusal('encoding', 'inflatedTooLarge', `over ${INFLATED_BYTES_MAX} bytes`)
      : refusal('encoding', 'payloadNotDeflate', 'payload');
  }
}

interface InflateInfo {
  readonly buffer: Uint8Array;
  /** `bytesWritten`: how many bytes of input the engine consumed. */
  readonly engine: { readonly bytesWritten: number };
}

function inflateWithInfo(deflated: Uint8Array): InflateInfo {
  const result: unknown = inflateRawSync(deflated, {
    maxOutputLength: INFLATED_BYTES_MAX,
    info: true,
  });
  // With `info: true` Node answers with this pair (zlib documentation); its types don't say so.
  return result as InflateInfo;
}
