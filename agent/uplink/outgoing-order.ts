/**
 * The order in which waiting messages leave, as a list: what the publisher does step by step, for
 * `fieldtap preview`. Alerts, the freshest summary, evidence, then the backlog, oldest first.
 */
import {
  STREAM_ALERTS,
  STREAM_EVIDENCE,
  STREAM_SUMMARIES,
  type Stream,
} from '../../protocols/uplink/messages.ts';

interface Waiting {
  readonly id: number;
}

export interface WaitingMessages<T extends Waiting> {
  pending(stream: Stream, afterId: number, messagesMax: number): readonly T[];
  newest(stream: Stream): T | undefined;
}

/** At most `messagesMax`, the first to leave first. */
export function outgoingOrder<T extends Waiting>(
  waiting: WaitingMessages<T>,
  messagesMax: number,
): readonly T[] {
  const fresh = waiting.newest(STREAM_SUMMARIES);
  const summaries = waiting.pending(STREAM_SUMMARIES, 0, messagesMax);
  return [
    ...waiting.pending(STREAM_ALERTS, 0, messagesMax),
    ...(fresh === undefined ? [] : [fresh]),
    ...waiting.pending(STREAM_EVIDENCE, 0, messagesMax),
    ...summaries.filter(({ id }) => id !== fresh?.id),
  ].slice(0, messagesMax);
}
