/**
 * A private key of the hub on its disk: made when first wanted, readable by the hub's user alone,
 * whole after a power cut.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { writeOnce } from './shared-file.ts';

/** `kind`: Ed25519 for what we sign ourselves, P-256 for TLS. Throws what the disk says. */
export function openPrivateKey(path: string, kind: 'ed25519' | 'p256'): KeyObject {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (!existsSync(path)) {
    const { privateKey } =
      kind === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeOnce(path, String(privateKey.export({ format: 'pem', type: 'pkcs8' })), 0o600);
  }
  return createPrivateKey(readFileSync(path));
}
