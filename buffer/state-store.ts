/**
 * What the sensor knows of its plant, kept through restarts: the newest row of each kind and key,
 * packed and with a checksum; and apart from it what the engineer says about a device.
 */
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Database, Statement } from 'better-sqlite3';
import type { StateRow } from '../protocols/interval-report.ts';

/** Rows kept; beyond it those that were saved longest ago go. */
export const STATE_ROWS_KEPT_MAX = 65_536;
/** Devices with a name or a note. */
export const ASSET_NOTES_MAX = 10_240;
const NAME_CHARACTERS_MAX = 64;
const NOTE_CHARACTERS_MAX = 1024;
const BODY_BYTES_MAX = 4 * 1024 * 1024;
/** How often, in saved deltas, the number of rows is looked at. */
const PRUNE_EVERY = 64;

const KINDS: readonly StateRow['kind'][] = [
  'asset',
  'macAddress',
  'conversation',
  'registers',
  'node',
];

/** By the engineer, never from the wire. */
export interface AssetNote {
  readonly assetId: string;
  readonly name?: string;
  readonly note?: string;
  readonly changedMs: number;
}

interface SavedRow {
  kind: string;
  key: string;
  version: number;
  crc32: number;
  body: Uint8Array;
}

export class StateStore {
  readonly #database: Database;
  readonly #hasRoom: () => boolean;
  readonly #save: Statement<(number | string | Uint8Array)[]>;
  #savesCount = 0;
  /** Rows that were not saved, because the quota was reached. */
  refusedCount = 0;

  /** `hasRoom` makes room within the quota and answers whether there is some. */
  constructor(database: Database, hasRoom: () => boolean) {
    this.#database = database;
    this.#hasRoom = hasRoom;
    this.#save = database.prepare(
      `INSERT INTO state (kind, key, version, crc32, body) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (kind, key) DO UPDATE SET
         version = excluded.version, crc32 = excluded.crc32, body = excluded.body`,
    );
  }

  /** One transaction. Without room, the state of before stays. */
  save(rows: readonly StateRow[]): void {
    if (!this.#hasRoom()) {
      this.refusedCount += rows.length;
      return;
    }
    this.#database.transaction(() => {
      for (const { kind, key, version, body } of rows) {
        const packed = deflateRawSync(body);
        this.#save.run(kind, key, version, crc32(packed), packed);
      }
      if (this.#savesCount++ % PRUNE_EVERY === 0) this.#prune();
    })();
  }

  rows(): readonly StateRow[] {
    return readState(this.#database).rows;
  }

  notes(): readonly AssetNote[] {
    return readNotes(this.#database);
  }

  /** An empty name and an empty note take the row away. False: there are too many. */
  setNote({ assetId, name, note, changedMs }: AssetNote): boolean {
    if ((name ?? '') === '' && (note ?? '') === '') {
      this.#database.prepare('DELETE FROM asset_note WHERE assetId = ?').run(assetId);
      return true;
    }
    const { changes } = this.#database
      .prepare(
        `INSERT INTO asset_note (assetId, name, note, changedMs)
         SELECT ?, ?, ?, ? WHERE (SELECT count(*) FROM asset_note) < ?
         ON CONFLICT (assetId) DO UPDATE SET
           name = excluded.name, note = excluded.note, changedMs = excluded.changedMs`,
      )
      .run(
        assetId,
        name?.slice(0, NAME_CHARACTERS_MAX) ?? null,
        note?.slice(0, NOTE_CHARACTERS_MAX) ?? null,
        changedMs,
        ASSET_NOTES_MAX,
      );
    return changes > 0;
  }

  #prune(): void {
    this.#database
      .prepare(
        `DELETE FROM state WHERE id IN
           (SELECT id FROM state ORDER BY id
            LIMIT max(0, (SELECT count(*) FROM state) - ?))`,
      )
      .run(STATE_ROWS_KEPT_MAX);
  }
}

/** All rows; damaged ones are left out and counted. */
export function readState(database: Database): {
  readonly rows: readonly StateRow[];
  readonly rowsDamaged: number;
} {
  if (!hasTable(database, 'state')) return { rows: [], rowsDamaged: 0 };
  const rows: StateRow[] = [];
  let rowsDamaged = 0;
  const saved = database.prepare<[], SavedRow>('SELECT kind, key, version, crc32, body FROM state');
  for (const { kind: name, key, version, crc32: expected, body } of saved.iterate()) {
    const kind = KINDS.find((each) => each === name);
    const text = expected === crc32(body) ? inflated(body) : undefined;
    if (kind === undefined || text === undefined) rowsDamaged++;
    else rows.push({ kind, key, version, body: text });
  }
  return { rows, rowsDamaged };
}

export function readNotes(database: Database): readonly AssetNote[] {
  if (!hasTable(database, 'asset_note')) return [];
  const rows = database.prepare<
    [],
    { assetId: string; name: string | null; note: string | null; changedMs: number }
  >('SELECT assetId, name, note, changedMs FROM asset_note ORDER BY assetId');
  return rows.all().map(({ assetId, name, note, changedMs }) => ({
    assetId,
    ...(name !== null && { name }),
    ...(note !== null && { note }),
    changedMs,
  }));
}

/** A file that an older version wrote, and that is only read now, has none. */
function hasTable(database: Database, name: string): boolean {
  const found = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?");
  return found.get(name) !== undefined;
}

function inflated(body: Uint8Array): string | undefined {
  try {
    return inflateRawSync(body, { maxOutputLength: BODY_BYTES_MAX }).toString('utf8');
  } catch {
    return undefined;
  }
}
