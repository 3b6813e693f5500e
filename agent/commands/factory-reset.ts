/**
 * `fieldtap factory-reset`: before a gateway changes hands. Keys, certificates, buffer and state
 * go; the configuration stays. Whatever was not receipted yet is lost, and told before it goes.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ReadOnlyBuffer } from '../../buffer/read-only-buffer.ts';
import { WriterLock } from '../../buffer/writer-lock.ts';
import { loadConfig } from '../config.ts';
import { NEXT_KEY_FILE } from '../key-change.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { escapeText } from '../platform/wire-text.ts';
import { NEXT_TLS_FILES } from '../uplink/client-certificate.ts';
import {
  ADVISORY_KEY_FILE,
  AGENT_FACTS_FILE,
  AGENT_KEY_FILE,
  RECEIPT_KEY_FILE,
  TLS_FILES,
} from '../uplink/credentials.ts';

const CREDENTIAL_FILES = [
  AGENT_KEY_FILE,
  NEXT_KEY_FILE,
  AGENT_FACTS_FILE,
  RECEIPT_KEY_FILE,
  ADVISORY_KEY_FILE,
  ...Object.values(NEXT_TLS_FILES),
  ...Object.values(TLS_FILES),
];
/** Beside the buffer. */
const STATE_FILES = ['site.key', 'advisories.json', 'probe.ndjson', 'probe'];

export interface FactoryResetOptions {
  readonly config: string;
  readonly yes: boolean;
  readonly keepBuffer: boolean;
  readonly json: boolean;
}

export function factoryReset(options: FactoryResetOptions): void {
  const { buffer, uplink } = loadConfig(options.config);
  // Throws BUFFER_IN_USE while the agent runs.
  const lock = existsSync(buffer.path) ? new WriterLock(buffer.path) : undefined;
  try {
    const files = [
      ...(uplink === undefined ? [] : thereIn(uplink.credentials, CREDENTIAL_FILES)),
      ...(options.keepBuffer ? [] : bufferFiles(buffer.path)),
    ];
    if (!options.yes) throw notConfirmed(files.length, waiting(buffer.path));
    for (const file of files) rmSync(file, { force: true, recursive: true });
    const said = options.json
      ? JSON.stringify({ removed: files })
      : files.map((file) => escapeText(`removed ${file}`)).join('\n') || 'there was nothing';
    process.stdout.write(`${said}\n`);
  } finally {
    lock?.release();
  }
}

/** The database, what SQLite and quarantine keep beside it, and state of the same folder. */
function bufferFiles(path: string): string[] {
  const folder = dirname(path);
  if (!existsSync(folder)) return [];
  const name = basename(path);
  const own = readdirSync(folder).filter(
    (file) => file === name || file.startsWith(`${name}-`) || file.startsWith(`${name}.`),
  );
  return [...own.map((file) => join(folder, file)), ...thereIn(folder, STATE_FILES)];
}

function thereIn(folder: string, files: readonly string[]): string[] {
  return files.map((file) => join(folder, file)).filter((path) => existsSync(path));
}

function waiting(path: string): number | undefined {
  if (!existsSync(path)) return 0;
  try {
    const buffer = new ReadOnlyBuffer(path);
    try {
      return buffer.statistics().outboxMessages;
    } finally {
      buffer.close();
    }
  } catch {
    return undefined;
  }
}

function notConfirmed(files: number, messages: number | undefined): OperatorFault {
  const lost =
    messages === undefined
      ? 'the buffer can not be read'
      : `${messages} messages wait for the hub's receipt and would be lost`;
  return new OperatorFault({
    code: 'FACTORY_RESET_NOT_CONFIRMED',
    problem: `Nothing was removed. A reset would remove ${files} files; ${lost}.`,
    remedy: 'Give --yes if that is meant; "fieldtap export" carries the messages out before.',
  });
}
