/**
 * How a hub notices that its database was restored from a backup: a small file outside of it holds
 * how many commits there have been. A database that knows of fewer begins a new hubEpoch, so that
 * agents can say what is gone (docs/wire-format.md, "Receipts").
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeShared } from './shared-file.ts';
import type { HubStore } from './store.ts';

const markSchema = z.object({ hubEpoch: z.int(), commitsCount: z.int().min(0) });
type Mark = z.infer<typeof markSchema>;

export class HubMark {
  readonly #path: string;
  readonly #store: HubStore;
  #written: Mark | undefined;

  constructor(path: string, store: HubStore) {
    this.#path = path;
    this.#store = store;
  }

  /**
   * True when the database was older than the mark: it has a new hubEpoch now. To be asked at the
   * start and now and then, since PostgreSQL may be restored under a running worker.
   */
  async checkRestored(): Promise<boolean> {
    const mark = this.#read();
    const { hubEpoch } = this.#store;
    // Another epoch in the mark: the backup is from before an earlier restore, and what agents
    // take for over must not go on; or another worker has noticed first, and its epoch is taken.
    const isRestored =
      mark !== undefined &&
      (mark.hubEpoch !== hubEpoch || (await this.#store.commitsCount()) < mark.commitsCount);
    if (isRestored) await this.#store.beginHubEpoch(hubEpoch);
    await this.#write();
    return isRestored;
  }

  async #write(): Promise<void> {
    const { hubEpoch, commitsUncertain } = this.#store;
    const commitsCount = Math.max(0, (await this.#store.commitsCount()) - commitsUncertain);
    const { hubEpoch: writtenEpoch, commitsCount: written } = this.#written ?? {};
    if (writtenEpoch === hubEpoch && written === commitsCount) return;
    this.#written = { hubEpoch, commitsCount };
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    writeShared(this.#path, `${JSON.stringify(this.#written)}\n`, 0o600);
  }

  #read(): Mark | undefined {
    try {
      return markSchema.safeParse(JSON.parse(readFileSync(this.#path, 'utf8'))).data;
    } catch {
      return undefined;
    }
  }
}
