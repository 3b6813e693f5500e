/**
 * The site's own key, under which tokens, users and (at sharing `minimal`) addresses become
 * pseudonyms. Made on first start beside the buffer, readable by the agent alone; it never leaves.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { diskFullRemedy, writeWhole } from './platform/durable-file.ts';
import { OperatorFault } from './platform/operator-fault.ts';
import type { Random } from './platform/random.ts';

const SITE_KEY_FILE = 'site.key';
const SITE_KEY_BYTES = 32;

/** Throws OperatorFault SITE_KEY_UNUSABLE. */
export function openSiteKey(folder: string, random: Random): Uint8Array {
  const path = join(folder, SITE_KEY_FILE);
  try {
    mkdirSync(folder, { recursive: true });
    if (!existsSync(path)) writeWhole(path, random.bytes(SITE_KEY_BYTES), 0o600);
    const key = readFileSync(path);
    if (key.length === SITE_KEY_BYTES) return key;
    throw new Error(`it has ${key.length} bytes instead of ${SITE_KEY_BYTES}`);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new OperatorFault({
      code: 'SITE_KEY_UNUSABLE',
      problem: `The site's key "${path}" can't be read or made (${reason}).`,
      remedy:
        diskFullRemedy(cause) ??
        'Let the agent own the folder of buffer.path. Without the old key the pseudonyms change.',
      cause,
    });
  }
}
