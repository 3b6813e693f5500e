/**
 * Gives a file whose first page is gone a new one. The schema is always made by the same steps, and
 * with `auto_vacuum` SQLite lays the roots of all tables at the beginning, in the order in which
 * they were made; so the first page of a new file of that schema fits. Only for salvage: the counts
 * in it are wrong.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { PAGE_BYTES } from './database.ts';
import { migrate } from './migrations.ts';

/** Database file format, section 1.3: size in pages, and the change counter it is valid for. */
const CHANGE_COUNTER = 24;
const SIZE_IN_PAGES = 28;
const FREELIST = 32;
const FREELIST_COUNT = 36;
const VALID_FOR = 92;

/** The old first page is kept in `PATH.page1`. `schema`: number of the last migration to assume. */
export function replacePageOne(path: string, schema: number): void {
  const template = templatePage(dirname(path), path, schema);
  const descriptor = openSync(path, 'r+');
  try {
    keepOldPage(descriptor, `${path}.page1`);
    const view = new DataView(template.buffer, template.byteOffset);
    view.setUint32(SIZE_IN_PAGES, Math.floor(statSync(path).size / PAGE_BYTES));
    view.setUint32(VALID_FOR, view.getUint32(CHANGE_COUNTER));
    view.setUint32(FREELIST, 0);
    view.setUint32(FREELIST_COUNT, 0);
    writeSync(descriptor, template, 0, PAGE_BYTES, 0);
  } finally {
    closeSync(descriptor);
  }
}

function templatePage(folder: string, path: string, schema: number): Uint8Array {
  const place = mkdtempSync(join(folder, 'fieldtap-template-'));
  try {
    const templatePath = join(place, 'template.db');
    const database = new Sqlite(templatePath);
    database.pragma(`page_size = ${PAGE_BYTES}`);
    database.pragma('auto_vacuum = INCREMENTAL');
    migrate(database, path, schema);
    database.close();
    const page = new Uint8Array(PAGE_BYTES);
    const descriptor = openSync(templatePath, 'r');
    readSync(descriptor, page, 0, PAGE_BYTES, 0);
    closeSync(descriptor);
    return page;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function keepOldPage(descriptor: number, path: string): void {
  const page = new Uint8Array(PAGE_BYTES);
  const bytes = readSync(descriptor, page, 0, PAGE_BYTES, 0);
  const kept = openSync(path, 'w', 0o600);
  writeSync(kept, page, 0, bytes);
  closeSync(kept);
}
