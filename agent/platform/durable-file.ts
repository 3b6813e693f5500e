/**
 * Writes small files that must not be half there after a power cut: keys and the facts beside them.
 */
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';

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
