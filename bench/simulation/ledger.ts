/**
 * What the gateway has promised, seen from outside: every message whose commit has returned, what
 * became of it, and under whose receipt it was deleted. The product knows nothing of this book.
 */
import type { Receipt, Stream } from '../../protocols/uplink/messages.ts';
import type { Life } from './life.ts';

/** So many receipts of a life that seemed over, with none of the newest between, prove it alive. */
const REVIVED_AFTER = 8;

export interface Place {
  readonly epoch: number;
  readonly stream: Stream;
  readonly sequence: number;
}

export interface Promised extends Place {
  /** Hex, over the signed bytes. */
  readonly sha256: string;
  /** Rises with each promise. */
  readonly order: number;
  readonly life: Life;
  /** The life's calls to the outside when the commit had returned. */
  readonly call: number;
  /** Still in the outbox, as far as it was looked at. */
  isPending: boolean;
  /** Nobody owes it any more: its commit was in flight at a crash. */
  isExcused: boolean;
}

export interface RecordedCase {
  readonly detectionId: string;
  readonly order: number;
  readonly life: Life;
  readonly call: number;
  /** The commit of its alert: the life, and its calls by then. */
  alerted: { readonly life: Life; readonly call: number } | undefined;
  isExcused: boolean;
}

/** What the hub's database held in one of its lives. */
export type HasCommitted = (hubEpoch: number, place: Place, sha256: string) => boolean;

export class Ledger {
  readonly violations: string[] = [];
  /** By name and hash: a sequence that a crash undid may be promised again. */
  readonly promises = new Map<string, Promised>();
  readonly cases = new Map<string, RecordedCase>();
  readonly #places = new Map<string, Place>();
  readonly #bytes = new Map<string, Uint8Array>();
  readonly #published = new Map<string, string>();
  readonly #hasCommitted: HasCommitted;
  /** Lives of the hub in the order in which the agent has heard of them. */
  #hubEpochs: number[] = [];
  #heardNews: { readonly life: Life; readonly call: number } | undefined;
  /** The agent's disk may know less of the hub's lives than was heard. */
  #isUnsure = false;
  #late: { hubEpoch: number; serial: number; inARow: number } | undefined;
  #order = 0;

  constructor(hasCommitted: HasCommitted) {
    this.#hasCommitted = hasCommitted;
  }

  get order(): number {
    return this.#order;
  }

  violate(sentence: string): void {
    if (this.violations.length < 20) this.violations.push(sentence);
  }

  /** Signed, not yet committed. */
  sealed({ epoch, stream, sequence }: Place, sha256: string, bytes: Uint8Array): void {
    this.#places.set(sha256, { epoch, stream, sequence });
    this.#bytes.set(sha256, bytes);
  }

  /** The commit has returned. */
  promise(sha256: string, life: Life): void {
    const place = this.#places.get(sha256);
    if (place === undefined) return;
    this.promises.set(`${nameOf(place)}/${sha256}`, {
      ...place,
      sha256,
      order: ++this.#order,
      life,
      call: life.calls,
      isPending: true,
      isExcused: false,
    });
  }

  recorded(detectionId: string, life: Life): void {
    if (this.cases.has(detectionId)) return;
    const order = ++this.#order;
    const call = life.calls;
    const made = { detectionId, order, life, call, alerted: undefined, isExcused: false };
    this.cases.set(detectionId, made);
  }

  alerted(detectionId: string, life: Life): void {
    const known = this.cases.get(detectionId);
    if (known !== undefined) known.alerted = { life, call: life.calls };
  }

  /** What was signed under this hash. */
  bytesOf(sha256: string): Uint8Array | undefined {
    return this.#bytes.get(sha256);
  }

  placeOf(sha256: string): Place | undefined {
    return this.#places.get(sha256);
  }

  /** The bytes leave the gateway: from here on the sequence is taken. */
  publish(sha256: string): void {
    const place = this.#places.get(sha256);
    if (place === undefined) {
      this.violate(`published unsigned bytes ${sha256}`);
      return;
    }
    const name = nameOf(place);
    const known = this.#published.get(name);
    if (known !== undefined && known !== sha256) {
      this.violate(`sequence ${name} left the gateway with two contents`);
    }
    this.#published.set(name, sha256);
  }

