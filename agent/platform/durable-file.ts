/**
 * Writes small files that must not be half there after a power cut: keys and the facts beside them.
 */
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';

/** What to do where `writeWhole` failed for want of room; undefined where it failed otherwise. */
export function diskFullRemedy(cause: unknown): string | undefined {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return undefined;
  return 'The disk is full: make room on it ("df -h" shows it), then start again.';
}

/** The file is there whole, or not at all. Throws what the file system says. */
export function writeWhole(path: string, content: string | Uint8Array, mode: number): void {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const descriptor = openSync(`${path}.new`, 'w', mode);
  try {
    writeSync(descriptor, bytes);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(`${path}.new`, path);
}
