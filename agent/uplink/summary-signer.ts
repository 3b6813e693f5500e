/**
 * From reports to signed summaries: whole or as a difference, in one part or several. What the disk
 * refuses stays here, and the next attempt covers it: nothing is lost but resolution.
 */
import type { ChainPosition } from '../../buffer/outbox.ts';
import type { AppendResult, SiteBuffer } from '../../buffer/site-buffer.ts';
import type { ConversationCounts, IntervalReport } from '../../protocols/interval-report.ts';
import { messageSha256 } from '../../protocols/uplink/cose.ts';
import { type Receipt, STREAM_SUMMARIES } from '../../protocols/uplink/messages.ts';
import type { AssetChangeSource } from './asset-changes.ts';
import type { MessageSealer } from './message-sealer.ts';
import type { SharingPolicy } from './sharing.ts';
import { splitSummary } from './split-summary.ts';
import { type SummaryContent, type SummaryContext, SummaryFold } from './summarize.ts';
import { type DeltaContent, SummaryBases } from './summary-bases.ts';

const SECOND_US = 1_000_000;

export interface SummarySignerOptions {
  readonly buffer: SiteBuffer;
  readonly sealer: MessageSealer;
  readonly policy: SharingPolicy;
  /** Differences and coarse times (profiles.ts). */
  readonly isSparing: boolean;
  /** Gets told which message tells what of the devices. */
  readonly news?: AssetChangeSource;
  /** Longest message that the link should get now. */
  readonly messageBytesMax: () => number;
}

export type SignResult =
  /** `messages`: signed now; 0 when there was nothing to say. */
  { readonly kind: 'signed'; readonly messages: number } | Extract<AppendResult, { kind: 'fault' }>;

export class SummarySigner {
  readonly #options: SummarySignerOptions;
  readonly #fold = new SummaryFold();
  readonly #bases = new SummaryBases();
  /** Parts that follow one that is signed already. */
  #partsWaiting: SummaryContent[] = [];

  constructor(options: SummarySignerOptions) {
    this.#options = options;
  }

  add(report: IntervalReport): void {
    this.#fold.add(report);
  }

  receipted(receipt: Receipt): void {
    this.#bases.receipted(receipt);
  }

  /** Nothing is known of what the hub holds any more. */
  forgetBases(): void {
    this.#bases.forget();
  }

  /** What the next summary would say if it were signed now. */
  content(context: SummaryContext): SummaryContent | undefined {
    const content = this.#fold.content(this.#options.policy, context);
    return content !== undefined && this.#options.isSparing ? inSeconds(content) : content;
  }

  sign(context: () => SummaryContext): SignResult {
    let messages = 0;
    const appendWaiting = (): AppendResult | undefined => {
      while (this.#partsWaiting.length > 0) {
        const result = this.#append(this.#partsWaiting[0]);
        if (result.kind === 'fault') return result;
        this.#partsWaiting.shift();
        messages++;
      }
      return undefined;
    };
    const before = appendWaiting();
    if (before?.kind === 'fault') return before;
    const content = this.content(context());
    if (content === undefined) return { kind: 'signed', messages };
    const { sealer, messageBytesMax } = this.#options;
    const [first, ...others] = splitSummary(content, messageBytesMax(), (part) =>
      sealer.bytesOf(part),
    );
    const result = others.length === 0 ? this.#appendWhole(first) : this.#append(first);
    if (result.kind === 'fault') return result;
    messages++;
    this.#fold.clear();
    this.#partsWaiting = others;
    const after = appendWaiting();
    return after?.kind === 'fault' ? after : { kind: 'signed', messages };
  }

  #append(content: SummaryContent): AppendResult {
    return this.#appendTelling(content, (position) =>
      this.#options.sealer.summary(position, content),
    );
  }

  /** Which message tells the news of the devices is on the disk with that message. */
  #appendTelling(
    { assetChanges = [] }: SummaryContent,
    make: (position: ChainPosition) => Uint8Array,
  ): AppendResult {
    const { buffer, news } = this.#options;
    const result = buffer.append(STREAM_SUMMARIES, (position, state) => {
      if (news !== undefined) state.putNews(news.telling(position, assetChanges));
      return make(position);
    });
    if (result.kind === 'appended') news?.told(result, assetChanges);
    return result;
  }

  #appendWhole(content: SummaryContent): AppendResult {
    const { sealer, isSparing } = this.#options;
    if (!isSparing) return this.#append(content);
    let bytes = new Uint8Array();
    let delta: DeltaContent | undefined;
    const result = this.#appendTelling(content, (position) => {
      delta = this.#bases.delta(content, position.epoch);
      if (delta !== undefined && sealer.bytesOf(delta) >= sealer.bytesOf(content))
        delta = undefined;
      bytes = Uint8Array.from(sealer.summary(position, delta ?? content));
      return bytes;
    });
    if (result.kind === 'fault') return result;
    const { epoch, sequence } = result;
    if (delta !== undefined) this.#bases.deltaSigned();
    else this.#bases.signed({ epoch, sequence, sha256: messageSha256(bytes), content });
    return result;
  }
}

/** Microseconds of 50 conversations are 250 bytes that don't compress, and nobody's question. */
export function inSeconds(content: SummaryContent): SummaryContent {
  const { fromUs } = content;
  const coarse = (timeUs: number): number =>
    fromUs + Math.round((timeUs - fromUs) / SECOND_US) * SECOND_US;
  const conversations = content.conversations.map(
    (each): ConversationCounts => ({
      ...each,
      firstSeenUs: coarse(each.firstSeenUs),
      lastSeenUs: coarse(each.lastSeenUs),
    }),
  );
  const detections = content.detections.map((each) => ({
    ...each,
    lastSeenUs: coarse(each.lastSeenUs),
  }));
  return { ...content, conversations, detections };
}
