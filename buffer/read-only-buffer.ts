/** The buffer for commands while no agent runs: it reads, and changes nothing. */
import type { Database } from 'better-sqlite3';
import type { Observation } from '../protocols/interval-report.ts';
import type { Stream } from '../protocols/uplink/messages.ts';
import { bufferFault } from './buffer-fault.ts';
import { openDatabaseReadOnly } from './database.ts';
import { readDetections, readObservations, type StoredDetection } from './report-store.ts';
import { type BufferStatistics, readStatistics } from './statistics.ts';

/** Every method throws OperatorFault where the file can't be read. */
export class ReadOnlyBuffer {
  readonly #path: string;
  readonly #database: Database;

  /** Throws BUFFER_MISSING, BUFFER_SCHEMA_NEWER, BUFFER_UNOPENABLE... */
  constructor(path: string) {
    this.#path = path;
    this.#database = openDatabaseReadOnly(path);
  }

  statistics(): BufferStatistics {
    return this.#read(() => readStatistics(this.#database, this.#path));
  }

  /** Messages of the current epoch that have no receipt yet. */
  pendingSequences(): readonly { readonly stream: Stream; readonly sequence: number }[] {
    return this.#read(() =>
      this.#database
        .prepare<[], { stream: Stream; sequence: number }>(
          `SELECT stream, sequence FROM outbox
           WHERE epoch = (SELECT epoch FROM epoch ORDER BY ordinal DESC LIMIT 1)`,
        )
        .all(),
    );
  }

  /** Newest first. */
  observations(observationsMax: number): readonly Observation[] {
    return this.#read(() => readObservations(this.#database, observationsMax).observations);
  }

  /** Last seen first. */
  detections(detectionsMax: number): readonly StoredDetection[] {
    return this.#read(() => readDetections(this.#database, detectionsMax));
  }

  close(): void {
    this.#database.close();
  }

  #read<T>(question: () => T): T {
    try {
      return question();
    } catch (error) {
      throw bufferFault(error, this.#path);
    }
  }
}
