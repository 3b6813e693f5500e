/**
 * Transactions of the buffer, each followed by the mark of what it has signed: on the disk outside
 * the database as well, right after the commit and before anything is published.
 */
import type { Database } from 'better-sqlite3';
import { markOf } from './epochs.ts';
import type { Outbox } from './outbox.ts';
import type { SignedMark } from './signed-mark.ts';

export class MarkedCommits {
  readonly #database: Database;
  readonly #outbox: Outbox;
  readonly #mark: SignedMark;

  constructor(database: Database, outbox: Outbox, mark: SignedMark) {
    this.#database = database;
    this.#outbox = outbox;
    this.#mark = mark;
  }

  /** One transaction; throws what `work` throws, and nothing of it is there then. */
  run<T>(work: () => T): T {
    const signed = this.#outbox.signedCount;
    const result = this.#database.transaction(work)();
    if (this.#outbox.signedCount !== signed) this.#tryToWrite();
    return result;
  }

  /** Before the message is published for the first time. Throws where the disk refuses. */
  raise(stream: number, sequence: number): void {
    const marked = this.#mark.mark?.streams[stream - 1].sequence ?? 0;
    if (marked < sequence) this.write();
  }

  write(): void {
    const heads = markOf(this.#database);
    if (heads !== undefined) this.#mark.write(heads);
  }

  /** The commit is made whatever becomes of the mark: a publication tells the disk's refusal. */
  #tryToWrite(): void {
    try {
      this.write();
    } catch {}
  }
}
