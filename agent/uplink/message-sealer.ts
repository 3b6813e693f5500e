/** Content, place in the chain and time become signed bytes: the only place that signs. */
import type { ChainPosition, ChainSigner, EpochFacts } from '../../buffer/outbox.ts';
import type { DetectionChange } from '../../protocols/interval-report.ts';
import type { ClockSource, MessageIdentity } from '../../protocols/uplink/messages.ts';
import { sealAgentMessage } from '../../protocols/uplink/open.ts';
import type { Signer } from '../../protocols/uplink/signature.ts';
import type { Clock } from '../platform/clock.ts';
import { alertContent } from './alerts.ts';
import type { SharingPolicy } from './sharing.ts';
import type { SummaryContext, SummaryFold } from './summarize.ts';

/** Longest message that is signed; a summary folds more conversations until it fits. */
export const MESSAGE_BYTES_MAX = 48 * 1024;
const CONVERSATIONS_MAX = 500;

/** Every method is called inside the buffer's transaction. */
export class MessageSealer implements ChainSigner {
  readonly agentId: string;
  readonly #signer: Signer;
  readonly #policy: SharingPolicy;
  readonly #clock: Clock;
  readonly #clockSource: ClockSource;

  constructor(signer: Signer, policy: SharingPolicy, clock: Clock, clockSource: ClockSource) {
    this.agentId = signer.signerId;
    this.#signer = signer;
    this.#policy = policy;
    this.#clock = clock;
    this.#clockSource = clockSource;
  }

  epochBegins(position: ChainPosition, facts: EpochFacts): Uint8Array {
    return sealAgentMessage(this.#signer, {
      kind: 'epochBegins',
      ...this.#identity(position),
      ...facts,
    });
  }

  alert(position: ChainPosition, change: DetectionChange): Uint8Array {
    const content = alertContent(change, this.#policy);
    return sealAgentMessage(this.#signer, { ...content, ...this.#identity(position) });
  }

  /** Halves the conversations until the message fits; the rest is in the totals. */
  summary(position: ChainPosition, fold: SummaryFold, context: SummaryContext): Uint8Array {
    const identity = this.#identity(position);
    for (let conversationsMax = CONVERSATIONS_MAX; ; conversationsMax >>= 1) {
      const content = fold.content(this.#policy, context, conversationsMax);
      if (content === undefined) throw new Error('an empty fold is not signed');
      const message = sealAgentMessage(this.#signer, { ...content, ...identity });
      if (message.byteLength <= MESSAGE_BYTES_MAX || conversationsMax === 0) return message;
    }
  }

  #identity(position: ChainPosition): MessageIdentity {
    return {
      ...position,
      signedAtMs: this.#clock.wallMs(),
      clockSource: this.#clockSource,
    };
  }
}
