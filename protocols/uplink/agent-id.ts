/**
 * The name of an agent: lower-case base32 (RFC 4648 section 6, no padding) of the first 16 bytes of
 * SHA-256 over its first Ed25519 public key. It is the certificate's CN, the MQTT client id and,
 * with a key number, the COSE key id; rotation of keys never changes it.
 */
import { createHash } from 'node:crypto';

export const AGENT_ID_BYTES = 16;
/** 128 bits in groups of five: 25 whole characters and one that carries three bits. */
export const AGENT_ID_CHARACTERS = 26;

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
/** The two spare bits of the last character are zero, so that each id has one spelling. */
const AGENT_ID = /^[a-z2-7]{25}[aeimquy4]$/;

/** `publicKey`: the raw key, 32 bytes for Ed25519; the id of a hub is made the same way. */
export function agentIdOf(publicKey: Uint8Array): string {
  return agentIdFromBytes(createHash('sha256').update(publicKey).digest().subarray(0, 16));
}

export function isAgentId(text: string): boolean {
  return AGENT_ID.test(text);
}

/** The 16 bytes behind an id, or undefined when the text is none. */
export function agentIdBytes(agentId: string): Uint8Array | undefined {
  if (!isAgentId(agentId)) return undefined;
  const bytes = new Uint8Array(AGENT_ID_BYTES);
  let bits = 0;
  let bitsCount = 0;
  let at = 0;
  for (let index = 0; index < AGENT_ID_CHARACTERS; index++) {
    bits = ((bits & 0xfff) << 5) | ALPHABET.indexOf(agentId[index]);
    bitsCount += 5;
    if (bitsCount >= 8 && at < AGENT_ID_BYTES) {
      bitsCount -= 8;
      bytes[at++] = (bits >> bitsCount) & 0xff;
    }
  }
  return bytes;
}

/** `bytes`: exactly 16. */
export function agentIdFromBytes(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let bitsCount = 0;
  for (let index = 0; index < AGENT_ID_BYTES; index++) {
    bits = ((bits & 0xff) << 8) | bytes[index];
    bitsCount += 8;
    while (bitsCount >= 5) {
      bitsCount -= 5;
      text += ALPHABET[(bits >> bitsCount) & 0x1f];
    }
  }
  return text + ALPHABET[(bits << (5 - bitsCount)) & 0x1f];
}
