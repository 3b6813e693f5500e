/**
 * What the sensor itself can't see, told as observations when it begins and when it ends: a mirror
 * that sends one direction or everything twice, frames that were dropped, an interface that hears
 * nothing, a clock that was set, a protocol that is only encrypted.
 */
import type { FlowFacts } from '../../protocols/flow.ts';
import type {
  Observation,
  ObservationKind,
  SourceCoverage,
} from '../../protocols/interval-report.ts';

/** Reports are folded to windows of so long before they are judged. */
const WINDOW_US = 10_000_000;
/** A window with fewer proves nothing. */
const UNANSWERED_MIN = 20;
const FRAMES_MIN = 100;
const ENCRYPTED_MIN = 20;
/** Share of copies from which on the mirror doubles, and below which it doesn't any more. */
const DOUBLED_SHARE = 0.3;
const DOUBLED_OVER_SHARE = 0.05;
/** Share of the window in which frames could be seen, below which the interface is blind. */
const COVERED_SHARE = 0.5;
/** Frames come from a mirror all the time; so long without one is told. */
const SILENCE_US = 30_000_000;
/** Between two reports; smaller steps are what NTP does all day. */
const CLOCK_STEP_US = 1_000_000;
const INTERFACES_MAX = 64;

type Kind = Extract<
  ObservationKind,
  | 'mirrorOneSided'
  | 'mirrorDoubled'
  | 'framesDropped'
  | 'noTraffic'
  | 'coverageLost'
  | 'onlyEncrypted'
>;

interface InterfaceWindow {
  framesSeen: number;
  framesDropped: number;
  framesDuplicate: number;
  coveredMs: number;
  intervalMs: number;
  linkUp: boolean | undefined;
  heardUs: number;
}

export interface HonestyInterval {
  readonly fromUs: number;
  readonly toUs: number;
  readonly coverage: readonly SourceCoverage[];
}

export class SensorHonesty {
  readonly #windows = new Map<string, InterfaceWindow>();
  /** By interface number: transactions with both sides, and those of flows with one side only. */
  readonly #matched = new Uint32Array(INTERFACES_MAX);
  readonly #clientOnly = new Uint32Array(INTERFACES_MAX);
  readonly #serverOnly = new Uint32Array(INTERFACES_MAX);
  #readable = 0;
  #encrypted = 0;
  readonly #open = new Set<string>();
  #windowFromUs = 0;
  #lastToUs = 0;

  matched(interfaceIndex: number): void {
    if (interfaceIndex < INTERFACES_MAX) this.#matched[interfaceIndex]++;
  }

  /** A transaction of which one side was not seen. */
  unmatched({ interfaceIndex, clientSegmentsCount, serverSegmentsCount }: FlowFacts): void {
    if (interfaceIndex >= INTERFACES_MAX) return;
    if (serverSegmentsCount === 0) this.#clientOnly[interfaceIndex]++;
    else if (clientSegmentsCount === 0) this.#serverOnly[interfaceIndex]++;
  }

  /** A service transaction of OPC UA; its body could be read, or not. */
  opcua(isReadable: boolean): void {
    if (isReadable) this.#readable++;
    else this.#encrypted++;
  }

