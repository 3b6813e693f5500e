/**
 * The capture side of the live tests: a worker, as in the product, that moves into a network
 * namespace of its own and listens there. The test's thread stays where it is.
 */
import { openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import koffi from 'koffi';
import * as frame from '../../../protocols/frame-block.ts';
import { SystemClock } from '../../platform/clock.ts';
import { silentLog } from '../../platform/log.ts';
import { FrameHistory } from '../frame-history.ts';
import {
  type CaptureStatistics,
  InterfaceSource,
  type InterfaceSourceOptions,
} from '../interface-source.ts';

/** What a worker is started with. */
export interface CaptureWorkerData {
  readonly namespace: string;
  readonly sources: readonly Omit<InterfaceSourceOptions, 'onState' | 'interfaceIndex'>[];
  /** Only frames of this EtherType are recorded. */
  readonly etherType: number;
}

export interface RecordedFrame {
  readonly interfaceIndex: number;
  readonly capturedBytes: number;
  readonly originalBytes: number;
  readonly flags: number;
  readonly vlan: number;
  /** Milliseconds between the frame's stamp and its arrival at the sink. */
  readonly ageMs: number;
  /** The first 64 bytes, and the same again out of the frame history. */
  readonly hex: string;
  readonly evidenceHex: string | undefined;
}

export interface CaptureRecord {
  /** From the worker those since its last answer; a CaptureHandle joins them again. */
  readonly frames: readonly RecordedFrame[];
  /** `0 up`, `0 CAPTURE_INTERFACE_DOWN`: in the order in which they were told. */
  readonly states: readonly string[];
  readonly statistics: readonly CaptureStatistics[];
}

/** Orders to the worker; it answers each with a CaptureRecord, or an error. */
export type CaptureOrder =
  | { readonly kind: 'read' }
  /** Blocks the event loop, as a decoder would that is overwhelmed, until the word isn't 0. */
  | { readonly kind: 'stall'; readonly until: SharedArrayBuffer }
  | { readonly kind: 'exclude'; readonly port: number }
  | { readonly kind: 'throwInSink' }
  | { readonly kind: 'stop' };

const SHOWN_BYTES = 64;
/** A test that forgets a stall fails, and doesn't hang. */
const STALL_MS_MAX = 60_000;
const CLONE_NEWNET = 0x4000_0000;
const clock = new SystemClock();
const history = new FrameHistory();
const frames: RecordedFrame[] = [];
const states: string[] = [];
let mustThrow = false;

// The test that starts this worker passes a CaptureWorkerData.
const data = workerData as CaptureWorkerData;
enterNamespace(data.namespace);
const sources = data.sources.map(
  (options, interfaceIndex) =>
    new InterfaceSource(
      {
        ...options,
        interfaceIndex,
        onState: ({ state, fault }) => states.push(`${interfaceIndex} ${fault?.code ?? state}`),
      },
      clock,
      silentLog,
      history,
    ),
);
for (const source of sources) source.start({ block: recordBlock });
parentPort?.on('message', obey);
parentPort?.postMessage(record());

function obey(order: CaptureOrder): void {
  switch (order.kind) {
    case 'read':
      break;
    case 'stall':
      Atomics.wait(new Int32Array(order.until), 0, 0, STALL_MS_MAX);
      break;
    case 'exclude':
      for (const source of sources) source.exclude([{ port: order.port }]);
      break;
    case 'throwInSink':
      mustThrow = true;
      break;
    case 'stop':
      for (const source of sources) source.stop();
      break;
    default:
      order satisfies never;
  }
  parentPort?.postMessage(record());
}

function record(): CaptureRecord {
  const statistics = sources.map((source) => source.statistics());
  return { frames: frames.splice(0), states: states.slice(), statistics };
}

function recordBlock(block: frame.FrameBlock): void {
  if (mustThrow) throw new Error('the sink has a bug');
  for (let at = 0; at < block.framesCount; at++) recordFrame(block, at * frame.FRAME_WORDS);
}

function recordFrame({ bytes, index, ...block }: frame.FrameBlock, word: number): void {
  const from = index[word + frame.FRAME_OFFSET];
  if (((bytes[from + 12] << 8) | bytes[from + 13]) !== data.etherType) return;
  const capturedBytes = index[word + frame.FRAME_CAPTURED_BYTES];
  const shownBytes = Math.min(capturedBytes, SHOWN_BYTES);
  const stampMs =
    index[word + frame.FRAME_SECONDS] * 1000 + index[word + frame.FRAME_NANOSECONDS] / 1e6;
  const evidence = history.copy(block.historyAddress + from, shownBytes);
  frames.push({
    interfaceIndex: block.interfaceIndex,
    capturedBytes,
    originalBytes: index[word + frame.FRAME_ORIGINAL_BYTES],
    flags: index[word + frame.FRAME_FLAGS],
    vlan: index[word + frame.FRAME_VLAN],
    ageMs: clock.wallMs() - stampMs,
    hex: Buffer.from(bytes.subarray(from, from + shownBytes)).toString('hex'),
    evidenceHex: evidence === undefined ? undefined : Buffer.from(evidence).toString('hex'),
  });
}

/** setns(2) moves this thread alone; sockets that it opens belong to the namespace. */
function enterNamespace(namespace: string): void {
  const setns = koffi.load('libc.so.6').func('int setns(int, int)');
  if (setns(openSync(`/run/netns/${namespace}`, 'r'), CLONE_NEWNET) !== 0) {
    throw new Error(`can't enter the namespace ${namespace}`);
  }
}
