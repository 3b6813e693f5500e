/**
 * What can go wrong with the buffer's disk, as faults an operator can act on. A full or read-only
 * disk is an expected state of the world: callers get the fault as a result and keep capturing.
 */
import { OperatorFault } from '../agent/platform/operator-fault.ts';

/** Codes of SQLite, reduced to the treatments that differ. */
export type BufferTrouble = 'full' | 'readOnly' | 'input' | 'damaged' | 'busy' | 'unopenable';

/** A result that could not be had; the buffer stays usable and tries again. */
export interface BufferFailure {
  readonly kind: 'fault';
  readonly fault: OperatorFault;
}

/** What our own checks find, as the same trouble as SQLite's. */
export class DamagedDatabase extends Error {
  readonly code = 'SQLITE_CORRUPT';
}

/** Which trouble an error of SQLite or of the file system is; undefined: a bug of ours. */
export function troubleOf(error: unknown): BufferTrouble | undefined {
  const code = codeOf(error);
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT') return 'full';
  if (code.startsWith('SQLITE_READONLY') || code === 'EROFS') return 'readOnly';
  if (code.startsWith('SQLITE_IOERR') || code === 'EIO') return 'input';
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') return 'damaged';
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) return 'busy';
  if (code.startsWith('SQLITE_CANTOPEN') || code.startsWith('SQLITE_PERM')) return 'unopenable';
  if (code === 'EACCES' || code === 'EPERM' || code === 'ENOENT' || code === 'ENOTDIR') {
    return 'unopenable';
  }
  return undefined;
}

/** The fault to show for an error; rethrows what is not the disk's doing. */
export function bufferFault(error: unknown, path: string): OperatorFault {
  if (error instanceof OperatorFault) return error;
  const trouble = troubleOf(error);
  if (trouble === undefined) throw error;
  const { code, problem, remedy } = TEXTS[trouble];
  return new OperatorFault({
    code,
    problem: `The buffer "${path}" ${problem} (${codeOf(error)}).`,
    remedy,
    cause: error,
  });
}

export function quotaFault(path: string, what: string): OperatorFault {
  return new OperatorFault({
    code: 'BUFFER_QUOTA_REACHED',
    problem: `The buffer "${path}" has reached buffer.quotaMiB: ${what}.`,
    remedy: 'Restore the uplink so that the outbox drains, or raise buffer.quotaMiB.',
  });
}

export function inUseFault(path: string, cause: unknown): OperatorFault {
  return new OperatorFault({
    code: 'BUFFER_IN_USE',
    problem: `The buffer "${path}" is written by another process; two writers would fork it.`,
    remedy: 'Stop the other agent ("systemctl stop fieldtap"), or give this one its own path.',
    cause,
  });
}

export function newerSchemaFault(path: string, found: number, known: number): OperatorFault {
  return new OperatorFault({
    code: 'BUFFER_SCHEMA_NEWER',
    problem: `The buffer "${path}" has schema ${found}; this version knows up to ${known}.`,
    remedy: 'Install the newer version again, or move the file away to begin a new buffer.',
  });
}

const TEXTS = {
  full: {
    code: 'BUFFER_DISK_FULL',
    problem: 'could not be written: the disk is full',
    remedy: 'Free space on that file system; capture goes on and recording resumes by itself.',
  },
  readOnly: {
    code: 'BUFFER_READ_ONLY',
    problem: 'could not be written: the file system is read-only',
    remedy: 'Look for disk errors in the kernel log, then remount it writable.',
  },
  input: {
    code: 'BUFFER_DISK_ERROR',
    problem: 'met an input/output error of the disk',
    remedy: 'Look for disk errors in the kernel log; replace the storage if they repeat.',
  },
  damaged: {
    code: 'BUFFER_DAMAGED',
    problem: 'is damaged',
    remedy: 'It is set aside and salvaged by itself; look for disk errors in the kernel log.',
  },
  busy: {
    code: 'BUFFER_BUSY',
    problem: 'is locked by another process',
    remedy: 'Close other programs that read the file; recording resumes by itself.',
  },
  unopenable: {
    code: 'BUFFER_UNOPENABLE',
    problem: 'cannot be opened or created',
    remedy: 'Check that the folder of buffer.path exists and belongs to the agent.',
  },
} as const satisfies Record<BufferTrouble, { code: string; problem: string; remedy: string }>;

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
