/** `fieldtap-hub export` and `import`: the store as a file, and files from sites without a link. */
import { join } from 'node:path';
import { SystemClock } from '../../agent/platform/clock.ts';
import { openLog } from '../../agent/platform/log.ts';
import { escapeText } from '../../agent/platform/wire-text.ts';
import type { Receipt } from '../../protocols/uplink/messages.ts';
import { ADVISORIES_FOLDER, currentAdvisories } from '../advise.ts';
import { AgentRegistry } from '../agent-registry.ts';
import {
  checkReceiptsPlace,
  exportArchive,
  importArchive,
  writeReceipts,
} from '../archive-file.ts';
import { loadHubConfig } from '../config.ts';
import { openStore } from '../open-store.ts';
import { openReader } from '../reader.ts';
import { openReceiptSigner } from '../receipt-key.ts';

export interface ArchiveOptions {
  readonly config: string;
  readonly json: boolean;
}

export async function exportStore(
  path: string,
  options: ArchiveOptions & { readonly agent?: string },
): Promise<void> {
  const config = loadHubConfig(options.config);
  const signer = openReceiptSigner(config.keys);
  const reader = await openReader(config.database);
  const clock = new SystemClock();
  const messages = await exportArchive(path, reader, config, signer, clock, options.agent).finally(
    () => reader.close(),
  );
  const text = options.json
    ? JSON.stringify({ file: path, messages })
    : escapeText(`${path}: ${messages} messages; check it with "fieldtap verify"`);
  process.stdout.write(`${text}\n`);
}

/** Answers the exit code: 1 when anything of the file was refused or damaged. */
export async function importFile(
  path: string,
  options: ArchiveOptions & { readonly receipts?: string },
): Promise<number> {
  const config = loadHubConfig(options.config);
  if (options.receipts !== undefined) checkReceiptsPlace(options.receipts);
  const clock = new SystemClock();
  const log = await openLog(config.logLevel);
  const store = await openStore(config.database);
  const latest = new Map<string, Receipt>();
  const registry = new AgentRegistry(config.agents, clock, log);
  const imported = await importArchive(path, store, registry, clock, (receipt) => {
    latest.set(`${receipt.agentId}/${receipt.epoch}/${receipt.stream}`, receipt);
  }).finally(() => store.close());
  if (options.receipts !== undefined) {
    const signer = openReceiptSigner(config.keys);
    const advisories = currentAdvisories(join(config.keys, ADVISORIES_FOLDER), clock.wallMs());
    writeReceipts(options.receipts, latest.values(), signer, clock, advisories);
  }
  const { messages, stored, duplicates, refused, forked, damaged, reasons } = imported;
  const why = Object.entries(reasons).map(([reason, count]) => `${count} ${reason}`);
  const text = options.json
    ? JSON.stringify({ file: path, ...imported })
    : escapeText(
        `${path}: ${messages} messages, ${stored} new, ${duplicates} known already, ` +
          `${forked} forked, ${refused} refused${why.length > 0 ? ` (${why.join(', ')})` : ''}` +
          `${damaged > 0 ? `, ${damaged} damaged places` : ''}`,
      );
  process.stdout.write(`${text}\n`);
  return refused + forked + damaged > 0 ? 1 : 0;
}
