/**
 * Where the program's own files are: beside this one in a checkout, inside the executable in the
 * built program. Whoever starts a worker or a part of the program in a process of its own, or reads
 * a file that belongs to the program, asks here by `new URL('./file', import.meta.url)`; packaging
 * gives every source file its URL below PACKAGED_ROOT and carries the files under these names.
 */
import { readFileSync } from 'node:fs';
import { getAsset, getRawAsset, isSea } from 'node:sea';
import { fileURLToPath } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';

/** What stands for the checkout's folder inside the executable. */
const PACKAGED_ROOT = 'file:///fieldtap/';
/** First argument of the executable that makes it run one of its parts instead of a command. */
const PART_ARGUMENT = '--fieldtap-part=';

/** True in the built program. */
export function isPackaged(): boolean {
  return isSea();
}

/** A worker thread that runs the program's file `url`. */
export function startWorker(url: URL, options: WorkerOptions): Worker {
  const name = assetName(url);
  if (name === undefined) return new Worker(url, options);
  return new Worker(getAsset(name, 'utf8'), { ...options, eval: true });
}

/** The words of a process that runs the program's file `url` by itself. */
export function partWords(url: URL): readonly string[] {
  const name = assetName(url);
  if (name === undefined) return [process.execPath, fileURLToPath(url)];
  return [process.execPath, `${PART_ARGUMENT}${name}`];
}

/** The bytes of a file that belongs to the program: the page, a packed table. */
export function readProgramFile(url: URL): Uint8Array {
  const name = assetName(url);
  return name === undefined ? readFileSync(url) : new Uint8Array(getRawAsset(name));
}

/** Undefined where files lie in folders. */
function assetName(url: URL): string | undefined {
  if (!isSea() || !url.href.startsWith(PACKAGED_ROOT)) return undefined;
  return decodeURIComponent(url.href.slice(PACKAGED_ROOT.length));
}
