/**
 * `fieldtap import PATH`: the hub's receipts and advisories from a stick, handed to the running
 * agent, which verifies each like one from the broker. Prints what was taken and what was not, by
 * its reason.
 */
import { createReadStream, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { ARCHIVE_SUFFIX, ArchiveReader } from '../../protocols/uplink/archive.ts';
import { decodeReceipt } from '../../protocols/uplink/codec.ts';
import { INFLATED_BYTES_MAX } from '../../protocols/uplink/cose.ts';
import { readEnvelope } from '../../protocols/uplink/envelope.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { escapeText } from '../platform/wire-text.ts';
import { agentStatus, controlAction } from './control-client.ts';
import { notRunning } from './live-client.ts';
import { type SocketOptions, socketOf } from './site-socket.ts';

export interface ImportOptions extends SocketOptions {
  readonly path: string;
  readonly json: boolean;
}

export interface ImportedFromHub {
  files: number;
  receiptsTaken: number;
  advisoriesTaken: number;
  /** Receipts of other sites on the same stick. */
  receiptsOfOthers: number;
  /** Stretches that are no records. */
  damaged: number;
  /** Why what was not taken was not. */
  readonly refused: string[];
}

const REFUSED_TOLD_MAX = 20;
const FILES_MAX = 256;

/** 1 when something was refused or damaged. */
export async function importFromHub(options: ImportOptions): Promise<number> {
  const socketPath = socketOf(options);
  const status = await agentStatus(socketPath);
  if (status === undefined) throw notRunning(socketPath);
  const imported: ImportedFromHub = {
    files: 0,
    receiptsTaken: 0,
    advisoriesTaken: 0,
    receiptsOfOthers: 0,
    damaged: 0,
    refused: [],
  };
  for (const file of archivesAt(options.path)) {
    imported.files++;
    await importFile(file, socketPath, status.agentId, imported);
  }
  process.stdout.write(
    options.json ? `${JSON.stringify(imported)}\n` : importText(imported, options.path),
  );
  return imported.refused.length > 0 || imported.damaged > 0 ? 1 : 0;
}

async function importFile(
  file: string,
  socketPath: string,
  agentId: string | undefined,
  imported: ImportedFromHub,
): Promise<void> {
  for await (const item of itemsOf(file)) {
    if (item.kind === 'damaged') imported.damaged++;
    if (item.kind !== 'receipt' && item.kind !== 'advisory') continue;
    if (item.kind === 'receipt') {
      const other = receiptAgentOf(item.bytes);
      if (other !== undefined && other !== agentId) {
        imported.receiptsOfOthers++;
        continue;
      }
    }
    try {
      const answer = await controlAction(socketPath, `/v1/${item.kind}`, item.bytes);
      if (answer === undefined) throw notRunning(socketPath);
      if (item.kind === 'receipt') imported.receiptsTaken++;
      else imported.advisoriesTaken++;
    } catch (error) {
      if (!(error instanceof OperatorFault) || error.code === 'AGENT_NOT_RUNNING') throw error;
      if (imported.refused.length < REFUSED_TOLD_MAX) {
        imported.refused.push(`${error.problem} ${error.remedy} [${error.code}]`);
      }
    }
  }
}

async function* itemsOf(file: string) {
  const reader = new ArchiveReader();
  try {
    for await (const piece of createReadStream(file)) yield* reader.push(piece);
  } catch (cause) {
    throw unreadable(file, cause);
  }
  yield* reader.end();
}

/** Whose receipt it claims to be: only to leave those of others alone, never to believe it. */
function receiptAgentOf(bytes: Uint8Array): string | undefined {
  const envelope = readEnvelope(bytes);
  if (envelope === undefined) return undefined;
  try {
    const payload = inflateRawSync(envelope.payload, { maxOutputLength: INFLATED_BYTES_MAX });
    const decoded = decodeReceipt(payload);
    return decoded.kind === 'message' ? decoded.message.agentId : undefined;
  } catch {
    return undefined;
  }
}

function archivesAt(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const files = readdirSync(path)
      .filter((name) => name.endsWith(ARCHIVE_SUFFIX))
      .sort()
      .slice(0, FILES_MAX)
      .map((name) => join(path, name));
    if (files.length > 0) return files;
  } catch (cause) {
    throw unreadable(path, cause);
  }
  throw unreadable(path, undefined);
}

function importText(imported: ImportedFromHub, path: string): string {
  const { receiptsTaken, advisoriesTaken, receiptsOfOthers, damaged, refused } = imported;
  const lines = [
    `${escapeText(path)}: ${receiptsTaken} ${receiptsTaken === 1 ? 'receipt' : 'receipts'} and ` +
      `${advisoriesTaken} ${advisoriesTaken === 1 ? 'advisory' : 'advisories'} taken` +
      (receiptsOfOthers > 0 ? `, ${receiptsOfOthers} of other sites left alone` : ''),
    ...(damaged > 0 ? [`${damaged} stretches of the file are damaged.`] : []),
    ...refused.map((reason) => `refused: ${escapeText(reason)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function unreadable(path: string, cause: unknown): OperatorFault {
  return new OperatorFault({
    code: 'IMPORT_UNREADABLE',
    problem: `"${path}" can't be read, or holds no file that ends in ${ARCHIVE_SUFFIX}.`,
    remedy: 'Give the file that the hub wrote, or the folder of the stick it is in.',
    cause,
  });
}
