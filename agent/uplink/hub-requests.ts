/**
 * Answers what the hub asks for on `dn/c`: ranges once more, frames of a detection. Data only; what
 * is gone is said in a signed statement, and a request is answered once, however often it comes.
 */

import type { GoneRange } from '../../buffer/deleted-ranges.ts';
import { hubLostFacts } from '../../buffer/losses.ts';
import type { AppendResult, SiteBuffer } from '../../buffer/site-buffer.ts';
import { encodePcapHeader, encodePcapRecord } from '../../protocols/pcap/pcap-write.ts';
import { EVIDENCE_PART_BYTES_MAX } from '../../protocols/uplink/evidence.ts';
import {
  type EvidenceRequest,
  type HubRequest,
  type ResendRange,
  type Sharing,
  STREAM_ALERTS,
  STREAM_EVIDENCE,
} from '../../protocols/uplink/messages.ts';
import type { Log } from '../platform/log.ts';
import type { EvidenceContent, MessageSealer } from './message-sealer.ts';

/** Requests that are remembered as answered; older ones may be answered a second time. */
const ANSWERED_MAX = 256;
/** Parts of one answer (docs/wire-format.cddl). */
const PARTS_MAX = 255;
/** Masked frames hardly compress; the rest of a message needs this much. */
const PART_OVERHEAD_BYTES = 256;
const LINKTYPE_ETHERNET = 1;
const SECOND_US = 1_000_000;

export interface HubRequestsOptions {
  readonly buffer: SiteBuffer;
  readonly sealer: MessageSealer;
  readonly sharing: Sharing;
  readonly log: Log;
  readonly sendAgain: (range: ResendRange) => void;
  readonly messageBytesMax: () => number;
}

export class HubRequests {
  readonly #options: HubRequestsOptions;
  readonly #answered = new Set<string>();
  #hubEpoch = 0;
  #serial = 0;

  constructor(options: HubRequestsOptions) {
    this.#options = options;
  }

  /** `request`: of this agent, its signature verified. False for an old one. */
  answer(request: HubRequest): boolean {
    const { hubEpoch, requestSerial, resend, evidence } = request;
    if (hubEpoch === this.#hubEpoch && requestSerial <= this.#serial) return false;
    this.#hubEpoch = hubEpoch;
    this.#serial = requestSerial;
    for (const range of resend) {
      this.#sayWhatIsGone(range);
      this.#options.sendAgain(range);
    }
    for (const each of evidence) this.#sendEvidence(each);
    return true;
  }

  /** The hub came back from an older copy: it may have lost our answers too. */
  hubIsOlder(): void {
    this.#answered.clear();
  }

  /** The hub no longer has what it had receipted, and neither have we: said once. */
  #sayHubLost(place: ResendRange, gone: GoneRange): void {
    const name = `lost ${place.epoch}/${place.stream}/${gone.from}-${gone.to}`;
    if (gone.to < gone.from || this.#answered.has(name)) return;
    const facts = hubLostFacts(place, gone);
    const { buffer, sealer } = this.#options;
    const result = buffer.append(STREAM_ALERTS, (position) => sealer.statement(position, facts));
    if (result.kind === 'appended') this.#remember(name);
    else this.#logFault(result);
  }

  /** What was deleted on a receipt can't be sent again; what was never signed isn't gone. */
  #sayWhatIsGone(range: ResendRange): void {
    for (const gone of this.#options.buffer.gone(range)) this.#sayHubLost(range, gone);
  }

  #sendEvidence({ requestId, detectionId }: EvidenceRequest): void {
    if (this.#answered.has(requestId)) return;
    const { buffer, sealer, sharing } = this.#options;
    const frames = sharing === 'full' ? this.#pcapOf(detectionId) : undefined;
    const base = { kind: 'evidence' as const, requestId, detectionId };
    const none: EvidenceContent = {
      ...base,
      part: { number: 1, of: 1 },
      pcap: new Uint8Array(0),
      absence: sharing === 'full' ? 'gone' : 'notShared',
    };
    const contents = frames === undefined ? [none] : this.#parts(frames, base);
    for (const content of contents) {
      const result = buffer.append(STREAM_EVIDENCE, (position) =>
        sealer.evidence(position, content),
      );
      if (result.kind === 'fault') {
        this.#logFault(result);
        return;
      }
    }
    this.#remember(requestId);
  }

  #parts(
    pcap: Uint8Array,
    base: Pick<EvidenceContent, 'kind' | 'requestId' | 'detectionId'>,
  ): EvidenceContent[] {
    const room = this.#options.messageBytesMax() - PART_OVERHEAD_BYTES;
    const least = Math.ceil(pcap.byteLength / PARTS_MAX);
    const size = Math.max(least, Math.min(EVIDENCE_PART_BYTES_MAX, room));
    const of = Math.max(1, Math.ceil(pcap.byteLength / size));
    return Array.from({ length: of }, (_, index) => ({
      ...base,
      part: { number: index + 1, of },
      pcap: pcap.slice(index * size, (index + 1) * size),
    }));
  }

  /** Frames are kept without a stamp each: all carry the time at which the case was last seen. */
  #pcapOf(detectionId: string): Uint8Array | undefined {
    const stored = this.#options.buffer.detection(detectionId);
    const frames = stored?.evidence.frames;
    if (stored === undefined || frames === undefined || frames.length === 0) return undefined;
    const seconds = Math.floor(stored.lastSeenUs / SECOND_US);
    const fraction = stored.lastSeenUs % SECOND_US;
    return Uint8Array.from(
      Buffer.concat([
        encodePcapHeader({ linkType: LINKTYPE_ETHERNET, unit: 'microseconds' }),
        ...frames.map((frame) => encodePcapRecord(frame, seconds, fraction)),
      ]),
    );
  }

  #remember(name: string): void {
    if (this.#answered.size >= ANSWERED_MAX) {
      const [oldest] = this.#answered;
      this.#answered.delete(oldest);
    }
    this.#answered.add(name);
  }

  #logFault({ fault }: Extract<AppendResult, { kind: 'fault' }>): void {
    this.#options.log.warn({ code: fault.code, remedy: fault.remedy }, fault.problem);
  }
}