  /** What began or ended with this interval. */
  observe({ fromUs, toUs, coverage }: HonestyInterval): Observation[] {
    const told: Observation[] = [];
    const stepUs = this.#lastToUs === 0 ? 0 : fromUs - this.#lastToUs;
    this.#lastToUs = toUs;
    if (Math.abs(stepUs) > CLOCK_STEP_US) {
      told.push({
        kind: 'clockStepped',
        timeUs: toUs,
        details: { stepMs: Math.round(stepUs / 1000) },
      });
      this.#windowFromUs = fromUs;
      for (const window of this.#windows.values()) window.heardUs += stepUs;
    }
    for (const each of coverage) this.#add(each, toUs, told);
    if (this.#windowFromUs === 0) this.#windowFromUs = fromUs;
    if (toUs - this.#windowFromUs < WINDOW_US) return told;
    for (const [index, { interfaceName }] of coverage.entries()) {
      this.#judge(interfaceName, index, toUs, told);
    }
    const isOnlyEncrypted = this.#encrypted >= ENCRYPTED_MIN && this.#readable === 0;
    this.#edge('onlyEncrypted', '', isOnlyEncrypted, this.#readable > 0, toUs, told, {
      protocol: 'opcua',
      messages: this.#encrypted,
    });
    this.#readable = 0;
    this.#encrypted = 0;
    this.#windowFromUs = toUs;
    return told;
  }

  #add(each: SourceCoverage, toUs: number, told: Observation[]): void {
    const { interfaceName, linkUp, framesSeen } = each;
    let window = this.#windows.get(interfaceName);
    if (window === undefined) {
      if (this.#windows.size >= INTERFACES_MAX) return;
      window = { ...EMPTY, linkUp: undefined, heardUs: toUs };
      this.#windows.set(interfaceName, window);
    }
    window.framesSeen += framesSeen;
    window.framesDropped += each.framesDropped;
    window.framesDuplicate += each.framesDuplicate ?? 0;
    window.coveredMs += each.coveredMs;
    window.intervalMs += each.intervalMs;
    if (framesSeen > 0) window.heardUs = toUs;
    if (window.linkUp !== linkUp && (window.linkUp !== undefined || !linkUp)) {
      const state = linkUp ? 'up' : 'down';
      told.push({ kind: 'interfaceState', timeUs: toUs, details: { interfaceName, state } });
    }
    window.linkUp = linkUp;
  }

  #judge(interfaceName: string, index: number, toUs: number, told: Observation[]): void {
    const window = this.#windows.get(interfaceName);
    if (window === undefined) return;
    const { framesSeen, framesDropped, framesDuplicate, coveredMs, intervalMs, linkUp } = window;
    const edge = (kind: Kind, begins: boolean, ends: boolean, details: Details): void =>
      this.#edge(kind, interfaceName, begins, ends, toUs, told, { interfaceName, ...details });
    const clientOnly = this.#clientOnly[index] ?? 0;
    const serverOnly = this.#serverOnly[index] ?? 0;
    const matched = this.#matched[index] ?? 0;
    const oneSided = Math.max(clientOnly, serverOnly);
    edge('mirrorOneSided', oneSided >= UNANSWERED_MIN && matched === 0, matched > oneSided, {
      direction: clientOnly >= serverOnly ? 'clientOnly' : 'serverOnly',
      transactions: oneSided,
    });
    const copies = framesSeen === 0 ? 0 : framesDuplicate / framesSeen;
    const isEnough = framesSeen >= FRAMES_MIN;
    edge(
      'mirrorDoubled',
      isEnough && copies >= DOUBLED_SHARE,
      isEnough && copies < DOUBLED_OVER_SHARE,
      {
        framesSeen,
        framesDuplicate,
      },
    );
    edge('framesDropped', framesDropped > 0, framesDropped === 0, { framesSeen, framesDropped });
    const silentUs = toUs - window.heardUs;
    edge('noTraffic', linkUp === true && silentUs >= SILENCE_US, framesSeen > 0, {
      silentSeconds: Math.round(silentUs / 1_000_000),
    });
    const covered = intervalMs === 0 ? 1 : coveredMs / intervalMs;
    edge('coverageLost', covered < COVERED_SHARE, covered >= COVERED_SHARE, {
      coveredMs: Math.round(coveredMs),
      intervalMs: Math.round(intervalMs),
    });
    this.#matched[index] = 0;
    this.#clientOnly[index] = 0;
    this.#serverOnly[index] = 0;
    Object.assign(window, { ...EMPTY, linkUp, heardUs: window.heardUs });
  }

  #edge(
    kind: Kind,
    place: string,
    begins: boolean,
    ends: boolean,
    timeUs: number,
    told: Observation[],
    details: Details,
  ): void {
    const key = `${kind} ${place}`;
    if (!this.#open.has(key) && begins) {
      this.#open.add(key);
      told.push({ kind, timeUs, details: { ...details, state: 'began' } });
    } else if (this.#open.has(key) && ends) {
      this.#open.delete(key);
      told.push({ kind, timeUs, details: { ...details, state: 'ended' } });
    }
  }
}

type Details = Readonly<Record<string, string | number | boolean>>;

const EMPTY = {
  framesSeen: 0,
  framesDropped: 0,
  framesDuplicate: 0,
  coveredMs: 0,
  intervalMs: 0,
} as const;
