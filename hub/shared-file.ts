/**
 * Small files that several workers may write at once: whole after a power cut, and each writer
 * prepares its own copy, so that none takes away what another is about to put in place.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, linkSync, renameSync, unlinkSync } from 'node:fs';
import { writeWhole } from '../agent/platform/durable-file.ts';

/** The first writer wins, and all go on with its file. */
export function writeOnce(path: string, content: string, mode: number): void {
  if (existsSync(path)) return;
  const own = prepared(path, content, mode);
  try {
    linkSync(own, path);
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    if (!isThere) throw error;
  } finally {
    unlinkSync(own);
  }
}

/** The last writer wins. */
export function writeShared(path: string, content: string, mode: number): void {
  renameSync(prepared(path, content, mode), path);
}

function prepared(path: string, content: string, mode: number): string {
  const own = `${path}.${randomUUID()}`;
  writeWhole(own, content, mode);
  return own;
}
