/**
 * Who polls whom, as small numbers: a client that sweeps a server is one text, not one for each of
 * its polls. A flow that polls again finds its number without making a text.
 */
import type { FlowFacts } from '../../protocols/flow.ts';
import { flatKey } from './flat-key.ts';

/** Numbers by the slot of a flow: a power of two. */
const SLOTS = 8192;

export interface Ends {
  readonly clientIpAddress: string;
  readonly serverIpAddress: string;
  readonly serverPort: number;
}

export class PollEnds {
  readonly #endsMax: number;
  readonly #ends: (Ends | undefined)[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #free: number[] = [];
  /** By slot: one more than the flow's number, and its ends. */
  readonly #flows = new Int32Array(SLOTS * 2);

  constructor(endsMax: number) {
    this.#endsMax = endsMax;
  }

  /** Of a number that `numberOf` answered and `keep` has kept. */
  of(number: number): Ends {
    const ends = this.#ends[number];
    if (ends === undefined) throw new RangeError(`no ends ${number}`);
    return ends;
  }

  /** -1: no room, or not known and `mayAdd` is false. */
  numberOfFlow(flow: FlowFacts, mayAdd: boolean): number {
    const at = (flow.slot & (SLOTS - 1)) * 2;
    if (this.#flows[at] === flow.flowNumber + 1) return this.#flows[at + 1];
    const { client, server } = flow;
    const number = this.numberOf(client.ipAddress, server.ipAddress, server.port, mayAdd);
    if (number >= 0) {
      this.#flows[at] = flow.flowNumber + 1;
      this.#flows[at + 1] = number;
    }
    return number;
  }

  /** The same by the texts. */
  numberOf(
    clientIpAddress: string,
    serverIpAddress: string,
    serverPort: number,
    mayAdd: boolean,
  ): number {
    const key = flatKey(clientIpAddress, serverIpAddress, serverPort);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    if (!mayAdd || this.#numbers.size >= this.#endsMax) return -1;
    const number = this.#free.pop() ?? this.#ends.length;
    this.#ends[number] = { clientIpAddress, serverIpAddress, serverPort };
    this.#numbers.set(key, number);
    return number;
  }

  /** Only these are used any more. */
  keep(numbers: ReadonlySet<number>): void {
    for (const [key, number] of this.#numbers) {
      if (numbers.has(number)) continue;
      this.#numbers.delete(key);
      this.#ends[number] = undefined;
      this.#free.push(number);
    }
    this.#flows.fill(0);
  }
}
