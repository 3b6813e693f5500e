/**
 * The whole summaries that a difference may be told from. One serves from the moment the hub has
 * receipted it; they are kept in memory only, so that after a restart the first summary is whole.
 */
import type { ConversationCounts } from '../../protocols/interval-report.ts';
import {
  type KnownConversation,
  type MessageIdentity,
  type Receipt,
  STREAM_SUMMARIES,
  type SummaryDelta,
} from '../../protocols/uplink/messages.ts';
import { knownConversation } from '../../protocols/uplink/summary-delta.ts';
import type { SummaryContent } from './summarize.ts';

/** Whole summaries that wait for their receipt. */
const WAITING_MAX = 4;
/** An archive stays readable in parts: a whole summary at least so often. */
const DELTAS_IN_A_ROW_MAX = 24;

export interface SummaryBase {
  readonly epoch: number;
  readonly sequence: number;
  readonly sha256: Uint8Array;
  readonly content: SummaryContent;
}

export type DeltaContent = Omit<SummaryDelta, keyof MessageIdentity>;

export class SummaryBases {
  #waiting: SummaryBase[] = [];
  #receipted: SummaryBase | undefined;
  #deltas = 0;

  /** A whole summary in one part was signed. */
  signed(base: SummaryBase): void {
    this.#waiting.push(base);
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift();
    this.#deltas = 0;
  }

  /** A verified receipt was applied. */
  receipted({ epoch, stream, cumulative, have }: Receipt): void {
    if (stream !== STREAM_SUMMARIES) return;
    const isStored = (base: SummaryBase): boolean =>
      base.epoch === epoch &&
      (base.sequence <= cumulative ||
        have.some(({ from, to }) => base.sequence >= from && base.sequence <= to));
    const newest = this.#waiting.findLast(isStored);
    if (newest === undefined) return;
    this.#receipted = newest;
    this.#waiting = this.#waiting.filter(({ sequence }) => sequence > newest.sequence);
  }

  /** The hub lives a new life, or the buffer a new epoch: nothing is known to be there. */
  forget(): void {
    this.#waiting = [];
    this.#receipted = undefined;
  }

  /** `content` as a difference; undefined where there is no base, or it is time for a whole one. */
  delta(content: SummaryContent, epoch: number): DeltaContent | undefined {
    const base = this.#receipted;
    if (base === undefined || base.epoch !== epoch || this.#deltas >= DELTAS_IN_A_ROW_MAX) {
      return undefined;
    }
    const rows = new Map<string, number>();
    base.content.conversations.forEach((each, row) => {
      rows.set(keyOf(each), row);
    });
    const known: KnownConversation[] = [];
    const conversations: ConversationCounts[] = [];
    for (const after of content.conversations) {
      const row = rows.get(keyOf(after));
      const before = row === undefined ? undefined : base.content.conversations[row];
      const told = row === undefined || !before ? undefined : knownConversation(row, before, after);
      if (told === undefined) conversations.push(after);
      else known.push(told);
    }
    return {
      ...content,
      kind: 'summaryDelta',
      conversations,
      baseSequence: base.sequence,
      baseSha256: base.sha256,
      // In the base's order: rows that follow each other compress to nothing.
      known: known.toSorted((a, b) => a.row - b.row),
    };
  }

  deltaSigned(): void {
    this.#deltas++;
  }
}

function keyOf(each: ConversationCounts): string {
  const { protocol, transport, clientIpAddress, serverIpAddress, serverPort, unitId } = each;
  return `${protocol} ${transport} ${clientIpAddress} ${serverIpAddress} ${serverPort} ${unitId}`;
}
