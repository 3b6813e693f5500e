/** Faults of the database on the disk (docs/faults.md, "Buffer"). */
import type { FaultArea } from './fault-area.ts';

// biome-ignore format: one fault per line
export const BUFFER_FAULTS: FaultArea = {
  title: 'Buffer',
  faults: [
    { code: 'BUFFER_DISK_FULL', problem: 'the disk is full', remedy: 'free space; capture goes on and recording resumes by itself' },
    { code: 'BUFFER_READ_ONLY', problem: 'the file system is read-only', remedy: 'look for disk errors in the kernel log, remount it writable' },
    { code: 'BUFFER_DISK_ERROR', problem: 'the disk failed to read or write', remedy: 'look in the kernel log; replace the storage if it repeats' },
    { code: 'BUFFER_DAMAGED', problem: 'the file is damaged; it is set aside, a new epoch begins, and what is readable is salvaged', remedy: 'look in the kernel log; replace the storage if it repeats' },
    { code: 'BUFFER_BUSY', problem: "another process holds the file's lock", remedy: 'close it; recording resumes by itself' },
    { code: 'BUFFER_UNOPENABLE', problem: "the file can't be opened or created", remedy: 'check the folder of `buffer.path` and its owner' },
    { code: 'BUFFER_IN_USE', problem: 'another agent writes this buffer', remedy: 'stop it, or give this one its own path' },
    { code: 'BUFFER_SCHEMA_NEWER', problem: 'written by a later version', remedy: 'install that version, or move the file away' },
    { code: 'BUFFER_QUOTA_REACHED', problem: '`buffer.quotaMiB` is reached; what waits is named', remedy: 'restore the uplink, or raise the quota' },
    { code: 'BUFFER_MISSING', problem: 'there is no buffer at this path', remedy: 'check `buffer.path`; `fieldtap run` makes it' },
  ],
};
