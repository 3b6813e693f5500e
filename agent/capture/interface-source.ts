/**
 * One interface, heard for as long as the agent runs: opens the ring, hands its blocks to the
 * decoder, and goes on after whatever happens to the interface: link down and up, deleted and made
 * again. Several sources share one worker and its event loop. Loads koffi: import it lazily.
 */
import {
  type FrameBlock,
  type FrameBlockSink,
  LINKTYPE_ETHERNET,
} from '../../protocols/frame-block.ts';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import { interfaceDown, interfaceMissing } from './capture-faults.ts';
import { EXCLUSIONS_MAX, type Exclusion, excludeFilter } from './exclude-filter.ts';
import { FrameHistory } from './frame-history.ts';
import { interfaceNames } from './interface-names.ts';
import { PacketRing } from './packet-ring.ts';
import { BlockIndexer } from './ring-layout.ts';

/**
 * A stalled decoder loses nothing for blocks x timeout (64 x 50 ms = 3.2 s), or until the ring's
 * bytes are full: slow traffic closes a block at each timeout, however little is in it.
 */
export const RING_BYTES = 8 * 1024 * 1024;
/** Longer than the longest frame that GRO makes, 64 KiB, with its header. */
export const RING_BLOCK_BYTES = 128 * 1024;
export const RING_BLOCKS_MIN = 4;
export const RING_BLOCKS_MAX = 512;
/** Also the most that a frame waits before it is decoded on a quiet network. */
export const RING_BLOCK_TIMEOUT_MS = 50;

/** Blocks that one interface may deliver before the others and the event loop have their turn. */
const BLOCKS_PER_TURN_MAX = 8;
/** How often the interface's state is looked at. */
const WATCH_INTERVAL_MS = 250;

/** How the interface stands to the plant network (DESIGN section 2, Interfaces). */
export type InterfaceRole = 'mirror' | 'tapA' | 'tapB' | 'host';

/** `refused`: the interface is there again, but listening on it failed; `fault` says why. */
export type CaptureState = 'up' | 'down' | 'missing' | 'refused';

export interface CaptureStateChange {
  readonly interfaceName: string;
  readonly interfaceIndex: number;
  readonly state: CaptureState;
  /** What is wrong and what to do; absent for `up`. */
  readonly fault?: OperatorFault;
}

export interface InterfaceSourceOptions {
  readonly interfaceName: string;
  /** Position in the pipeline's list of interfaces. */
  readonly interfaceIndex: number;
  readonly role: InterfaceRole;
  /** Rounded down to whole blocks; RING_BYTES unless given. */
  readonly ringBytes?: number | undefined;
  readonly blockTimeoutMs?: number | undefined;
  /** Endpoints of our own traffic, over TCP, that are kept out. See exclude-filter.ts. */
  readonly exclude: readonly Exclusion[];
  readonly onState?: ((change: CaptureStateChange) => void) | undefined;
}

/** Sums since `start`. */
export interface CaptureStatistics {
  readonly framesSeen: number;
  /** Lost by the kernel because the ring was full. */
  readonly framesDropped: number;
  /** Longer than a block, and cut. */
  readonly framesTruncated: number;
  readonly bytesSeen: number;
  /** Now. */
  readonly linkUp: boolean;
  /** Milliseconds during which frames could have been seen. */
  readonly coveredMs: number;
}

export class InterfaceSource {
  readonly #options: InterfaceSourceOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #history: FrameHistory;
  readonly #isHistoryKept: boolean;
  readonly #indexer = new BlockIndexer(RING_BLOCK_BYTES);
  #exclude: readonly Exclusion[];
  #sink: FrameBlockSink | undefined;
  #ring: PacketRing | undefined;
  #cancelWatch: (() => void) | undefined;
  #isTurnScheduled = false;
  #isDeaf = false;
  /** Undefined before the first opening and after the end. */
  #state: CaptureState | undefined;
  #framesSeen = 0;
  #framesDropped = 0;
  #framesTruncated = 0;
  #bytesSeen = 0;
  #coveredMs = 0;
  #coveredFromMs = 0;

