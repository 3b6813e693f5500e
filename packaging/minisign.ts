/**
 * Detached signatures as `minisign -V` checks them, made by `node:crypto`: a utility verifies a
 * release with a package of its own distribution, and the builder needs no other program.
 * Format: jedisct1.github.io/minisign, "Signature format"; algorithm `ED`: BLAKE2b-512, Ed25519.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

const ALGORITHM_KEY = Buffer.from('Ed');
const ALGORITHM_HASHED = Buffer.from('ED');
const KEY_ID_BYTES = 8;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const READ_BYTES = 1 << 20;
/** SubjectPublicKeyInfo of Ed25519 up to the key (RFC 8410 section 4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

export interface SigningKey {
  readonly privateKey: KeyObject;
  readonly publicKey: MinisignPublicKey;
}

export interface MinisignPublicKey {
  readonly keyId: Buffer;
  /** 32 bytes. */
  readonly bytes: Buffer;
}

/** Writes a new private key (PKCS #8 PEM, mode 0600) that must not exist yet. */
export function makeSigningKey(path: string): void {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
  writeFileSync(path, pem, { mode: 0o600, flag: 'wx' });
}

/** Reads a private key as `makeSigningKey` or `openssl genpkey -algorithm ed25519` writes it. */
export function readSigningKey(path: string): SigningKey {
  const privateKey = createPrivateKey(readFileSync(path));
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw new Error(`${path} holds no Ed25519 key; make one with --new-signing-key`);
  }
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const bytes = spki.subarray(-PUBLIC_KEY_BYTES);
  const keyId = createHash('sha256').update(bytes).digest().subarray(0, KEY_ID_BYTES);
  return { privateKey, publicKey: { keyId, bytes } };
}

/** The two lines of a public key file. */
export function publicKeyText({ keyId, bytes }: MinisignPublicKey): string {
  const shown = Buffer.from(keyId).reverse().toString('hex').toUpperCase();
  const encoded = Buffer.concat([ALGORITHM_KEY, keyId, bytes]).toString('base64');
  return `untrusted comment: minisign public key ${shown}\n${encoded}\n`;
}

export function readPublicKey(path: string): MinisignPublicKey {
  const encoded = readFileSync(path, 'utf8').trim().split('\n').at(-1) ?? '';
  const raw = Buffer.from(encoded, 'base64');
  const isKey = raw.subarray(0, 2).equals(ALGORITHM_KEY);
  if (!isKey || raw.byteLength !== 2 + KEY_ID_BYTES + PUBLIC_KEY_BYTES) {
    throw new Error(`${path} is no minisign public key`);
  }
  return { keyId: raw.subarray(2, 2 + KEY_ID_BYTES), bytes: raw.subarray(2 + KEY_ID_BYTES) };
}

/** The text of `FILE.minisig`. `epochSeconds` is what the trusted comment says of the time. */
export function signFile(path: string, key: SigningKey, epochSeconds: number): string {
  const signature = sign(null, fileHash(path), key.privateKey);
  const comment = `timestamp:${epochSeconds}\tfile:${basename(path)}\thashed`;
  const global = sign(null, Buffer.concat([signature, Buffer.from(comment)]), key.privateKey);
  const line = Buffer.concat([ALGORITHM_HASHED, key.publicKey.keyId, signature]);
  return [
    'untrusted comment: signature of a fieldtap release',
    line.toString('base64'),
    `trusted comment: ${comment}`,
    `${global.toString('base64')}\n`,
  ].join('\n');
}

/** Undefined when `signatureText` is this key's signature of the file; else what is wrong. */
export function signatureFault(
  path: string,
  signatureText: string,
  key: MinisignPublicKey,
): string | undefined {
  const [, encoded, comment, encodedGlobal] = signatureText.split('\n');
  const raw = Buffer.from(encoded ?? '', 'base64');
  const prefix = 'trusted comment: ';
  if (raw.byteLength !== 2 + KEY_ID_BYTES + SIGNATURE_BYTES || !comment?.startsWith(prefix)) {
    return 'the signature file is no minisign signature';
  }
  if (!raw.subarray(0, 2).equals(ALGORITHM_HASHED)) return 'the signature is of an old form';
  if (!raw.subarray(2, 2 + KEY_ID_BYTES).equals(key.keyId)) return 'another key signed it';
  const publicKey = createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, key.bytes]),
    format: 'der',
    type: 'spki',
  });
  const signature = raw.subarray(2 + KEY_ID_BYTES);
  if (!verify(null, fileHash(path), publicKey, signature)) return 'the file was changed';
  const trusted = Buffer.concat([signature, Buffer.from(comment.slice(prefix.length))]);
  const global = Buffer.from(encodedGlobal ?? '', 'base64');
  if (!verify(null, trusted, publicKey, global)) return 'the trusted comment was changed';
  return undefined;
}

function fileHash(path: string): Buffer {
  return hashOfFile(path, 'blake2b512');
}

/** Hash of a file of any size, a piece at a time. */
export function hashOfFile(path: string, algorithm: 'blake2b512' | 'sha256'): Buffer {
  const hash = createHash(algorithm);
  const piece = Buffer.alloc(READ_BYTES);
  const descriptor = openSync(path, 'r');
  try {
    for (;;) {
      const count = readSync(descriptor, piece);
      if (count === 0) return hash.digest();
      hash.update(piece.subarray(0, count));
    }
  } finally {
    closeSync(descriptor);
  }
}
