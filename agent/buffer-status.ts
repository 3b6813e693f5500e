/** The buffer's part of the agent's status: figures, epoch, and what was refused and why. */
import { readFileSync } from 'node:fs';
import type { RefusedEntry } from '../buffer/outbox.ts';
import type { SiteBuffer } from '../buffer/site-buffer.ts';
import type { Config } from './config.ts';
import type { BufferStatus } from './diagnostics/agent-status.ts';

const MIB = 2 ** 20;
const REFUSED_LOOKED_AT = 20;

export function bufferStatus(
  buffer: SiteBuffer,
  { path, quotaMiB }: Config['buffer'],
): BufferStatus {
  const statistics = buffer.statistics();
  const { fault, lastQuarantinedPath } = buffer;
  const bytesWritten = bytesWrittenByUs();
  const isRefused = (statistics?.refusedMessages ?? 0) > 0;
  return {
    path,
    databaseBytes: statistics?.databaseBytes ?? 0,
    quotaBytes: quotaMiB * MIB,
    observationsStored: statistics?.observationsStored ?? 0,
    ...(statistics && {
      outboxMessages: statistics.outboxMessages,
      outboxBytes: statistics.outboxBytes,
      epoch: statistics.epoch,
      bytesWrittenToday: statistics.bytesWrittenToday,
      bytesWrittenYesterday: statistics.bytesWrittenYesterday,
      ...(statistics.oldestPendingMs !== undefined && {
        oldestPendingMs: statistics.oldestPendingMs,
      }),
      ...(statistics.lastReceipt && { lastReceipt: statistics.lastReceipt }),
      ...(statistics.epochFacts && {
        epochReason: statistics.epochFacts.reason,
        epochBeganMs: statistics.epochFacts.beganMs,
      }),
    }),
    ...(lastQuarantinedPath !== undefined && { quarantinedPath: lastQuarantinedPath }),
    ...(bytesWritten !== undefined && { bytesWritten }),
    ...(isRefused && {
      refusedReasons: reasonsOf(buffer.refused(REFUSED_LOOKED_AT), statistics?.epoch),
    }),
    ...(fault && {
      fault: { code: fault.code, problem: fault.problem, remedy: fault.remedy },
    }),
  };
}

/** Each once. A revoked key is over with its epoch: another key begins another one. */
function reasonsOf(refused: readonly RefusedEntry[], currentEpoch: number | undefined): string[] {
  const told = refused.filter(
    ({ reason, epoch }) => reason !== 'revoked' || epoch === currentEpoch,
  );
  return [...new Set(told.map(({ reason }) => reason))];
}

/** What this process has handed to storage, as the kernel counts it (proc(5), io: write_bytes). */
function bytesWrittenByUs(): number | undefined {
  try {
    const text = readFileSync('/proc/self/io', 'utf8');
    const bytes = /^write_bytes: (\d+)$/m.exec(text)?.[1];
    return bytes === undefined ? undefined : Number(bytes);
  } catch {
    return undefined;
  }
}
