/**
 * One serial line, heard for as long as the agent runs: reads its bytes as they come, stamps them,
 * and goes on when the adapter is unplugged and plugged in again. Loads koffi: import it lazily.
 */
import {
  FRAME_CAPTURED_BYTES,
  FRAME_NANOSECONDS,
  FRAME_OFFSET,
  FRAME_ORIGINAL_BYTES,
  FRAME_SECONDS,
  FRAME_WORDS,
  type FrameBlockSink,
  LINKTYPE_SERIAL_BYTES,
} from '../../protocols/frame-block.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import type { FrameHistory } from './frame-history.ts';
import type { CaptureState, CaptureStateChange, CaptureStatistics } from './interface-source.ts';
import { serialMissing } from './serial-faults.ts';
import { serialPortNames } from './serial-names.ts';
import { SerialPort } from './serial-port.ts';
import type { SerialSettings } from './serial-settings.ts';

/** The kernel's own buffer of a line (N_TTY_BUF_SIZE): what a stalled reader can lose at most. */
const READ_BYTES = 4096;
/** Reads before the other sources and the event loop have their turn. */
const READS_PER_TURN_MAX = 8;
/** How often a port that is gone is looked for. */
const WATCH_INTERVAL_MS = 250;

export interface SerialSourceOptions extends SerialSettings {
  readonly lineName: string;
  /** Path, best one below /dev/serial/by-id. */
  readonly port: string;
  /** Position in the pipeline's list of interfaces. */
  readonly interfaceIndex: number;
  readonly onState?: ((change: CaptureStateChange) => void) | undefined;
}

/** Sums since `start`. `framesSeen` is 0: bytes become frames in decode. */
export interface SerialStatistics extends CaptureStatistics {
  /** Bytes that driver or chip lost because nobody took them, as far as the driver counts them. */
  readonly bytesMissed: number;
}

export class SerialSource {
  readonly #options: SerialSourceOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #history: FrameHistory | undefined;
  readonly #buffer = new Uint8Array(READ_BYTES);
  readonly #index = new Uint32Array(FRAME_WORDS);
  #sink: FrameBlockSink | undefined;
  #port: SerialPort | undefined;
  #cancelWatch: (() => void) | undefined;
  #isTurnScheduled = false;
  #hasFailed = false;
  /** Undefined before the first opening and after the end. */
  #state: CaptureState | undefined;
  #bytesSeen = 0;
  #bytesMissed = 0;
  #overruns = 0;
  #coveredMs = 0;
  #coveredFromMs = 0;

