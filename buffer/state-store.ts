/**
 * What the sensor knows of its plant, kept through restarts: the newest row of each kind and key,
 * packed and with a checksum; and apart from it what the engineer says about a device.
 */
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Database, Statement } from 'better-sqlite3';
import type { StateRow } from '../protocols/interval-report.ts';
import { firstIdOf, messageId } from './message-id.ts';

/** Rows kept; beyond it those that were saved longest ago go. */
export const STATE_ROWS_KEPT_MAX = 65_536;
/** Devices with a name or a note. */
export const ASSET_NOTES_MAX = 10_240;
const NAME_CHARACTERS_MAX = 64;
const NOTE_CHARACTERS_MAX = 1024;
const BODY_BYTES_MAX = 4 * 1024 * 1024;
/**
 * Hundreds of short rows a second may change: so packed, each takes 33 kB for a moment instead of
 * 280, 40 % less CPU, and has the same bytes.
 */
const SHORT_CHARACTERS = 4096;
const SHORT = { windowBits: 12, memLevel: 5, chunkSize: 1024 };
/** How often, in saved deltas, the number of rows is looked at. */
const PRUNE_EVERY = 64;

const KINDS: readonly StateRow['kind'][] = [
  'asset',
  'macAddress',
  'conversation',
  'registers',
  'node',
];

/** Of what is to be told to the hub; it lies in the same table and is no knowledge. */
const NEWS = 'assetNews';

/** `body` undefined: nothing is to be told under that key any more. */
export interface NewsRow {
  readonly key: string;
  readonly version: number;
  readonly body: string | undefined;
}

/**
 * `settled`: the hub has it, or its loss was told otherwise. `lost`: refused by the hub, or given
 * up for want of room.
 */
export type MessageFate = 'pending' | 'settled' | 'lost';

/** By the engineer, never from the wire. */
export interface AssetNote {
  readonly assetId: string;
  readonly name?: string;
  readonly note?: string;
  readonly changedMs: number;
}

interface SavedRow {
  id: number;
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
  readonly #drop: Statement<[string, string]>;
  readonly #ordinal: Statement<[number], number>;
  readonly #isPending: Statement<[number], number>;
  readonly #isRefused: Statement<[number], number>;
  readonly #isBuried: Statement<[number, number, number, number], number>;
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
    this.#drop = database.prepare('DELETE FROM state WHERE kind = ? AND key = ?');
    this.#ordinal = database
      .prepare<[number], number>('SELECT ordinal FROM epoch WHERE epoch = ?')
      .pluck();
    this.#isPending = database
      .prepare<[number], number>('SELECT 1 FROM outbox WHERE id = ?')
      .pluck();
    this.#isRefused = database
      .prepare<[number], number>('SELECT 1 FROM refused WHERE id = ?')
      .pluck();
    this.#isBuried = database
      .prepare<[number, number, number, number], number>(
        `SELECT 1 FROM tombstone WHERE id BETWEEN ? AND ? AND epochOf = ?
           AND ? BETWEEN firstSequence AND lastSequence`,
      )
      .pluck();
  }

  /** One transaction. Without room, the state of before stays. `news`: what goes with it. */
  save(rows: readonly StateRow[], news: readonly NewsRow[] = []): void {
    if (!this.#hasRoom()) {
      this.refusedCount += rows.length;
      return;
    }
    this.#database.transaction(() => {
      for (const row of rows) this.#put(row);
      this.putNews(news);
      if (this.#savesCount++ % PRUNE_EVERY === 0) this.#prune();
    })();
  }

  rows(): readonly StateRow[] {
    return readState(this.#database).rows;
  }

  /** The same in batches; `lastId` is undefined once there is nothing more. */
  page(
    afterId: number,
    rowsMax: number,
  ): { readonly rows: readonly StateRow[]; readonly lastId: number | undefined } {
    return readState(this.#database, afterId, rowsMax);
  }

  /** What was put last under each key, in the order in which the keys came. */
  news(): readonly NewsRow[] {
    const saved = this.#database.prepare<[string], SavedRow>(
      'SELECT id, kind, key, version, crc32, body FROM state WHERE kind = ? ORDER BY id',
    );
    return saved.all(NEWS).flatMap((row) => {
      const body = bodyOf(row);
      return body === undefined ? [] : [{ key: row.key, version: row.version, body }];
    });
  }

  /** Without asking for room, so that it may be called while a message is signed. */
  putNews(news: readonly NewsRow[]): void {
    for (const { key, version, body } of news) {
      if (body === undefined) this.#drop.run(NEWS, key);
      else this.#put({ kind: NEWS, key, version, body });
    }
  }

  /** What has become of a signed message. */
  fateOf(epoch: number, stream: number, sequence: number): MessageFate {
    const ordinal = this.#ordinal.get(epoch);
    if (ordinal === undefined) return 'settled';
    const id = messageId(stream, ordinal, sequence);
    if (this.#isPending.get(id) !== undefined) return 'pending';
    if (this.#isRefused.get(id) !== undefined) return 'lost';
    const [from, to] = [firstIdOf(stream), firstIdOf(stream + 1)];
    return this.#isBuried.get(from, to, epoch, sequence) === undefined ? 'settled' : 'lost';
  }

  #put({ kind, key, version, body }: { kind: string; key: string; version: number; body: string }) {
    const packed = deflateRawSync(body, body.length <= SHORT_CHARACTERS ? SHORT : {});
    this.#save.run(kind, key, version, crc32(packed), packed);
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
           (SELECT id FROM state WHERE kind <> '${NEWS}' ORDER BY id
            LIMIT max(0, (SELECT count(*) FROM state) - ?))`,
      )
      .run(STATE_ROWS_KEPT_MAX);
  }
}

/** Rows after that id, or all; damaged ones are left out and counted. */
export function readState(
  database: Database,
  afterId = 0,
  rowsMax = STATE_ROWS_KEPT_MAX,
): {
  readonly rows: readonly StateRow[];
  readonly rowsDamaged: number;
  readonly lastId: number | undefined;
} {
  if (!hasTable(database, 'state')) return { rows: [], rowsDamaged: 0, lastId: undefined };
  const rows: StateRow[] = [];
  let rowsDamaged = 0;
  let lastId: number | undefined;
  const saved = database.prepare<[number, string, number], SavedRow>(
    `SELECT id, kind, key, version, crc32, body FROM state WHERE id > ? AND kind <> ?
     ORDER BY id LIMIT ?`,
  );
  for (const row of saved.iterate(afterId, NEWS, rowsMax)) {
    const kind = KINDS.find((each) => each === row.kind);
    const body = bodyOf(row);
    if (kind === undefined || body === undefined) rowsDamaged++;
    else rows.push({ kind, key: row.key, version: row.version, body });
    lastId = row.id;
  }
  return { rows, rowsDamaged, lastId };
}

/** Undefined where the row is damaged. */
function bodyOf({ crc32: expected, body }: SavedRow): string | undefined {
  return expected === crc32(body) ? inflated(body) : undefined;
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
