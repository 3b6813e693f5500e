/**
 * Inside the executable: loads a native addon without leaving a file behind. First the root-owned
 * copy that the Debian package installs (the only way where every writable folder is noexec), then
 * the executable's own copy by a file without a name. Both are held against the compiled-in hash.
 */
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { getRawAsset, isSea } from 'node:sea';
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';

/** Name to SHA-256 (hex), put in by packaging/bundle.ts. */
declare const FIELDTAP_ADDON_SHA256: Readonly<Record<string, string>>;

/** open(2); Node has no name for it, and O_DIRECTORY, which it contains, differs on arm64. */
const O_TMPFILE = process.arch === 'arm64' ? 0o20040000 : 0o20200000;
/** Answers of file systems and kernels without O_TMPFILE. */
const NO_TMPFILE_CODES = ['EOPNOTSUPP', 'EISDIR', 'ENOTSUP', 'EINVAL'];
const INSTALLED_FOLDER = path.join(path.dirname(process.execPath), '../lib/fieldtap/native');
const ENVIRONMENT_PREFIX = 'fieldtap-addon:';

const loaded = new Map<string, unknown>();

/** The addon's exports; throws an Error that names every folder tried and what it answered. */
export function loadAddon(name: string): unknown {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const exports = load(name);
  loaded.set(name, exports);
  return exports;
}

function load(name: string): unknown {
  // A worker takes what the main thread has opened: one hash check and one mapping a process.
  const opened = getEnvironmentData(ENVIRONMENT_PREFIX + name);
  if (typeof opened === 'string') return openLibrary(opened);
  const refused: string[] = [];
  const installed = attempt(INSTALLED_FOLDER, refused, () => installedFile(name));
  if (installed !== undefined) return installed.exports;
  const bytes = new Uint8Array(getRawAsset(`native/${name}`));
  assertHash(name, bytes);
  for (const folder of candidateFolders()) {
    const found = attempt(folder, refused, () => unnamedFile(folder, bytes));
    if (found !== undefined) return found.exports;
  }
  throw new Error(
    `The native part "${name}" can't be loaded: every folder tried forbids it. ` +
      `Install the Debian package, or let one of these folders execute: ${refused.join('; ')}`,
  );

  function attempt(
    folder: string,
    reasons: string[],
    open: () => number | undefined,
  ): { readonly exports: unknown } | undefined {
    let descriptor: number | undefined;
    try {
      descriptor = open();
      if (descriptor === undefined) return undefined;
      const file = `/proc/self/fd/${descriptor}`;
      const exports = openLibrary(file);
      // Never closed: glibc knows a library by its name, and a descriptor's number used again
      // would give the library that had it before.
      setEnvironmentData(ENVIRONMENT_PREFIX + name, file);
      return { exports };
    } catch (error) {
      if (descriptor !== undefined) fs.closeSync(descriptor);
      reasons.push(`${folder} (${error instanceof Error ? error.message : String(error)})`);
      return undefined;
    }
  }
}

/** The open copy of the Debian package; undefined where it isn't installed. */
function installedFile(name: string): number | undefined {
  let descriptor: number;
  try {
    descriptor = fs.openSync(path.join(INSTALLED_FOLDER, `${name}.node`), 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    assertHash(name, fs.readFileSync(descriptor));
    return descriptor;
  } catch (error) {
    fs.closeSync(descriptor);
    throw error;
  }
}

function unnamedFile(folder: string, bytes: Uint8Array): number {
  const descriptor = openUnnamed(folder);
  try {
    let written = 0;
    while (written < bytes.byteLength) {
      written += fs.writeSync(descriptor, bytes, written, bytes.byteLength - written, written);
    }
    return descriptor;
  } catch (error) {
    fs.closeSync(descriptor);
    throw error;
  }
}

function openUnnamed(folder: string): number {
  try {
    return fs.openSync(folder, O_TMPFILE | fs.constants.O_RDWR, 0o700);
  } catch (error) {
    if (!NO_TMPFILE_CODES.includes(codeOf(error))) throw error;
  }
  const own = fs.mkdtempSync(path.join(folder, '.fieldtap-'));
  const file = path.join(own, 'addon.node');
  const descriptor = fs.openSync(file, 'wx+', 0o700);
  fs.unlinkSync(file);
  fs.rmdirSync(own);
  return descriptor;
}

/** systemd's folders first, then what every machine has, then where the user stands. */
function candidateFolders(): string[] {
  const { RUNTIME_DIRECTORY, CACHE_DIRECTORY, STATE_DIRECTORY } = process.env;
  const folders = [RUNTIME_DIRECTORY, CACHE_DIRECTORY, os.tmpdir(), '/dev/shm', STATE_DIRECTORY];
  return [...new Set([...folders, process.cwd()].filter((each) => each !== undefined))];
}

function openLibrary(file: string): unknown {
  const module = { exports: {} };
  process.dlopen(module, file, os.constants.dlopen.RTLD_NOW);
  return module.exports;
}

function assertHash(name: string, bytes: Uint8Array): void {
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== FIELDTAP_ADDON_SHA256[name]) {
    throw new Error(`"${name}" has another SHA-256 than the one this program was built with`);
  }
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

if (!isSea()) throw new Error('packaging/runtime is for the built program only');
/** Bundled packages call this name for their addon; a part puts its own over the start's. */
Object.defineProperty(globalThis, 'fieldtapLoadAddon', { value: loadAddon, configurable: true });
