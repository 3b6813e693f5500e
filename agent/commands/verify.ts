/**
 * `fieldtap verify FILE`: checks an archive offline and names every hole, fork, bad signature and
 * tombstone. Nothing of the running agent or of a hub is needed.
 */
import { createReadStream, readFileSync } from 'node:fs';
import {
  type ArchiveKey,
  ArchiveReader,
  decodeArchiveKey,
} from '../../protocols/uplink/archive.ts';
import {
  type ArchiveFinding,
  type ArchiveReport,
  ArchiveVerifier,
} from '../../protocols/uplink/archive-verifier.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { escapeText } from '../platform/wire-text.ts';

export interface VerifyOptions {
  /** JSON files with public keys that are trusted beyond what the archive proves itself. */
  readonly key?: readonly string[];
  readonly json: boolean;
}

/** Answers the exit code: 0 when nothing but tombstones was found. */
export async function verifyArchive(path: string, options: VerifyOptions): Promise<number> {
  const verifier = new ArchiveVerifier((options.key ?? []).map(readKey));
  const reader = new ArchiveReader();
  try {
    for await (const piece of createReadStream(path)) {
      for (const item of reader.push(piece)) verifier.take(item);
    }
  } catch (cause) {
    throw new OperatorFault({
      code: 'ARCHIVE_UNREADABLE',
      problem: `The archive "${path}" can't be read.`,
      remedy: 'Check the path, and whether the stick is still there.',
      cause,
    });
  }
  for (const item of reader.end()) verifier.take(item);
  const report = verifier.report();
  const text = options.json ? JSON.stringify(report) : textOf(path, report);
  process.stdout.write(`${text}\n`);
  return report.isSound && report.messages > 0 ? 0 : 1;
}

function readKey(path: string): ArchiveKey {
  const key = parseKey(path);
  if (key !== undefined) return key;
  throw new OperatorFault({
    code: 'ARCHIVE_KEY_UNREADABLE',
    problem: `"${path}" holds no public key of an agent or a hub.`,
    remedy: 'Give agent.json of the agent, or receipt-key.json or advisory-key.json of the hub.',
  });
}

function parseKey(path: string): ArchiveKey | undefined {
  try {
    const facts: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof facts !== 'object' || facts === null) return undefined;
    const named = { role: 'agent', keyNumber: 1, ...facts };
    if ('agentId' in named) return decodeArchiveKey({ ...named, signerId: named.agentId });
    if (!('hubId' in named)) return undefined;
    return decodeArchiveKey({ ...named, role: 'receipt', signerId: named.hubId });
  } catch {
    return undefined;
  }
}

function textOf(path: string, report: ArchiveReport): string {
  const { messages, duplicates, receipts, streams, findings, findingsCount } = report;
  const lines = [
    `${path}: ${messages} messages, ${duplicates} of them twice, ${receipts} receipts`,
    ...streams.map(({ agentId, epoch, stream, from, to, receiptedUpTo, ...stored }) => {
      const receipted = receiptedUpTo > 0 ? `, receipted up to ${receiptedUpTo}` : '';
      const range = `${from} to ${to}, ${stored.messages} messages`;
      return `  ${agentId} epoch ${epoch} stream ${stream}: ${range}${receipted}`;
    }),
    ...findings.map(findingText),
  ];
  const total = Object.values(findingsCount).reduce((sum, count) => sum + count, 0);
  if (total > findings.length) lines.push(`... and ${total - findings.length} more findings`);
  lines.push(verdict(report));
  return lines.map(escapeText).join('\n');
}

function verdict({ messages, isSound, findingsCount }: ArchiveReport): string {
  if (messages === 0) return 'not sound: there is no message in it';
  if (isSound) return 'sound: every signature holds, every chain is whole or explained';
  const named = Object.entries(findingsCount).filter(([, count]) => count > 0);
  return `not sound: ${named.map(([kind, count]) => `${count} ${kind}`).join(', ')}`;
}

function findingText(finding: ArchiveFinding): string {
  const { kind, agentId, epoch, stream, from, to, offset, detail } = finding;
  const place = agentId === undefined ? '' : ` ${agentId} epoch ${epoch} stream ${stream}`;
  const range = from === undefined ? '' : from === to ? ` ${from}` : ` ${from} to ${to}`;
  const at = offset === undefined ? '' : ` at byte ${offset}`;
  return `${kind}${place}${range}${at}: ${detail}`;
}