  /** `history` is shared by all sources of a worker; without one, blocks have no address. */
  constructor(options: InterfaceSourceOptions, clock: Clock, log: Log, history?: FrameHistory) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.#isHistoryKept = history !== undefined && history.bytes.length >= RING_BLOCK_BYTES;
    const kept = this.#isHistoryKept ? history : undefined;
    this.#history = kept ?? new FrameHistory(RING_BLOCK_BYTES);
    this.#exclude = options.exclude;
  }

  /** Throws an OperatorFault where the interface can't be heard; one that is down is no fault. */
  start(sink: FrameBlockSink): void {
    this.#sink = sink;
    this.#coveredFromMs = this.#clock.monotonicMs();
    this.#openRing();
    this.#scheduleWatch(WATCH_INTERVAL_MS);
  }

  /** Hands on what is ready and lets go. Frames of the last `blockTimeoutMs` may be unread. */
  stop(): void {
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
    this.#cover();
    this.#state = undefined;
    this.#closeRing();
    this.#sink = undefined;
  }

  /** Sums up to now; the kernel's own counters are read and added. */
  statistics(): CaptureStatistics {
    this.#cover();
    this.#framesDropped += this.#ring?.takeDropped() ?? 0;
    return {
      framesSeen: this.#framesSeen,
      framesDropped: this.#framesDropped,
      framesTruncated: this.#framesTruncated,
      bytesSeen: this.#bytesSeen,
      linkUp: this.#ring?.interfaceState()?.linkUp ?? false,
      coveredMs: Math.round(this.#coveredMs),
    };
  }

  /** Replaces the exclusions, for a hub whose address has changed. */
  exclude(exclusions: readonly Exclusion[]): void {
    this.#exclude = exclusions;
    this.#ring?.attach(this.#filter());
  }

  #openRing(): void {
    const { interfaceName, ringBytes = RING_BYTES } = this.#options;
    const blocks = Math.floor(ringBytes / RING_BLOCK_BYTES);
    const ring = new PacketRing({
      interfaceName,
      blocksCount: Math.min(Math.max(blocks, RING_BLOCKS_MIN), RING_BLOCKS_MAX),
      blockBytes: RING_BLOCK_BYTES,
      blockTimeoutMs: this.#options.blockTimeoutMs ?? RING_BLOCK_TIMEOUT_MS,
      filter: this.#exclude.length === 0 ? undefined : this.#filter(),
    });
    this.#ring = ring;
    this.#listen(ring);
    this.#enter(ring.interfaceState()?.linkUp === true ? 'up' : 'down');
  }

  #filter(): ReturnType<typeof excludeFilter> {
    const count = this.#exclude.length;
    if (count > EXCLUSIONS_MAX) {
      const { interfaceName } = this.#options;
      this.#log.warn(
        { interfaceName, count, max: EXCLUSIONS_MAX },
        'too many own endpoints to exclude; the rest is seen as plant traffic',
      );
    }
    return excludeFilter(this.#exclude);
  }

  #listen(ring: PacketRing): void {
    this.#isDeaf = false;
    // Frames are never handled inside the poll's own callback, which swallows what is thrown there;
    // and by setImmediate each interface has its turn before any has a second one. The poll is
    // level-triggered: blocks left over after a turn wake it again.
    ring.listen((hasFailed) => {
      if (hasFailed) this.#isDeaf = true;
      if (this.#isTurnScheduled) return;
      this.#isTurnScheduled = true;
      setImmediate(() => {
        this.#isTurnScheduled = false;
        this.#deliver(BLOCKS_PER_TURN_MAX);
      });
    });
  }

  #deliver(blocksMax: number): void {
    const { interfaceIndex } = this.#options;
    const indexer = this.#indexer;
    const history = this.#history;
    for (let count = 0; count < blocksMax; count++) {
      const address = this.#ring?.take(indexer, history) ?? -1;
      if (address < 0 || this.#sink === undefined) return;
      this.#framesSeen += indexer.framesCount;
      this.#framesTruncated += indexer.framesTruncated;
      this.#bytesSeen += indexer.bytesSeen;
      const block: FrameBlock = {
        bytes: history.bytes,
        index: indexer.index,
        framesCount: indexer.framesCount,
        interfaceIndex,
        linkType: LINKTYPE_ETHERNET,
        // The frames' stamps are wall clock, which may jump: this one never does.
        monotonicMs: this.#clock.monotonicMs(),
        // Offsets count from the ring's first byte, so that byte's address goes with them.
        historyAddress: this.#isHistoryKept ? address - (address % history.bytes.length) : -1,
      };
      this.#sink.block(block);
    }
  }

  #scheduleWatch(delayMs: number): void {
    this.#cancelWatch = this.#clock.after(delayMs, () => this.#watch());
  }

  #watch(): void {
    this.#cover();
    const ring = this.#ring;
    let delayMs = WATCH_INTERVAL_MS;
    if (ring === undefined) {
      this.#reopen();
    } else {
      if (this.#isDeaf) this.#hearAgain(ring);
      const now = ring.interfaceState();
      if (now?.systemIndex === ring.systemIndex) {
        this.#enter(now.linkUp ? 'up' : 'down');
      } else if (this.#state === 'missing') {
        this.#closeRing();
        this.#reopen();
      } else {
        // The interface is gone, or another one has its name. The ring stays until the kernel has
        // closed its last block, so that the last frames before the end are not lost.
        this.#enter('missing');
        delayMs = 2 * (this.#options.blockTimeoutMs ?? RING_BLOCK_TIMEOUT_MS);
      }
    }
    this.#scheduleWatch(delayMs);
  }

  #hearAgain(ring: PacketRing): void {
    const error = ring.takeError();
    const { interfaceName } = this.#options;
    this.#log.debug({ interfaceName, error }, 'the capture socket reported an error; listening on');
    this.#listen(ring);
  }

  #reopen(): void {
    try {
      this.#openRing();
    } catch (error) {
      if (!(error instanceof OperatorFault)) throw error;
      this.#enter(error.code === 'CAPTURE_INTERFACE_MISSING' ? 'missing' : 'refused', error);
    }
  }

  #closeRing(): void {
    const ring = this.#ring;
    if (ring === undefined) return;
    this.#deliver(RING_BLOCKS_MAX);
    this.#framesDropped += ring.takeDropped();
    this.#ring = undefined;
    ring.close();
  }

  #enter(state: CaptureState, cause?: OperatorFault): void {
    if (state === this.#state) return;
    this.#cover();
    this.#state = state;
    const { interfaceName, interfaceIndex, onState } = this.#options;
    const fault = cause ?? faultOf(interfaceName, state);
    if (fault === undefined) {
      this.#log.info({ interfaceName, state }, `listening on "${interfaceName}"`);
    } else {
      this.#log.warn({ interfaceName, state, code: fault.code }, fault.message);
    }
    onState?.({ interfaceName, interfaceIndex, state, ...(fault === undefined ? {} : { fault }) });
  }

  /** Adds the time since the last call, if frames could have been seen in it. */
  #cover(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#state === 'up') this.#coveredMs += nowMs - this.#coveredFromMs;
    this.#coveredFromMs = nowMs;
  }
}

function faultOf(interfaceName: string, state: CaptureState): OperatorFault | undefined {
  if (state === 'down') return interfaceDown(interfaceName);
  if (state === 'missing') return interfaceMissing(interfaceName, interfaceNames());
  return undefined;
}