  /** `history` is shared by all sources of a worker; without one, blocks have no address. */
  constructor(options: SerialSourceOptions, clock: Clock, log: Log, history?: FrameHistory) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.#history =
      history !== undefined && history.bytes.length >= READ_BYTES ? history : undefined;
  }

  /** Throws an OperatorFault where the line can't be heard. */
  start(sink: FrameBlockSink): void {
    this.#sink = sink;
    this.#coveredFromMs = this.#clock.monotonicMs();
    this.#open();
    this.#scheduleWatch();
  }

  /** Hands on what was read by the kernel and lets go. */
  stop(): void {
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
    this.#cover();
    if (this.#port !== undefined) this.#deliver(this.#port);
    this.#state = undefined;
    this.#close();
    this.#sink = undefined;
  }

  statistics(): SerialStatistics {
    this.#cover();
    this.#countOverruns();
    return {
      framesSeen: 0,
      framesDropped: 0,
      framesTruncated: 0,
      bytesSeen: this.#bytesSeen,
      bytesMissed: this.#bytesMissed,
      linkUp: this.#port !== undefined,
      coveredMs: Math.round(this.#coveredMs),
    };
  }

  #open(): void {
    const port = new SerialPort(this.#options.port, this.#options);
    this.#port = port;
    this.#overruns = port.overruns();
    this.#hasFailed = false;
    // As in interface-source.ts: never read inside the poll's own callback, which swallows what is
    // thrown there. The poll is level-triggered: bytes left over wake it again.
    port.listen((hasFailed) => {
      if (hasFailed) this.#hasFailed = true;
      if (this.#isTurnScheduled) return;
      this.#isTurnScheduled = true;
      setImmediate(() => {
        this.#isTurnScheduled = false;
        if (this.#port !== undefined) this.#deliver(this.#port);
      });
    });
    this.#enter('up');
  }

  #deliver(port: SerialPort): void {
    for (let count = 0; count < READS_PER_TURN_MAX; count += 1) {
      const result = port.read(this.#buffer);
      if (result.kind === 'data') {
        this.#handOn(result.bytes);
      } else {
        if (result.kind === 'gone' || this.#hasFailed) this.#lose();
        return;
      }
    }
  }

  #handOn(bytesCount: number): void {
    this.#bytesSeen += bytesCount;
    const history = this.#history;
    const address = history?.append(this.#buffer, 0, bytesCount) ?? -1;
    const isKept = history !== undefined && address >= 0;
    const capacity = isKept ? history.bytes.length : 1;
    const wallMs = this.#clock.wallMs();
    const seconds = Math.floor(wallMs / 1000);
    const index = this.#index;
    index[FRAME_OFFSET] = isKept ? address % capacity : 0;
    index[FRAME_CAPTURED_BYTES] = bytesCount;
    index[FRAME_ORIGINAL_BYTES] = bytesCount;
    index[FRAME_SECONDS] = seconds;
    index[FRAME_NANOSECONDS] = Math.floor((wallMs - seconds * 1000) * 1000) * 1000;
    this.#sink?.block({
      bytes: isKept ? history.bytes : this.#buffer,
      index,
      framesCount: 1,
      interfaceIndex: this.#options.interfaceIndex,
      linkType: LINKTYPE_SERIAL_BYTES,
      monotonicMs: this.#clock.monotonicMs(),
      historyAddress: isKept ? address - (address % capacity) : -1,
    });
  }

  #scheduleWatch(): void {
    this.#cancelWatch = this.#clock.after(WATCH_INTERVAL_MS, () => {
      this.#cover();
      if (this.#port === undefined) this.#reopen();
      this.#scheduleWatch();
    });
  }

  /** The adapter was unplugged. Its name is looked for until it is there again. */
  #lose(): void {
    this.#countOverruns();
    this.#close();
    const { port } = this.#options;
    this.#enter('missing', serialMissing(port, serialPortNames()));
  }

  #reopen(): void {
    try {
      this.#open();
    } catch (error) {
      if (!(error instanceof OperatorFault)) throw error;
      this.#enter(error.code === 'CAPTURE_SERIAL_MISSING' ? 'missing' : 'refused', error);
    }
  }

  #close(): void {
    this.#port?.close();
    this.#port = undefined;
  }

  #countOverruns(): void {
    const overruns = this.#port?.overruns() ?? this.#overruns;
    if (overruns > this.#overruns) this.#bytesMissed += overruns - this.#overruns;
    this.#overruns = overruns;
  }

  #enter(state: CaptureState, fault?: OperatorFault): void {
    if (state === this.#state) return;
    this.#cover();
    this.#state = state;
    const { lineName, interfaceIndex, onState, port } = this.#options;
    if (fault === undefined) {
      this.#log.info({ lineName, port, state }, `listening on serial line "${lineName}"`);
    } else {
      this.#log.warn({ lineName, port, state, code: fault.code }, fault.message);
    }
    const change = { interfaceName: lineName, interfaceIndex, state };
    onState?.(fault === undefined ? change : { ...change, fault });
  }

  /** Adds the time since the last call, if bytes could have been read in it. */
  #cover(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#state === 'up') this.#coveredMs += nowMs - this.#coveredFromMs;
    this.#coveredFromMs = nowMs;
  }
}
