/**
 * The advisories that this site knows, as their signed bytes in one small file: they are verified
 * again whenever they are read. A revision never goes back, also after a restart.
 */
import { readFileSync } from 'node:fs';
import type { Advisory } from '../../protocols/uplink/messages.ts';
import { type KeyLookup, openAdvisory } from '../../protocols/uplink/open.ts';
import type { Layer } from '../../protocols/uplink/refusal.ts';
import { writeWhole } from '../platform/durable-file.ts';
import type { Log } from '../platform/log.ts';

/** The one that expires first makes room. */
export const ADVISORIES_MAX = 64;
const FILE_BYTES_MAX = 2 ** 20;
const HEX = /^(?:[0-9a-f]{2})+$/;

export interface KnownAdvisory {
  readonly advisory: Advisory;
  /** Signed bytes. */
  readonly bytes: Uint8Array;
  readonly receivedAtMs: number;
  /** Said to the hub already, by what was found. */
  readonly answered?: 'seenHere' | 'notApplicable';
  readonly acknowledged?: { readonly by?: string; readonly atMs: number };
}

export type AdvisoryOutcome =
  | { readonly kind: 'new' | 'known' | 'expired'; readonly known: KnownAdvisory }
  /** A lower revision than the known one, or another content under the same. */
  | { readonly kind: 'rolledBack'; readonly advisory: Advisory; readonly known: KnownAdvisory }
  | { readonly kind: 'refused'; readonly layer: Layer; readonly reason: string };

export class AdvisoryBook {
  readonly #path: string;
  readonly #keys: KeyLookup;
  readonly #log: Log;
  readonly #byId = new Map<string, KnownAdvisory>();
  evicted = 0;

  /** `path`: of the file; a missing one is an empty book, a damaged one too: the log says so. */
  constructor(path: string, keys: KeyLookup, log: Log) {
    this.#path = path;
    this.#keys = keys;
    this.#log = log;
    this.#load();
  }

  /** Newest first; also expired ones, as long as there is room for them. */
  list(): readonly KnownAdvisory[] {
    return [...this.#byId.values()].toSorted((a, b) => b.advisory.issuedMs - a.advisory.issuedMs);
  }

  find(advisoryId: string): KnownAdvisory | undefined {
    return this.#byId.get(advisoryId);
  }

  /** `nowMs`: no later than the true time; what expired before it is no longer shown. */
  receive(bytes: Uint8Array, sector: string, topic: string, nowMs: number): AdvisoryOutcome {
    const opened = openAdvisory(bytes, this.#keys, sector, topic);
    if (opened.kind === 'refused') {
      const { layer, reason, detail } = opened;
      return { kind: 'refused', layer, reason: `${layer}: ${reason}, ${detail}` };
    }
    const advisory = opened.message;
    const known = this.#byId.get(advisory.advisoryId);
    if (known !== undefined && known.advisory.revision >= advisory.revision) {
      const isSame = Buffer.compare(known.bytes, bytes) === 0;
      return isSame ? { kind: 'known', known } : { kind: 'rolledBack', advisory, known };
    }
    const next = { advisory, bytes: Uint8Array.from(bytes), receivedAtMs: nowMs };
    this.#put(next);
    this.#save();
    return { kind: advisory.expiresMs <= nowMs ? 'expired' : 'new', known: next };
  }

  /** Remembers what was said of it, once it is signed. */
  mark(advisoryId: string, marks: Pick<KnownAdvisory, 'answered' | 'acknowledged'>): void {
    const known = this.#byId.get(advisoryId);
    if (known === undefined) return;
    this.#byId.set(advisoryId, { ...known, ...marks });
    this.#save();
  }

  #put(next: KnownAdvisory): void {
    this.#byId.set(next.advisory.advisoryId, next);
    if (this.#byId.size <= ADVISORIES_MAX) return;
    const [first] = [...this.#byId.values()].toSorted(
      (a, b) => a.advisory.expiresMs - b.advisory.expiresMs,
    );
    this.#byId.delete(first.advisory.advisoryId);
    this.evicted++;
  }

  #save(): void {
    const entries = [...this.#byId.values()].map(({ advisory, bytes, ...rest }) => ({
      sector: advisory.sector,
      bytesHex: Buffer.from(bytes).toString('hex'),
      ...rest,
    }));
    try {
      writeWhole(this.#path, `${JSON.stringify({ advisories: entries })}\n`, 0o600);
    } catch (error) {
      // The hub retains it: it comes again with the next connection.
      this.#log.warn({ event: 'advisoriesNotSaved', error: String(error) }, 'advisories not saved');
    }
  }

  #load(): void {
    let entries: unknown;
    try {
      const text = readFileSync(this.#path, 'utf8').slice(0, FILE_BYTES_MAX);
      const facts: unknown = JSON.parse(text);
      entries =
        typeof facts === 'object' && facts !== null && 'advisories' in facts
          ? facts.advisories
          : undefined;
    } catch (error) {
      const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!isMissing) this.#log.warn({ event: 'advisoriesUnreadable' }, 'advisories unreadable');
      return;
    }
    for (const entry of Array.isArray(entries) ? entries.slice(0, ADVISORIES_MAX) : []) {
      const known = this.#knownOf(entry);
      if (known !== undefined) this.#byId.set(known.advisory.advisoryId, known);
    }
  }

  #knownOf(entry: unknown): KnownAdvisory | undefined {
    if (typeof entry !== 'object' || entry === null) return undefined;
    if (!('sector' in entry && 'bytesHex' in entry && 'receivedAtMs' in entry)) return undefined;
    const { sector, bytesHex, receivedAtMs } = entry;
    if (typeof sector !== 'string' || typeof receivedAtMs !== 'number') return undefined;
    if (typeof bytesHex !== 'string' || !HEX.test(bytesHex)) return undefined;
    const bytes = Uint8Array.from(Buffer.from(bytesHex, 'hex'));
    const opened = openAdvisory(bytes, this.#keys, sector);
    if (opened.kind === 'refused') return undefined;
    const answered = 'answered' in entry ? entry.answered : undefined;
    const acknowledged = acknowledgedOf('acknowledged' in entry ? entry.acknowledged : undefined);
    return {
      advisory: opened.message,
      bytes,
      receivedAtMs,
      ...((answered === 'seenHere' || answered === 'notApplicable') && { answered }),
      ...(acknowledged && { acknowledged }),
    };
  }
}

function acknowledgedOf(value: unknown): KnownAdvisory['acknowledged'] {
  if (typeof value !== 'object' || value === null || !('atMs' in value)) return undefined;
  if (typeof value.atMs !== 'number') return undefined;
  const by = 'by' in value && typeof value.by === 'string' ? value.by : undefined;
  return { atMs: value.atMs, ...(by !== undefined && { by }) };
}
