/** Disk and buffer: full, slow, worn, damaged, and how long what waits still has room. */
import type { BufferStatus } from '../agent-status.ts';
import { type Finding, fault, good, unknown, warning } from '../check.ts';
import type { DiskFacts, DoctorFacts } from '../doctor-facts.ts';

const MIB = 2 ** 20;
const DAY_MS = 86_400_000;
/** One commit a second must fit with ease. */
const SYNC_MS_MAX = 250;
const WORN_PERCENT = 90;
/** Flash of a gateway stands about this share of its size a day for ten years. */
const WRITTEN_SHARE_MAX = 0.1;
const QUOTA_MIB_MIN = 16;
const QUOTA_SHARE_MAX = 0.9;
/** SQLite's log beside the database counts against the quota: the database stops short of it. */
const QUOTA_BYTES_SPARE = 4 * MIB;
const DAYS_LEFT_MIN = 7;
const NEW_EPOCH_DAYS = 7;
/** A younger agent has not written for long enough to say anything about a day. */
const UPTIME_SECONDS_MIN = 600;

/** To this user; the agent's own user may look in. */
const CLOSED = "the folder is another user's";

export function bufferChecks(facts: DoctorFacts): Finding[] {
  const { disk, status, wanted } = facts;
  if (wanted === undefined) return [];
  const buffer = status?.buffer ?? facts.buffer;
  return [
    ...(disk === undefined ? [unknown('disk', 'not looked at')] : diskChecks(disk, facts)),
    ...stateChecks(buffer, disk, facts.clock.wallMs),
    ...(buffer === undefined ? [] : [roomCheck(buffer, disk, facts.clock.wallMs)]),
  ];
}

function diskChecks(disk: DiskFacts, { status, wanted, buffer: kept }: DoctorFacts): Finding[] {
  const freeMiB = Math.floor(disk.freeBytes / MIB);
  const isForeign = disk.isOfOther === true;
  if (isForeign && disk.totalBytes === 0) return [unknown('disk', CLOSED)];
  if (disk.error !== undefined || (!disk.isWritable && !isForeign && status === undefined)) {
    const detail = disk.error ?? 'this user may not write there';
    return [
      fault('disk', detail, {
        cause: `The folder of the buffer "${disk.folder}" can't be written (${detail}).`,
        remedy:
          disk.error === 'EROFS'
            ? 'The disk is mounted read-only, often after errors: see dmesg; remount or replace.'
            : 'Make the folder of buffer.path and give it to the user of the agent.',
      }),
    ];
  }
  const used = (status?.buffer ?? kept)?.databaseBytes ?? 0;
  const quota = wanted?.quotaBytes ?? 0;
  if (freeMiB === 0) {
    return [
      fault('disk', '0 MiB free', {
        cause: `The disk of "${disk.folder}" is full.`,
        remedy: 'Free space (old logs, old captures); recording resumes by itself.',
      }),
    ];
  }
  const findings: Finding[] = [];
  if (disk.freeBytes + used < quota) {
    findings.push(
      warning('disk', `${freeMiB} MiB free`, {
        cause: 'The disk is smaller than the quota of the buffer: it fills before the quota.',
        remedy: `Lower buffer.quotaMiB to ${quotaThatFits(disk.freeBytes + used)}, or free space.`,
      }),
    );
  } else {
    const note = disk.isNotMade === true ? '; the first start makes the folder' : '';
    findings.push(good('disk', `${freeMiB} MiB free${note}`));
  }
  const buffer = status?.buffer ?? kept;
  return [...findings, ...speedChecks(disk), ...wearChecks(disk, buffer, status?.uptimeSeconds)];
}

/** Nine tenths of what there is; the least that the configuration takes. */
function quotaThatFits(bytes: number): number {
  return Math.max(QUOTA_MIB_MIN, Math.floor((bytes / MIB) * 0.9));
}

function speedChecks({ syncMs }: DiskFacts): Finding[] {
  if (syncMs === undefined) return [];
  const figure = `${Math.round(syncMs)} ms for a safe write`;
  if (syncMs <= SYNC_MS_MAX) return [good('disk:speed', figure)];
  return [
    warning('disk:speed', figure, {
      cause: 'The storage takes long to keep a write safe; under load observations are folded.',
      remedy: 'Look what else writes on it (iotop); a worn or cheap card is slow: replace it.',
    }),
  ];
}

