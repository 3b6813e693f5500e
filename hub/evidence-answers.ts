/**
 * What agents answered to requests for evidence, put together from its parts. Pure: bytes come
 * from the store, where each was verified, and are read here once more like any other.
 */
import type { Evidence } from '../protocols/uplink/messages.ts';

export type EvidenceAnswer =
  | { readonly kind: 'frames'; readonly detectionId: string; readonly pcap: Uint8Array }
  | {
      readonly kind: 'absent';
      readonly detectionId: string;
      readonly absence: NonNullable<Evidence['absence']>;
    };

interface Parts {
  readonly of: number;
  readonly byNumber: Map<number, Evidence>;
}

/** Parts of requests that were sent; those of any other request are left alone. */
export class EvidenceAnswers {
  readonly #open: ReadonlyMap<string, string>;
  readonly #parts = new Map<string, Parts>();

  /** `requests`: detectionId by requestId. */
  constructor(requests: ReadonlyMap<string, string>) {
    this.#open = requests;
  }

  /** The same part may come twice; parts may come in any order. */
  add(evidence: Evidence): void {
    const { requestId, detectionId, part } = evidence;
    if (this.#open.get(requestId) !== detectionId) return;
    const known = this.#parts.get(requestId) ?? { of: part.of, byNumber: new Map() };
    this.#parts.set(requestId, known);
    if (known.of === part.of) known.byNumber.set(part.number, evidence);
  }

  /** Those that are whole, in the order they were asked for. */
  get whole(): readonly EvidenceAnswer[] {
    return [...this.#open.keys()].flatMap((requestId): EvidenceAnswer[] => {
      const parts = this.#parts.get(requestId);
      if (parts === undefined || parts.byNumber.size < parts.of) return [];
      const inOrder = [...parts.byNumber].sort(([a], [b]) => a - b).map(([, part]) => part);
      const [{ detectionId, absence }] = inOrder;
      if (absence !== undefined) return [{ kind: 'absent', detectionId, absence }];
      const pcap = Uint8Array.from(Buffer.concat(inOrder.map((part) => part.pcap)));
      return [{ kind: 'frames', detectionId, pcap }];
    });
  }

  get isComplete(): boolean {
    return this.whole.length === this.#open.size;
  }
}
