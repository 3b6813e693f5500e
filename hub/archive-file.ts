/** Archives of a hub: its whole store to one file, and files of agents or of other hubs into it. */
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import type { Clock } from '../agent/platform/clock.ts';
import { OperatorFault } from '../agent/platform/operator-fault.ts';
import {
  ArchiveReader,
  type ArchiveRecord,
  encodeArchiveRecord,
} from '../protocols/uplink/archive.ts';
import type { Receipt } from '../protocols/uplink/messages.ts';
import { sealReceipt } from '../protocols/uplink/open.ts';
import type { Signer } from '../protocols/uplink/signature.ts';
import { type AgentRegistry, listAgents } from './agent-registry.ts';
import type { HubConfig } from './config.ts';
import { openDelivered } from './open-message.ts';
import type { HubReader } from './reader.ts';
import type { BatchEntry, HubStore } from './store.ts';

const BATCH_MESSAGES = 256;

/** Appends one record after the other; `close` when all is on the disk. */
export class ArchiveWriter {
  readonly #descriptor: number;

  /** A new file: an old one of this name is an error, and not written over unless told so. */
  constructor(path: string, flag: 'wx' | 'w' = 'wx') {
    this.#descriptor = openSync(path, flag, 0o640);
  }

  write(record: ArchiveRecord): void {
    const bytes = encodeArchiveRecord(record);
    for (let at = 0; at < bytes.byteLength; ) {
      at += writeSync(this.#descriptor, bytes, at);
    }
  }

  close(): void {
    fsyncSync(this.#descriptor);
    closeSync(this.#descriptor);
  }
}

/** Keys, and all messages in the order of their chains. Answers how many messages. */
export async function exportArchive(
  path: string,
  reader: HubReader,
  config: HubConfig,
  receiptKey: Signer,
  clock: Clock,
  agentId?: string,
): Promise<number> {
  const writer = createWriter(path);
  try {
    writer.write({ kind: 'begins', writer: 'hub', writtenAtMs: clock.wallMs() });
    writer.write({ kind: 'key', key: keyOf('receipt', receiptKey) });
    for (const facts of listAgents(config.agents)) {
      if (agentId !== undefined && facts.agentId !== agentId) continue;
      for (const { keyNumber, algorithm, publicKeyHex } of [facts, ...facts.furtherKeys]) {
        const key = { keyNumber, algorithm, publicKeyHex, signerId: facts.agentId };
        writer.write({ kind: 'key', key: { role: 'agent', ...key } });
      }
    }
    let messages = 0;
    for await (const { bytes } of reader.messages(agentId)) {
      writer.write({ kind: 'message', bytes });
      messages += 1;
    }
    return messages;
  } finally {
    writer.close();
  }
}

export interface Imported {
  messages: number;
  stored: number;
  duplicates: number;
  forked: number;
  refused: number;
  /** Stretches of the file that are no records. */
  damaged: number;
  /** Refusals by reason. */
  readonly reasons: Record<string, number>;
}

/** Into the store like messages from the broker: verified, deduplicated, receipted. */
export async function importArchive(
  path: string,
  store: HubStore,
  registry: AgentRegistry,
  clock: Clock,
  receipt: (receipt: Receipt) => void,
): Promise<Imported> {
  const imported: Imported = {
    messages: 0,
    stored: 0,
    duplicates: 0,
    forked: 0,
    refused: 0,
    damaged: 0,
    reasons: {},
  };
  let batch: BatchEntry[] = [];
  const commit = async (): Promise<void> => {
    const result = await store.commit(batch, clock.wallMs());
    batch = [];
    imported.stored += result.stored;
    imported.duplicates += result.duplicates;
    imported.forked += result.forked;
    for (const one of result.receipts) receipt(one);
  };
  for await (const item of readArchive(path)) {
    if (item.kind === 'damaged') imported.damaged += 1;
    if (item.kind !== 'message') continue;
    imported.messages += 1;
    const entry = openDelivered({ topic: undefined, bytes: item.bytes }, registry);
    if (entry.kind !== 'verified') {
      imported.refused += 1;
      imported.reasons[entry.reason] = (imported.reasons[entry.reason] ?? 0) + 1;
    }
    batch.push(entry);
    if (entry.kind === 'verified' && entry.newKey !== undefined) {
      // What follows is signed by the new key.
      await commit();
      registry.addKey(entry.agentId, entry.newKey);
    }
    if (batch.length >= BATCH_MESSAGES) await commit();
  }
  if (batch.length > 0) await commit();
  return imported;
}

/** The records of a file, piece by piece. Throws OperatorFault when it can't be read. */
export async function* readArchive(path: string) {
  const reader = new ArchiveReader();
  try {
    for await (const piece of createReadStream(path)) yield* reader.push(piece);
  } catch (cause) {
    throw new OperatorFault({
      code: 'HUB_ARCHIVE_UNREADABLE',
      problem: `The archive "${path}" can't be read.`,
      remedy: 'Check the path, and whether the stick is still there.',
      cause,
    });
  }
  yield* reader.end();
}

/**
 * Receipts of the last time may lie on the stick: newer ones take their place. To be called before
 * an import, so that nothing is stored whose receipts can't be written. Throws OperatorFault.
 */
export function checkReceiptsPlace(path: string): void {
  if (!existsSync(path)) return;
  const items = [...new ArchiveReader().push(readFileSync(path))];
  const [first] = items;
  const isOfHub = first?.kind === 'begins' && first.writer === 'hub';
  if (isOfHub && !items.some(({ kind }) => kind === 'message')) return;
  throw new OperatorFault({
    code: 'HUB_ARCHIVE_NOT_WRITTEN',
    problem: `"${path}" is there already, and is no file of receipts; nothing was imported.`,
    remedy: 'Give the name of a new file with --receipts, such as receipts.ftar on the stick.',
  });
}

/** Latest receipts as an archive, to be carried back to the site; in place of older ones. */
export function writeReceipts(
  path: string,
  receipts: Iterable<Receipt>,
  signer: Signer,
  clock: Clock,
  advisories: readonly Uint8Array[] = [],
): void {
  const part = `${path}.part`;
  const writer = createWriter(part, 'w');
  writer.write({ kind: 'begins', writer: 'hub', writtenAtMs: clock.wallMs() });
  writer.write({ kind: 'key', key: keyOf('receipt', signer) });
  for (const bytes of advisories) writer.write({ kind: 'advisory', bytes });
  for (const receipt of receipts) {
    writer.write({ kind: 'receipt', bytes: sealReceipt(signer, receipt) });
  }
  writer.close();
  renameSync(part, path);
}

function keyOf(role: 'receipt', { signerId, keyNumber, algorithm, publicKey }: Signer) {
  const publicKeyHex = Buffer.from(publicKey).toString('hex');
  return { role, signerId, keyNumber, algorithm, publicKeyHex };
}

function createWriter(path: string, flag?: 'wx' | 'w'): ArchiveWriter {
  try {
    return new ArchiveWriter(path, flag);
  } catch (cause) {
    throw new OperatorFault({
      code: 'HUB_ARCHIVE_NOT_WRITTEN',
      problem: `The archive "${path}" can't be made (it may be there already).`,
      remedy: 'Give the name of a new file in a folder that this user may write.',
      cause,
    });
  }
}
