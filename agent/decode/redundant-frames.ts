/**
 * The second copy of a frame in a redundant network: PRP sends each frame on two LANs, HSR round
 * the ring both ways. Sender and sequence number tell the copies, which can be far apart.
 * Spec: IEC 62439-3 clauses 4.1.10 and 5.3 (duplicate discard).
 */
import type { CarrierCounters } from '../../protocols/decode-sink.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import { MAC_BYTES } from '../../protocols/link/addresses.ts';
import type { FrameHeaders } from '../../protocols/link/frame-headers.ts';
import { hsrPathId, hsrSequenceNumber } from '../../protocols/link/hsr.ts';
import { int32At, uint16At } from '../../protocols/link/network-order.ts';
import { PRP_LAN_A, prpLanId, prpSequenceNumber, prpTrailerAt } from '../../protocols/link/prp.ts';
import { mixHash } from './mix-hash.ts';

/** Frames remembered; one that takes another's place only lets that one's copy through. */
export const REDUNDANT_FRAMES_MAX = 8192;
/** EntryForgetTime of IEC 62439-3 clause 4.3. */
const AGE_MAX_US = 400_000;
const WAYS = 2;

export const REDUNDANCY_NONE = 0;
const REDUNDANCY_PRP = 1;
const REDUNDANCY_HSR = 2;

export class RedundantFrames {
  readonly #counters: CarrierCounters;
  readonly #high = new Int32Array(REDUNDANT_FRAMES_MAX);
  readonly #low = new Int32Array(REDUNDANT_FRAMES_MAX);
  readonly #timeUs = new Float64Array(REDUNDANT_FRAMES_MAX).fill(Number.NEGATIVE_INFINITY);
  /** Of the frame that `isCopy` looked at last. */
  kind: 0 | 1 | 2 = REDUNDANCY_NONE;
  #lane = 0;
  #sequenceNumber = 0;

  constructor(counters: CarrierCounters) {
    this.#counters = counters;
  }

  /** Whether the Ethernet frame in `bytes[offset, end)` came before, by trailer or tag. */
  isCopy(
    headers: FrameHeaders,
    bytes: Uint8Array,
    offset: number,
    end: number,
    timeUs: number,
  ): boolean {
    this.kind = REDUNDANCY_NONE;
    if (headers.hsrTag >= 0 && headers.hsrSourceMac >= 0) {
      this.kind = REDUNDANCY_HSR;
      this.#counters.hsrFramesCount++;
      this.#lane = hsrPathId(bytes, headers.hsrTag);
      this.#sequenceNumber = hsrSequenceNumber(bytes, headers.hsrTag);
      return this.#isKnown(bytes, headers.hsrSourceMac, timeUs);
    }
    const trailer = prpTrailerAt(bytes, offset, end);
    if (trailer < 0) return false;
    this.kind = REDUNDANCY_PRP;
    this.#lane = prpLanId(bytes, trailer);
    if (this.#lane === PRP_LAN_A) this.#counters.prpLanAFramesCount++;
    else this.#counters.prpLanBFramesCount++;
    this.#sequenceNumber = prpSequenceNumber(bytes, trailer);
    return this.#isKnown(bytes, offset + MAC_BYTES, timeUs);
  }

  /** Writes what the frame said into its flow, for the record that it completes. */
  noteIn(flow: FlowFacts): void {
    const sequenceNumber = this.#sequenceNumber;
    if (this.kind === REDUNDANCY_PRP) {
      const lanId = this.#lane === PRP_LAN_A ? 'A' : 'B';
      if (flow.prp === undefined) flow.prp = { lanId, sequenceNumber };
      flow.prp.lanId = lanId;
      flow.prp.sequenceNumber = sequenceNumber;
    } else if (this.kind === REDUNDANCY_HSR) {
      const pathId = this.#lane;
      if (flow.hsr === undefined) flow.hsr = { pathId, sequenceNumber };
      flow.hsr.pathId = pathId;
      flow.hsr.sequenceNumber = sequenceNumber;
    }
  }

  #isKnown(bytes: Uint8Array, sourceMac: number, timeUs: number): boolean {
    const high = int32At(bytes, sourceMac);
    const low = (uint16At(bytes, sourceMac + 4) << 16) | this.#sequenceNumber;
    const first = (mixHash(high, low) & (REDUNDANT_FRAMES_MAX / WAYS - 1)) * WAYS;
    let oldest = first;
    for (let entry = first; entry < first + WAYS; entry++) {
      const isSame = this.#high[entry] === high && this.#low[entry] === low;
      if (isSame && Math.abs(timeUs - this.#timeUs[entry]) <= AGE_MAX_US) return true;
      if (isSame || this.#timeUs[entry] < this.#timeUs[oldest]) oldest = entry;
      if (isSame) break;
    }
    this.#high[oldest] = high;
    this.#low[oldest] = low;
    this.#timeUs[oldest] = timeUs;
    return false;
  }
}
