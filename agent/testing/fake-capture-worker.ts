/**
 * A capture worker for tests of the host: it speaks the same channel, captures nothing, and
 * misbehaves as its settings say: a list of lives, one taken at each start. What outlives a worker
 * (how many were started) lies in shared memory.
 */

import { isMainThread, parentPort } from 'node:worker_threads';
import { type IntervalReport, NO_TRAFFIC } from '../../protocols/interval-report.ts';
import type { ToMain, ToWorker, WorkerSettings } from '../worker-channel.ts';

/** How one life of the worker goes. */
export type FakeLife =
  /** Two reports, one a credit; a last one on stop. */
  | 'reports'
  /** Captures and never answers a stop. */
  | 'mute'
  /** Captures, then throws. */
  | 'crashes'
  /** Captures, and throws once the test has set SHARED_CRASH_NOW. */
  | 'crashesWhenTold'
  /** Tells a fault instead of capturing, and ends. */
  | 'fault'
  /** Ends without a word. */
  | 'ends';

export interface FakeSettings extends WorkerSettings {
  readonly lives: readonly FakeLife[];
  readonly shared: Int32Array<SharedArrayBuffer>;
}

/** Places in `shared`: how many workers were started, and whether one is to crash. */
export const SHARED_STARTS = 0;
export const SHARED_CRASH_NOW = 1;
export const SHARED_BYTES = 8;

const REPORTS = 2;
const LOOK_MS = 2;

if (!isMainThread) {
  parentPort?.once('message', (message: ToWorker) => {
    // The tests give the host exactly these settings (capture-host.slow.test.ts).
    if (message.kind === 'begin') live(message.settings as FakeSettings);
  });
}

function live({ lives, shared }: FakeSettings): void {
  const life = lives[Math.min(Atomics.add(shared, SHARED_STARTS, 1), lives.length - 1)];
  let reportNumber = 0;
  const report = (isLast: boolean): void => {
    reportNumber++;
    post({ kind: 'report', report: emptyReport(reportNumber), isLast });
  };
  switch (life) {
    case 'reports':
      post({ kind: 'capturing' });
      parentPort?.on('message', (message: ToWorker) => {
        if (message.kind === 'stop') report(true);
        else if (reportNumber < REPORTS) report(false);
      });
      report(false);
      break;
    case 'mute':
      post({ kind: 'capturing' });
      parentPort?.on('message', () => {});
      break;
    case 'crashes':
      post({ kind: 'capturing' });
      throw new Error('made to crash');
    case 'crashesWhenTold':
      post({ kind: 'capturing' });
      setInterval(() => {
        if (Atomics.load(shared, SHARED_CRASH_NOW) === 1) throw new Error('told to crash');
      }, LOOK_MS);
      break;
    case 'fault':
      post({
        kind: 'fault',
        code: 'CAPTURE_INTERFACE_MISSING',
        problem: 'Made to fail.',
        remedy: 'None.',
      });
      parentPort?.close();
      break;
    case 'ends':
      parentPort?.close();
      break;
    default:
      life satisfies never;
  }
}

function emptyReport(reportNumber: number): IntervalReport {
  return {
    reportNumber,
    fromUs: 0,
    toUs: 0,
    coverage: [],
    traffic: NO_TRAFFIC,
    conversations: [],
    conversationsFolded: 0,
    observations: [],
    observationsFolded: 0,
    detections: [],
    tables: [],
  };
}

function post(message: ToMain): void {
  parentPort?.postMessage(message);
}
