/**
 * Which holes last: messages that overtake each other close theirs within a second, and what is
 * still missing then is asked for, again and again but not often.
 */
import type { Receipt, ResendRange } from '../protocols/uplink/messages.ts';

/** A younger hole closes by itself. */
export const HOLE_PATIENCE_MS = 5_000;
/** Between two requests for one stream. */
export const REQUEST_INTERVAL_MS = 30_000;
/** Streams with a hole that are watched; further ones are asked for when others have closed. */
const STREAMS_MAX = 10_000;

interface Hole {
  readonly from: number;
  readonly sinceMs: number;
  askedMs: number | undefined;
}

export class OpenHoles {
  readonly #holes = new Map<string, Hole>();

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
      if (known === undefined && this.#holes.size >= STREAMS_MAX) return undefined;
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
