/**
 * One process writes: two agents on one buffer would sign two messages with the same sequence. The
 * lock is a transaction held open on an empty database beside the buffer, so the kernel drops it
 * with the process, however that ends, and readers of the buffer itself are never in its way.
 */
import Sqlite, { type Database } from 'better-sqlite3';
import { bufferFault, inUseFault, troubleOf } from './buffer-fault.ts';
import { createOwnerOnly } from './database.ts';

export class WriterLock {
  readonly #database: Database;

  /** Throws BUFFER_IN_USE when another process, or this one, holds it. */
  constructor(bufferPath: string) {
    const path = `${bufferPath}.lock`;
    let database: Database | undefined;
    try {
      createOwnerOnly(path);
      database = new Sqlite(path);
      database.pragma('busy_timeout = 0');
      // The lock needs no file of its own to be written: no journal, no page.
      database.pragma('journal_mode = MEMORY');
      database.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      database?.close();
      throw troubleOf(error) === 'busy'
        ? inUseFault(bufferPath, error)
        : bufferFault(error, bufferPath);
    }
    this.#database = database;
  }

  release(): void {
    this.#database.close();
  }
}
