/**
 * Which holes last: messages that overtake each other close theirs within a second, and what is
 * still missing then is asked for, again and again but not often.
 */
import type { Receipt, ResendRange } from '../protocols/uplink/messages.ts';
import { RECEIPT_RANGES_MAX } from '../protocols/uplink/receipt.ts';
import { REQUEST_RANGES_MAX } from '../protocols/uplink/request.ts';
import type { TableUse } from './table-use.ts';

/** A younger hole closes by itself. */
export const HOLE_PATIENCE_MS = 5_000;
/** Between two requests for one stream. */
export const REQUEST_INTERVAL_MS = 30_000;
/** Streams with a hole that are watched; further ones are asked for when others have closed. */
export const STREAMS_MAX = 10_000;

interface Hole {
  readonly from: number;
  readonly sinceMs: number;
  askedMs: number | undefined;
}

export class OpenHoles {
  readonly #holes = new Map<string, Hole>();
  #refused = 0;

  get use(): TableUse {
    const { size: used } = this.#holes;
    return { table: 'openHoles', used, max: STREAMS_MAX, evicted: this.#refused };
  }

  /** What to ask for now, if anything; to be told every receipt. */
  due(receipt: Receipt, nowMs: number): ResendRange | undefined {
    const { agentId, epoch, stream, cumulative, have } = receipt;
    const name = `${agentId}/${epoch}/${stream}`;
    const [beyond] = have;
    if (beyond === undefined) {
      this.#holes.delete(name);
      return undefined;
    }
    const from = cumulative + 1;
    const known = this.#holes.get(name);
    if (known === undefined || known.from !== from) {
      if (known === undefined && this.#holes.size >= STREAMS_MAX) {
        this.#refused += 1;
        return undefined;
      }
      this.#holes.set(name, { from, sinceMs: nowMs, askedMs: undefined });
      return undefined;
    }
    if (nowMs - known.sinceMs < HOLE_PATIENCE_MS) return undefined;
    if (known.askedMs !== undefined && nowMs - known.askedMs < REQUEST_INTERVAL_MS) {
      return undefined;
    }
    known.askedMs = nowMs;
    return { epoch, stream, from, to: beyond.from - 1 };
  }
}

/**
 * Every hole that a receipt shows, the first one first: one that stays for ever (the agent has said
 * that it is gone) must not hide those above it. Where more ranges are stored than a receipt can
 * tell, only the first is certain.
 */
export function holesIn({ epoch, stream, cumulative, have }: Receipt): readonly ResendRange[] {
  const told = have.length < RECEIPT_RANGES_MAX ? have : have.slice(0, 1);
  return told
    .map(({ from }, at) => ({ from: (told[at - 1]?.to ?? cumulative) + 1, to: from - 1 }))
    .slice(0, REQUEST_RANGES_MAX)
    .map((range) => ({ epoch, stream, ...range }));
}