  /** A tombstone stands for these: they made room. */
  evicted(stream: Stream, epochOf: number, from: number, to: number): void {
    for (const each of this.promises.values()) {
      if (each.stream !== stream || each.epoch !== epochOf) continue;
      if (from <= each.sequence && each.sequence <= to) each.isPending = false;
    }
  }

  /** A verified receipt came: which life of the hub is the newest, as far as an agent can know? */
  heard({ hubEpoch, receiptSerial }: Receipt, life: Life): void {
    const at = this.#hubEpochs.indexOf(hubEpoch);
    if (at < 0) {
      this.#hubEpochs.push(hubEpoch);
      this.#heardNews = { life, call: life.calls };
    }
    const isNewest = this.#hubEpochs.at(-1) === hubEpoch;
    if (isNewest || this.#late?.hubEpoch !== hubEpoch) this.#late = undefined;
    if (isNewest || receiptSerial <= (this.#late?.serial ?? 0)) return;
    const inARow = (this.#late?.inARow ?? 0) + 1;
    this.#late = { hubEpoch, serial: receiptSerial, inARow };
    if (inARow < REVIVED_AFTER) return;
    this.#hubEpochs.splice(at, 1);
    this.#hubEpochs.push(hubEpoch);
    this.#heardNews = { life, call: life.calls };
    this.#late = undefined;
  }

  /** `left`: what of this stream is still in the outbox, by name. */
  receiptApplied(receipt: Receipt, left: ReadonlySet<string>): void {
    const { epoch, stream } = receipt;
    const known = this.#hubEpochs.at(-1) ?? receipt.hubEpoch;
    for (const each of this.promises.values()) {
      if (each.epoch !== epoch || each.stream !== stream || !each.isPending) continue;
      const name = nameOf(each);
      if (left.has(name)) continue;
      each.isPending = false;
      if (receipt.refused.some(({ sequence }) => sequence === each.sequence)) continue;
      if (each.isExcused) continue;
      if (!covers(receipt, each.sequence)) {
        this.violate(`${name} is gone from the outbox, and no receipt names it`);
      } else if (!this.#isCommitted(receipt, known, each)) {
        this.violate(`${name} was deleted, and hub life ${known} had not committed it`);
      }
    }
  }

  /** A crash at `call`; `isWhole`: every commit before it is on the disk. */
  crashed(life: Life, isWhole: boolean): void {
    if (isWhole) return;
    const isInFlight = (made: { readonly life: Life; readonly call: number }): boolean =>
      made.life === life && made.call >= life.calls - 1;
    this.#isUnsure ||= this.#heardNews !== undefined && isInFlight(this.#heardNews);
    for (const each of this.promises.values()) {
      if (isInFlight(each)) each.isExcused = true;
    }
    for (const each of this.cases.values()) {
      if (isInFlight(each)) each.isExcused = true;
      // The alert may be undone while its case is not: it is signed again.
      if (each.alerted !== undefined && isInFlight(each.alerted)) each.alerted = undefined;
    }
  }

  /** The database is that of `order`. */
  restored(order: number): void {
    this.#isUnsure = true;
    for (const each of this.promises.values()) {
      if (each.order > order) each.isPending = false;
    }
    for (const each of this.cases.values()) {
      if (each.order > order) each.isExcused = true;
    }
  }

  #isCommitted({ hubEpoch }: Receipt, known: number, each: Promised): boolean {
    if (this.#hasCommitted(known, each, each.sha256)) return true;
    return this.#isUnsure && this.#hasCommitted(hubEpoch, each, each.sha256);
  }
}

export function nameOf({ epoch, stream, sequence }: Place): string {
  return `${epoch}/${stream}/${sequence}`;
}

export function covers({ cumulative, have }: Receipt, sequence: number): boolean {
  return sequence <= cumulative || have.some(({ from, to }) => from <= sequence && sequence <= to);
}
