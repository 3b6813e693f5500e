/**
 * What waits to be told of the devices, as rows of the buffer and back. The rows have a version;
 * another one, or one that makes no sense, is given up.
 */
import type { NewsRow } from '../buffer/state-store.ts';
import type { AssetChange as ReportedChange } from '../protocols/interval-report.ts';
import type { AssetChange } from '../protocols/uplink/messages.ts';
import { isObject, itemsOf, numberOr, textOf } from './observe/state-check.ts';
import type { MessagePlace } from './uplink/asset-changes.ts';

/** Facts of a device that wait; more than a device has (asset-facts.ts), roles included. */
export const FACTS_KEPT_MAX = 48;
/** Of the form of the rows. */
const NEWS_VERSION = 1;
const DEVICE = 'device ';
const MESSAGE = 'message ';
/** Changes of one message (docs/wire-format.cddl). */
const CHANGES_MAX = 64;

/** A signed message that the hub may not have yet. */
export interface UnderWay extends MessagePlace {
  readonly changes: readonly AssetChange[];
}

export interface SavedNews {
  readonly waiting: readonly AssetChange[];
  /** Oldest first. */
  readonly underWay: readonly UnderWay[];
  /** Takes the rows away that can't be read. */
  readonly useless: readonly NewsRow[];
}

/** A change in the words of the wire format, still in clear. */
export function changeOf(reported: ReportedChange, assetId: string): AssetChange {
  const { change, address, unitId, lastSeenUs, roles, facts } = reported;
  return {
    assetId,
    change,
    address,
    ...(unitId !== undefined && { unitId }),
    lastSeenUs,
    facts: [
      ...roles.map((value) => ({ fact: 'role', value })),
      ...facts.map(({ name, value }) => ({ fact: name, value: String(value) })),
    ],
  };
}

/** `change` undefined: nothing of the device waits any more. */
export function rowOfWaiting(assetId: string, change: AssetChange | undefined): NewsRow {
  const body = change === undefined ? undefined : JSON.stringify(change);
  return { key: `${DEVICE}${assetId}`, version: NEWS_VERSION, body };
}

/** Without changes: the message is settled. */
export function rowOfMessage(place: MessagePlace, changes: readonly AssetChange[]): NewsRow {
  const body = changes.length === 0 ? undefined : JSON.stringify({ ...place, changes });
  return { key: MESSAGE + keyOfMessage(place), version: NEWS_VERSION, body };
}

export function keyOfMessage({ epoch, sequence }: MessagePlace): string {
  return `${epoch} ${sequence}`;
}

export function savedNews(rows: readonly NewsRow[]): SavedNews {
  const waiting: AssetChange[] = [];
  const underWay: UnderWay[] = [];
  const useless: NewsRow[] = [];
  for (const row of rows) {
    const saved = row.version === NEWS_VERSION ? parsed(row.body) : undefined;
    const change = row.key.startsWith(DEVICE) ? savedChange(saved) : undefined;
    const message = row.key.startsWith(MESSAGE) ? savedMessage(saved) : undefined;
    if (change !== undefined) waiting.push(change);
    else if (message !== undefined) underWay.push(message);
    else useless.push({ ...row, body: undefined });
  }
  return { waiting, underWay, useless };
}

function parsed(body: string | undefined): unknown {
  try {
    return JSON.parse(body ?? '');
  } catch {
    return undefined;
  }
}

function savedMessage(saved: unknown): UnderWay | undefined {
  if (!isObject(saved)) return undefined;
  const epoch = numberOr(saved.epoch, -1);
  const sequence = numberOr(saved.sequence, -1);
  if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(sequence)) return undefined;
  if (epoch < 0 || sequence < 1) return undefined;
  const changes = itemsOf(saved.changes, CHANGES_MAX).flatMap((each) => savedChange(each) ?? []);
  return changes.length === 0 ? undefined : { epoch, sequence, changes };
}

function savedChange(saved: unknown): AssetChange | undefined {
  if (!isObject(saved)) return undefined;
  const assetId = textOf(saved.assetId);
  const address = textOf(saved.address);
  const { change, unitId, lastSeenUs } = saved;
  if (assetId === undefined || (change !== 'new' && change !== 'changed')) return undefined;
  if (typeof lastSeenUs !== 'number') return undefined;
  return {
    assetId,
    change,
    ...(address !== undefined && { address }),
    ...(typeof unitId === 'number' && { unitId }),
    lastSeenUs,
    facts: itemsOf(saved.facts, FACTS_KEPT_MAX).flatMap((each) => {
      const fact = isObject(each) ? textOf(each.fact) : undefined;
      const value = isObject(each) ? textOf(each.value, 1024) : undefined;
      return fact === undefined || value === undefined ? [] : [{ fact, value }];
    }),
  };
}
