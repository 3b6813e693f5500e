/**
 * The drop sweep: a capture is decoded once whole, then again and again with one frame left out.
 * Only messages of that frame may be missing, and the loss must be told.
 */
import type { FrameBlock } from '../protocols/frame-block.ts';
import {
  type DecodeRun,
  type DeliveredSegment,
  decodeFrames,
  type SeenMessage,
} from './decode-run.ts';
import { frameNumbersOf, withoutFrame } from './held-frames.ts';

export interface DropOutcome {
  readonly frame: number;
  /** Messages that had bytes in the frame. */
  readonly ownMissing: readonly string[];
  /** Messages that are missing though none of their bytes were in it. */
  readonly beyond: readonly string[];
  /** Messages that the whole capture doesn't show. */
  readonly invented: readonly string[];
  /** How the loss shows, where something is missing. */
  readonly told:
    | 'nothingMissing'
    | 'bytesMissed'
    | 'oneSided'
    | 'unmatched'
    | 'malformed'
    | 'atEdge'
    | 'no';
}

interface Whole {
  readonly run: DecodeRun;
  readonly byText: ReadonlyMap<string, readonly SeenMessage[]>;
  /** First and last frames with bytes of a stream: nothing on that side of them shows a hole. */
  readonly edges: ReadonlySet<number>;
}

export interface SweptCapture {
  readonly frameNumbers: readonly number[];
  readonly messagesCount: number;
  /** Decodes without this frame and compares. */
  drop(frame: number): DropOutcome;
}

export function sweepCapture(blocks: readonly FrameBlock[]): SweptCapture {
  const segments: DeliveredSegment[] = [];
  const run = decodeFrames(blocks, { segments });
  const byText = new Map<string, SeenMessage[]>();
  for (const message of run.messages) listIn(byText, message.text).push(message);
  const whole = { run, byText, edges: edgesOf(segments) };
  const reach = new OwnMessages(segments, run.messages);
  return {
    frameNumbers: frameNumbersOf(blocks),
    messagesCount: run.messages.length,
    drop: (frame) => compare(frame, whole, decodeFrames(withoutFrame(blocks, frame)), reach),
  };
}

function compare(frame: number, whole: Whole, run: DecodeRun, reach: OwnMessages): DropOutcome {
  const left = new Map<string, number>();
  for (const { text } of run.messages) left.set(text, (left.get(text) ?? 0) + 1);
  const owns = reach.begin(frame);
  const ownMissing: string[] = [];
  const beyond: string[] = [];
  for (const [text, same] of whole.byText) {
    const missingCount = same.length - (left.get(text) ?? 0);
    left.set(text, -missingCount);
    if (missingCount <= 0) continue;
    // Of equal messages nobody can tell which one is missing: those of the frame come first.
    const ownCount = same.filter(owns).length;
    for (let index = 0; index < missingCount; index += 1) {
      (index < ownCount ? ownMissing : beyond).push(text);
    }
  }
  const invented = [...left].filter(([, count]) => count > 0).map(([text]) => text);
  const told = tellingOf(ownMissing.length + beyond.length, frame, whole, run);
  return { frame, ownMissing, beyond, invented, told };
}

function tellingOf(
  missingCount: number,
  frame: number,
  { run: whole, edges }: Whole,
  run: DecodeRun,
): DropOutcome['told'] {
  if (missingCount === 0) return 'nothingMissing';
  const [a, b] = [whole.counters, run.counters];
  if (b.bytesMissedCount > a.bytesMissedCount || b.gapsCount > a.gapsCount) return 'bytesMissed';
  if (run.isOneSided && !whole.isOneSided) return 'oneSided';
  if (unmatchedOf(run) > unmatchedOf(whole)) return 'unmatched';
  if (run.malformedCount > whole.malformedCount) return 'malformed';
  return edges.has(frame) ? 'atEdge' : 'no';
}

function unmatchedOf({ counters }: DecodeRun): number {
  return counters.modbus.unmatchedRequests + counters.modbus.unmatchedResponses;
}

function edgesOf(segments: readonly DeliveredSegment[]): Set<number> {
  const first = new Map<string, number>();
  const last = new Map<string, number>();
  for (const { stream, frame } of segments) {
    if (!first.has(stream)) first.set(stream, frame);
    last.set(stream, frame);
  }
  return new Set([...first.values(), ...last.values()]);
}

/** Which messages have bytes in a frame: those that end in it, and those that go on behind it. */
class OwnMessages {
  /** By stream and frame: the frames in which the messages that end there may have begun. */
  readonly #spans = new Map<string, ReadonlySet<number>>();

  readonly #streamsByFrame = new Map<number, string[]>();

  constructor(segments: readonly DeliveredSegment[], messages: readonly SeenMessage[]) {
    const byStream = new Map<string, DeliveredSegment[]>();
    for (const segment of segments) {
      listIn(byStream, segment.stream).push(segment);
      listIn(this.#streamsByFrame, segment.frame).push(segment.stream);
    }
    const ending = new Map<string, SeenMessage[]>();
    for (const message of messages) listIn(ending, placeOf(message)).push(message);
    for (const [place, list] of ending) {
      const [{ stream, frame }] = list;
      if (frame === 0) continue;
      const bytes = list.reduce((sum, message) => sum + message.bytes, 0);
      this.#spans.set(place, framesBefore(byStream.get(stream) ?? [], frame, bytes));
    }
  }

  /** The question for one dropped frame; of the messages behind it one alone can reach into it. */
  begin(dropped: number): (message: SeenMessage) => boolean {
    const reached = new Set<string>();
    return (message) => {
      if (message.frame === dropped) return true;
      const isRepetition = message.frame === 0;
      if (isRepetition) return this.#streamsByFrame.get(dropped)?.includes(message.stream) === true;
      const place = placeOf(message);
      if (reached.has(place) || this.#spans.get(place)?.has(dropped) !== true) return false;
      reached.add(place);
      return true;
    };
  }
}

/** The frames before `frame` that hold what `bytes` bytes ending in it don't find room for. */
function framesBefore(
  segments: readonly DeliveredSegment[],
  frame: number,
  bytes: number,
): ReadonlySet<number> {
  const frames = new Set<number>();
  let at = segments.length - 1;
  while (at >= 0 && segments[at].frame !== frame) at -= 1;
  let left = bytes;
  for (; at >= 0 && left > 0; at -= 1) {
    left -= segments[at].length;
    frames.add(segments[at].frame);
  }
  return frames;
}

function placeOf({ stream, frame }: SeenMessage): string {
  return `${stream} ${frame}`;
}

function listIn<K, T>(lists: Map<K, T[]>, key: K): T[] {
  const known = lists.get(key);
  if (known !== undefined) return known;
  const made: T[] = [];
  lists.set(key, made);
  return made;
}
