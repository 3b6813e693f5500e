/**
 * What happens now, to whoever looks: each interval of the worker as one line of JSON over the
 * control socket (`GET /v1/live`), for top and tail. Nobody who looks can slow the agent: a reader
 * that doesn't keep up misses intervals, and the next one it gets says how many.
 */
import type { ServerResponse } from 'node:http';
import type { DetectionChange, IntervalReport } from '../../protocols/interval-report.ts';

const VIEWERS_MAX = 8;
/** Bytes that may wait for one reader. */
const WAITING_BYTES_MAX = 512 * 1024;
/** Busiest conversations of an interval that are told. */
const CONVERSATIONS_MAX = 100;

/** One line of the stream. */
export interface LiveInterval {
  readonly kind: 'interval';
  readonly report: Omit<IntervalReport, 'tables'>;
  /** Intervals that this reader did not get before this one. */
  readonly missedIntervals: number;
}

interface Viewer {
  readonly response: ServerResponse;
  missed: number;
}

export class LiveFeed {
  readonly #viewers = new Set<Viewer>();
  #refused = 0;

  /** Lookers turned away because there were too many, since start. */
  get refusedCount(): number {
    return this.#refused;
  }

  /** Answers the request now and with each interval until the reader goes. */
  add(response: ServerResponse): void {
    if (this.#viewers.size >= VIEWERS_MAX) {
      this.#refused++;
      response.statusCode = 503;
      response.end('{"problem":"too many are looking already"}');
      return;
    }
    const viewer = { response, missed: 0 };
    this.#viewers.add(viewer);
    response.on('close', () => this.#viewers.delete(viewer));
    response.on('error', () => this.#viewers.delete(viewer));
    response.setHeader('content-type', 'application/x-ndjson');
    response.flushHeaders();
  }

  /** Costs nothing while nobody looks. */
  tell(report: IntervalReport): void {
    if (this.#viewers.size === 0) return;
    const { tables: _tables, conversations, detections, ...rest } = report;
    const told = {
      ...rest,
      conversations: conversations.slice(0, CONVERSATIONS_MAX),
      detections: detections.map(withoutFrames),
    };
    for (const viewer of this.#viewers) {
      if (viewer.response.writableLength > WAITING_BYTES_MAX) {
        viewer.missed++;
        continue;
      }
      const line: LiveInterval = {
        kind: 'interval',
        report: told,
        missedIntervals: viewer.missed,
      };
      viewer.missed = 0;
      viewer.response.write(`${JSON.stringify(line)}\n`);
    }
  }

  close(): void {
    for (const { response } of this.#viewers) response.end();
    this.#viewers.clear();
  }
}

/** Frames stay in the buffer: a screen has no use for them. */
function withoutFrames({ change, detection }: DetectionChange): DetectionChange {
  const { frames: _frames, ...evidence } = detection.evidence;
  return { change, detection: { ...detection, evidence } };
}
