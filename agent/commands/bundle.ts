/**
 * `fieldtap bundle`: one support file for whoever helps from afar: a tar.gz without secrets, signed
 * by the agent's key. It says what is inside before it writes, and writes nothing else.
 */
import { createHash, createPublicKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { gzipSync } from 'node:zlib';
import { redact } from '../diagnostics/redact.ts';
import { type TarFile, tar } from '../diagnostics/tar.ts';
import { SystemClock } from '../platform/clock.ts';
import { writeWhole } from '../platform/durable-file.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { escapeText } from '../platform/wire-text.ts';
import { AGENT_KEY_FILE } from '../uplink/credentials.ts';
import { type BundlePart, bundleParts } from './bundle-parts.ts';

export interface BundleOptions {
  readonly config: string;
  /** File to write. */
  readonly to: string;
  /** Also so many seconds of the live view, with marks before and after; 0 none. */
  readonly record: number;
  readonly yes: boolean;
  readonly json: boolean;
}

const EXIT_NOT_WRITTEN = 2;

export async function bundle(options: BundleOptions): Promise<number> {
  const parts = await bundleParts(options.config, options.record);
  if (!options.json) process.stdout.write(contentsText(parts, options.to));
  if (!(await isConfirmed(options))) {
    process.stderr.write('fieldtap: nothing was written; add --yes to write it.\n');
    return EXIT_NOT_WRITTEN;
  }
  const { bytes, agentId } = await sealed(parts, options.config);
  write(options.to, bytes);
  const result = { file: options.to, bytes: bytes.byteLength, signedBy: agentId ?? null };
  const signed =
    agentId === undefined ? 'not signed: this site has no key' : `signed by ${agentId}`;
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ ...result, parts: parts.map(({ name }) => name) })}\n`
      : `Written: ${escapeText(options.to)}, ${bytes.byteLength} bytes, ${signed}.\n`,
  );
  return 0;
}

function contentsText(parts: readonly BundlePart[], path: string): string {
  const lines = parts.map(
    ({ name, text, what }) => `  ${name.padEnd(22)}${String(text.length).padStart(8)}  ${what}`,
  );
  return [
    `${escapeText(path)} will hold, without keys and passwords:`,
    ...lines,
    '  manifest.json                   the SHA-256 of each, and manifest.sig its signature',
    '',
  ].join('\n');
}

async function isConfirmed({ yes, json }: BundleOptions): Promise<boolean> {
  if (yes) return true;
  if (json || process.stdin.isTTY !== true) return false;
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await reader.question('Write it? [y/N] ')).trim());
  } finally {
    reader.close();
  }
}

/** Redacts, lists and signs. The manifest is signed, and it names every other file's digest. */
async function sealed(
  parts: readonly BundlePart[],
  configPath: string,
): Promise<{ bytes: Uint8Array; agentId?: string }> {
  const files: TarFile[] = parts.map(({ name, text }) => ({
    name,
    bytes: Buffer.from(redact(text)),
  }));
  const nowMs = new SystemClock().wallMs();
  const signing = await signerOf(configPath);
  const manifest = Buffer.from(
    `${JSON.stringify(
      {
        format: 'fieldtap support 1',
        writtenAtMs: nowMs,
        ...(signing && { agentId: signing.agentId }),
        files: files.map(({ name, bytes }) => ({
          name,
          bytes: bytes.byteLength,
          sha256: createHash('sha256').update(bytes).digest('hex'),
        })),
      },
      undefined,
      2,
    )}\n`,
  );
  files.push({ name: 'manifest.json', bytes: manifest });
  if (signing !== undefined) {
    files.push({ name: 'manifest.sig', bytes: signing.sign(manifest) });
    files.push({ name: 'agent-key.pub.pem', bytes: Buffer.from(signing.publicKeyPem) });
  }
  const bytes = gzipSync(tar(files, nowMs / 1000));
  return { bytes, ...(signing && { agentId: signing.agentId }) };
}

interface Signing {
  readonly agentId: string;
  readonly publicKeyPem: string;
  sign(bytes: Uint8Array): Uint8Array;
}

/** Undefined where there is no key yet: a support file of a half set-up gateway is welcome too. */
async function signerOf(configPath: string): Promise<Signing | undefined> {
  const { loadConfig } = await import('../config.ts');
  try {
    const folder = loadConfig(configPath).uplink?.credentials;
    if (folder === undefined || !existsSync(join(folder, AGENT_KEY_FILE))) return undefined;
    const { openAgentIdentity } = await import('../uplink/credentials.ts');
    const { agentId, signer } = openAgentIdentity(folder);
    const publicKey = createPublicKey(readFileSync(join(folder, AGENT_KEY_FILE)));
    const publicKeyPem = String(publicKey.export({ format: 'pem', type: 'spki' }));
    return { agentId, publicKeyPem, sign: (bytes) => signer.sign(bytes) };
  } catch (error) {
    if (error instanceof OperatorFault || isDenied(error)) return undefined;
    throw error;
  }
}

function isDenied(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'EACCES';
}

function write(path: string, bytes: Uint8Array): void {
  try {
    writeWhole(path, bytes, 0o600);
  } catch (cause) {
    throw new OperatorFault({
      code: 'BUNDLE_NOT_WRITTEN',
      problem: `"${path}" can't be written (${cause instanceof Error ? cause.message : cause}).`,
      remedy: 'Give a file in a folder that this user may write: --to /tmp/support.tar.gz.',
      cause,
    });
  }
}
