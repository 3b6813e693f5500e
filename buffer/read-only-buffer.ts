/** The buffer for commands while no agent runs: it reads, and changes nothing. */
import type { Database } from 'better-sqlite3';
import type { Observation, StateRow } from '../protocols/interval-report.ts';
import type { Stream } from '../protocols/uplink/messages.ts';
import { bufferFault } from './buffer-fault.ts';
import { openDatabaseReadOnly } from './database.ts';
import { readLosses, type StatementFacts } from './losses.ts';
import { readDetections, readObservations, type StoredDetection } from './report-store.ts';
import { type AssetNote, readNotes, readState } from './state-store.ts';
import { type BufferStatistics, readStatistics } from './statistics.ts';

/** One that waits for the hub's receipt, as it was signed. */
export interface OutgoingMessage {
  readonly id: number;
  readonly message: Uint8Array;
}

/** Every method throws OperatorFault where the file can't be read. */
export class ReadOnlyBuffer {
  readonly #path: string;
  readonly #database: Database;

  /** Throws BUFFER_MISSING, BUFFER_SCHEMA_NEWER, BUFFER_UNOPENABLE... */
  constructor(path: string) {
    this.#path = path;
    this.#database = openDatabaseReadOnly(path);
  }

  /** `nowMs`: wall clock, for the figures of the day. */
  statistics(nowMs = 0): BufferStatistics {
    return this.#read(() => readStatistics(this.#database, this.#path, nowMs));
  }

  /** What was lost and is told, or will be; newest first. */
  losses(lossesMax: number): readonly StatementFacts[] {
    return this.#read(() => readLosses(this.#database, lossesMax));
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

  /** Signed messages without a receipt, in the order in which a stream sends them. */
  outgoing(): {
    pending(stream: Stream, afterId: number, messagesMax: number): readonly OutgoingMessage[];
    newest(stream: Stream): OutgoingMessage | undefined;
  } {
    const rows = (stream: Stream, order: 'ASC' | 'DESC', afterId: number, count: number) =>
      this.#read(() =>
        this.#database
          .prepare<[number, number, number], OutgoingMessage>(
            `SELECT id, message FROM outbox WHERE stream = ? AND id > ?
             ORDER BY id ${order} LIMIT ?`,
          )
          .all(stream, afterId, count),
      );
    return {
      pending: (stream, afterId, messagesMax) => rows(stream, 'ASC', afterId, messagesMax),
      newest: (stream) => rows(stream, 'DESC', 0, 1)[0],
    };
  }

  /** The signed bytes without a receipt, of all epochs, behind `afterId`: the oldest first. */
  pendingMessages(
    afterId: number,
    messagesMax: number,
  ): readonly { readonly id: number; readonly createdMs: number; readonly message: Uint8Array }[] {
    return this.#read(() =>
      this.#database
        .prepare<[number, number], { id: number; createdMs: number; message: Uint8Array }>(
          'SELECT id, createdMs, message FROM outbox WHERE id > ? ORDER BY id LIMIT ?',
        )
        .all(afterId, messagesMax),
    );
  }

  /**
   * Why the hub refused messages: of the newest of them, each reason once. A revoked key is over
   * with its epoch: another key begins another one.
   */
  refusedReasons(messagesMax: number): readonly string[] {
    const reasons = this.#read(() =>
      this.#database
        .prepare<[number], string>(
          `SELECT reason FROM refused WHERE reason <> 'revoked'
             OR epoch = (SELECT epoch FROM epoch ORDER BY ordinal DESC LIMIT 1)
           ORDER BY createdMs DESC LIMIT ?`,
        )
        .pluck()
        .all(messagesMax),
    );
    return [...new Set(reasons)];
  }

  /** Newest first. */
  observations(observationsMax: number): readonly Observation[] {
    return this.#read(() => readObservations(this.#database, observationsMax).observations);
  }

  /** Last seen first. */
  detections(detectionsMax: number): readonly StoredDetection[] {
    return this.#read(() => readDetections(this.#database, detectionsMax));
  }

  /** What is known of the plant; nothing in a file of an older version. */
  knownState(): readonly StateRow[] {
    return this.#read(() => readState(this.#database).rows);
  }

  notes(): readonly AssetNote[] {
    return this.#read(() => readNotes(this.#database));
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
