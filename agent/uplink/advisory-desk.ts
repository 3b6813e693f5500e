/**
 * What happens with a warning: verified, kept, compared with what the site has seen, shown, and
 * answered in the chain: `seen` by itself, `acknowledged` by a person.
 */
import type { AppendResult } from '../../buffer/site-buffer.ts';
import { SECTOR_ALL } from '../../protocols/uplink/advisory.ts';
import type { Layer } from '../../protocols/uplink/refusal.ts';
import { parseTopic } from '../../protocols/uplink/topics.ts';
import type { Log } from '../platform/log.ts';
import { OperatorFault } from '../platform/operator-fault.ts';
import type { AdvisoryBook, KnownAdvisory } from './advisory-book.ts';
import type { IndicatorWatch, SeenIndicators } from './indicator-watch.ts';
import type { AdvisoryAnswerContent } from './message-sealer.ts';

export interface AdvisoryView {
  readonly advisoryId: string;
  readonly revision: number;
  readonly sector: string;
  readonly tlp: string;
  readonly headline: string;
  readonly advice: string;
  readonly issuedMs: number;
  readonly expiresMs: number;
  readonly isExpired: boolean;
  readonly applicability: 'seenHere' | 'notApplicable';
  /** Which of its indicators this site has seen; absent when none. */
  readonly seen?: SeenIndicators;
  readonly acknowledged?: { readonly by?: string; readonly atMs: number };
}

export interface AdvisoryDeskOptions {
  readonly book: AdvisoryBook;
  readonly watch: IndicatorWatch;
  readonly sector: string | undefined;
  readonly log: Log;
  /** New at this site, or met here now. */
  readonly show: (advisory: AdvisoryView) => void;
  /** A lower bound of the true time. */
  readonly nowMs: () => number;
  /** Signs it on stream 1. */
  readonly answer: (content: AdvisoryAnswerContent) => AppendResult;
}

export class AdvisoryDesk {
  readonly #options: AdvisoryDeskOptions;
  #watchRevision = -1;
  #refused = 0;

  constructor(options: AdvisoryDeskOptions) {
    this.#options = options;
  }

  /** Since start: foreign keys, broken rules, rolled back. */
  get refusedCount(): number {
    return this.#refused;
  }

  /** True when `topic` is one of advisories, whatever became of the bytes. */
  receive(topic: string, bytes: Uint8Array): { readonly fault?: OperatorFault } | undefined {
    const parsed = parseTopic(topic);
    if (parsed?.kind !== 'advisory') return undefined;
    const { book, sector, log, nowMs } = this.#options;
    // A retained message that was taken back is empty.
    if (bytes.byteLength === 0) return {};
    if (parsed.sector !== SECTOR_ALL && parsed.sector !== sector) return {};
    const outcome = book.receive(bytes, parsed.sector, topic, nowMs());
    switch (outcome.kind) {
      case 'refused':
        this.#refused++;
        return { fault: refusedFault(outcome.reason, remedyOf(outcome.layer)) };
      case 'rolledBack': {
        this.#refused++;
        const { advisoryId, revision } = outcome.advisory;
        const known = outcome.known.advisory.revision;
        const why = `"${advisoryId}" revision ${revision} after ${known}`;
        return { fault: refusedFault(why, revision === known ? REMEDY_TWICE : REMEDY_OLDER) };
      }
      case 'new': {
        const { advisoryId, revision, tlp, headline } = outcome.known.advisory;
        log.warn({ event: 'advisory', advisoryId, revision, tlp }, headline);
        this.#answerSeen(outcome.known);
        return {};
      }
      case 'known':
      case 'expired':
        return {};
      default:
        return outcome satisfies never;
    }
  }

  /** Call after new things were seen: an advisory may apply now that didn't before. */
  review(): void {
    const { watch, book } = this.#options;
    if (watch.revision === this.#watchRevision) return;
    this.#watchRevision = watch.revision;
    for (const known of book.list()) this.#answerSeen(known);
  }

  views(): readonly AdvisoryView[] {
    return this.#options.book.list().map((known) => this.#viewOf(known));
  }

  /** Undefined when it is not known; the view behind it otherwise. */
  acknowledge(advisoryId: string, by: string | undefined): AdvisoryView | OperatorFault {
    const { book, nowMs, answer } = this.#options;
    const known = book.find(advisoryId);
    if (known === undefined) {
      return new OperatorFault({
        code: 'UPLINK_ADVISORY_UNKNOWN',
        problem: `There is no advisory "${advisoryId}" at this site.`,
        remedy: 'Run "fieldtap advisories" for the ids there are.',
      });
    }
    const atMs = nowMs();
    const { revision } = known.advisory;
    const { applicability } = this.#viewOf(known);
    const result = answer({
      kind: 'advisoryAnswer',
      advisoryId,
      revision,
      state: 'acknowledged',
      applicability,
      ...(by !== undefined && { by }),
      atMs,
    });
    if (result.kind === 'fault') return result.fault;
    const acknowledged = { atMs, ...(by !== undefined && { by }) };
    book.mark(advisoryId, { acknowledged });
    return this.#viewOf({ ...known, acknowledged });
  }

  /** Once for each revision, and once more when an indicator is met later. */
  #answerSeen(known: KnownAdvisory): void {
    const { book, nowMs, answer, log, show } = this.#options;
    const view = this.#viewOf(known);
    const { applicability, advisoryId, revision, isExpired, seen } = view;
    const isSaid = known.answered === applicability || known.answered === 'seenHere';
    if (isExpired || isSaid) return;
    const result = answer({
      kind: 'advisoryAnswer',
      advisoryId,
      revision,
      state: 'seen',
      applicability,
      atMs: nowMs(),
    });
    if (result.kind === 'fault') return;
    book.mark(advisoryId, { answered: applicability });
    show(view);
    if (applicability === 'seenHere') {
      log.warn({ event: 'advisorySeenHere', advisoryId, seen }, known.advisory.headline);
    }
  }

  #viewOf({ advisory, acknowledged }: KnownAdvisory): AdvisoryView {
    const { kind: _, indicators, ...facts } = advisory;
    const seen = this.#options.watch.match(indicators);
    return {
      ...facts,
      isExpired: advisory.expiresMs <= this.#options.nowMs(),
      applicability: seen === undefined ? 'notApplicable' : 'seenHere',
      ...(seen !== undefined && { seen }),
      ...(acknowledged !== undefined && { acknowledged }),
    };
  }
}

const REMEDY_FOREIGN =
  "Compare advisory-key.json with the hub's; if they are the same, someone else sent it.";
const REMEDY_UNREADABLE =
  "The hub's own key has signed it: bring this gateway to the version of the hub, or tell the hub.";
const REMEDY_OLDER =
  'The newer revision stays. Take a stick that was written later, or ask the hub who sends it.';
const REMEDY_TWICE =
  'The first content stays. Ask the hub: a changed advisory needs a higher revision.';

/** Only what didn't verify can be by a foreign key. */
function remedyOf(layer: Layer): string {
  return layer === 'signature' ? REMEDY_FOREIGN : REMEDY_UNREADABLE;
}

function refusedFault(reason: string, remedy: string): OperatorFault {
  return new OperatorFault({
    code: 'UPLINK_ADVISORY_REFUSED',
    problem: `An advisory was not believed (${reason}).`,
    remedy,
  });
}