function wearChecks(
  disk: DiskFacts,
  buffer: BufferStatus | undefined,
  uptimeSeconds: number | undefined,
): Finding[] {
  const perDay = bytesPerDay(buffer, uptimeSeconds);
  const figures = [
    ...(perDay === undefined ? [] : [`${(perDay / MIB).toFixed(1)} MiB written a day`]),
    ...(disk.lifeUsedPercent === undefined ? [] : [`${disk.lifeUsedPercent} % of its life used`]),
  ];
  if (figures.length === 0) return [];
  const figure = figures.join(', ');
  if ((disk.lifeUsedPercent ?? 0) >= WORN_PERCENT) {
    return [
      fault('disk:wear', figure, {
        cause: 'The flash storage says of itself that its life is nearly over.',
        remedy: 'Replace the storage of the gateway soon; what is in the buffer goes to the hub.',
      }),
    ];
  }
  if (perDay !== undefined && perDay > disk.totalBytes * WRITTEN_SHARE_MAX) {
    return [
      warning('disk:wear', figure, {
        cause: 'The agent writes more a day than small flash storage stands for years.',
        remedy: 'See "fieldtap top" for what is so busy; raise uplink.summaryIntervalMs.',
      }),
    ];
  }
  return [good('disk:wear', figure)];
}

/** The whole day before says most; where there is none, what the agent wrote since its start. */
function bytesPerDay(buffer: BufferStatus | undefined, uptimeSeconds = 0): number | undefined {
  const { bytesWritten, bytesWrittenYesterday = 0 } = buffer ?? {};
  if (bytesWrittenYesterday > 0) return bytesWrittenYesterday;
  if (bytesWritten === undefined || uptimeSeconds < UPTIME_SECONDS_MIN) return undefined;
  return (bytesWritten / uptimeSeconds) * 86_400;
}

function stateChecks(
  buffer: BufferStatus | undefined,
  disk: DiskFacts | undefined,
  wallMs: number,
): Finding[] {
  if (buffer?.fault !== undefined) {
    const { code, problem, remedy } = buffer.fault;
    return [fault('buffer', code, { cause: problem, remedy, dependsOn: ['disk'] })];
  }
  const aside = buffer?.quarantinedPath ?? disk?.setAside.at(-1);
  if (aside !== undefined) {
    return [
      warning('buffer', 'a damaged one was set aside', {
        cause: `The buffer was damaged and set aside as "${aside}"; a new epoch began.`,
        remedy: 'Keep the file until the hub has what was lost; then delete it. Check the disk.',
      }),
    ];
  }
  if (buffer === undefined) {
    const why = disk?.isOfOther === true ? CLOSED : 'no buffer yet';
    return [unknown('buffer', why, ['disk', 'agent'])];
  }
  const { epochReason, epochBeganMs } = buffer;
  const isNew = epochBeganMs !== undefined && wallMs - epochBeganMs < NEW_EPOCH_DAYS * DAY_MS;
  if (isNew && epochReason !== undefined && epochReason !== 'new') {
    const why = EPOCH_REASONS.get(epochReason) ?? epochReason;
    return [
      warning('buffer', `new epoch: ${epochReason}`, {
        cause: `A new epoch of messages began ${new Date(epochBeganMs).toISOString()}: ${why}.`,
        remedy: 'Nothing, if that was you. Else ask who restored or copied this gateway.',
      }),
    ];
  }
  return [good('buffer', `${(buffer.databaseBytes / MIB).toFixed(1)} MiB`)];
}

const EPOCH_REASONS = new Map([
  ['quarantined', 'the database was damaged and set aside'],
  ['restored', 'the disk was restored from an older image'],
  ['factoryReset', 'the gateway was reset'],
]);

function roomCheck(buffer: BufferStatus, disk: DiskFacts | undefined, wallMs: number): Finding {
  const { databaseBytes, quotaBytes, outboxBytes = 0, oldestPendingMs } = buffer;
  const quotaRoom = quotaBytes - QUOTA_BYTES_SPARE - databaseBytes;
  const roomBytes = Math.min(quotaRoom, disk?.freeBytes ?? quotaBytes);
  const waitedMs = oldestPendingMs === undefined ? 0 : wallMs - oldestPendingMs;
  // Younger backlogs say nothing about a day.
  const days =
    waitedMs < DAY_MS / 24 || outboxBytes === 0
      ? undefined
      : Math.max(0, roomBytes) / ((outboxBytes / waitedMs) * DAY_MS);
  const share = Math.round((databaseBytes / Math.max(1, quotaBytes)) * 100);
  const left = days === undefined ? '' : `, ${Math.floor(days)} days until full at this rate`;
  const figure = `${share} % of the quota${left}`;
  if (roomBytes <= 0 || databaseBytes / quotaBytes >= QUOTA_SHARE_MAX) {
    return warning('quota', figure, {
      cause: 'The quota of the buffer is (nearly) reached: the oldest evidence makes room first.',
      remedy: 'Bring the uplink back, take the data away by "fieldtap export", or raise the quota.',
      dependsOn: ['disk', 'uplink:'],
    });
  }
  if (days !== undefined && days < DAYS_LEFT_MIN) {
    return warning('quota', figure, {
      cause: `What waits for the hub fills the buffer in about ${Math.ceil(days)} days.`,
      remedy: 'Bring the uplink back, or take the data away by "fieldtap export".',
      dependsOn: ['disk', 'uplink:'],
    });
  }
  return good('quota', figure);
}
