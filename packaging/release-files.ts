/** What accompanies the programs of a release: notes, sums, signatures; and their check. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { releaseNotes } from './changelog.ts';
import {
  hashOfFile,
  type MinisignPublicKey,
  publicKeyText,
  type SigningKey,
  signatureFault,
  signFile,
} from './minisign.ts';

export const SUMS_FILE = 'SHA256SUMS';
export const NOTES_FILE = 'RELEASE-NOTES.md';
export const PUBLIC_KEY_FILE = 'fieldtap.pub';
const SIGNATURE_SUFFIX = '.minisig';
/** Every file of a release but sums, signatures and the key, which can't name themselves. */
const RELEASE_PATTERN =
  /^(fieldtap.*-linux-(x64|arm64)|fieldtap.*\.(deb|cdx\.json|service)|RELEASE-NOTES\.md)$/;

/** Files of `dist` that a release consists of, sorted. */
export function releaseFiles(dist: string): string[] {
  return readdirSync(dist)
    .filter((name) => RELEASE_PATTERN.test(name))
    .sort();
}

/** Notes and SHA256SUMS. */
export function writeSums(dist: string, version: string): void {
  const others = releaseFiles(dist).filter((name) => name !== NOTES_FILE);
  writeFileSync(join(dist, NOTES_FILE), releaseNotes(version, others));
  const lines = releaseFiles(dist).map((name) => `${sha256Of(dist, name)}  ${name}\n`);
  writeFileSync(join(dist, SUMS_FILE), lines.join(''));
}

/** A signature beside each file, and the public key; without a key, none is left from before. */
export function writeSignatures(
  dist: string,
  key: SigningKey | undefined,
  epochSeconds: number,
): void {
  for (const name of readdirSync(dist)) {
    if (name.endsWith(SIGNATURE_SUFFIX)) rmSync(join(dist, name));
  }
  rmSync(join(dist, PUBLIC_KEY_FILE), { force: true });
  if (key === undefined) return;
  for (const name of [...releaseFiles(dist), SUMS_FILE]) {
    const text = signFile(join(dist, name), key, epochSeconds);
    writeFileSync(join(dist, `${name}${SIGNATURE_SUFFIX}`), text);
  }
  writeFileSync(join(dist, PUBLIC_KEY_FILE), publicKeyText(key.publicKey));
}

/** A sentence for everything that is wrong with the release in `dist`; empty when it is good. */
export function releaseFaults(dist: string, key: MinisignPublicKey | undefined): string[] {
  const path = join(dist, SUMS_FILE);
  if (!existsSync(path)) return [`${SUMS_FILE} is missing: run npm run package`];
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  const sums = new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
  const faults: string[] = [];
  for (const name of releaseFiles(dist)) {
    if (!sums.has(name)) faults.push(`${name} is not in ${SUMS_FILE}`);
  }
  for (const [name, sum] of sums) {
    if (!existsSync(join(dist, name))) faults.push(`${name} is missing`);
    else if (sha256Of(dist, name) !== sum) faults.push(`${name} has another SHA-256 than told`);
  }
  if (key === undefined) return faults;
  for (const name of [...sums.keys(), SUMS_FILE]) {
    if (!existsSync(join(dist, name))) continue;
    const signature = join(dist, `${name}${SIGNATURE_SUFFIX}`);
    const fault = existsSync(signature)
      ? signatureFault(join(dist, name), readFileSync(signature, 'utf8'), key)
      : 'it is not signed';
    if (fault !== undefined) faults.push(`${name}: ${fault}`);
  }
  return faults;
}

function sha256Of(dist: string, name: string): string {
  return hashOfFile(join(dist, name), 'sha256').toString('hex');
}
