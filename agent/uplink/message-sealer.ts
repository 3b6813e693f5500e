/** Content, place in the chain and time become signed bytes: the only place that signs. */
import { deflateRawSync } from 'node:zlib';
import type { StatementFacts, TombstoneFacts } from '../../buffer/losses.ts';
import type { ChainPosition, ChainSigner, EpochFacts } from '../../buffer/outbox.ts';
import type { DetectionChange } from '../../protocols/interval-report.ts';
import { encodeAgentMessage } from '../../protocols/uplink/codec.ts';
import { keyRotationContent } from '../../protocols/uplink/key-rotation.ts';
import type {
  AdvisoryAnswer,
  AgentMessage,
  Evidence,
  MessageIdentity,
} from '../../protocols/uplink/messages.ts';
import { sealAgentMessage } from '../../protocols/uplink/open.ts';
import type { Signer } from '../../protocols/uplink/signature.ts';
import { alertContent } from './alerts.ts';
import type { SharingPolicy } from './sharing.ts';
import type { SiteTime } from './site-time.ts';
import type { SummaryContent } from './summarize.ts';
import type { DeltaContent } from './summary-bases.ts';

/** Envelope, key id, signature and what the identity adds: docs/wire-format.md section 2. */
const ENVELOPE_BYTES = 112;

export type AdvisoryAnswerContent = Omit<AdvisoryAnswer, keyof MessageIdentity>;
export type EvidenceContent = Omit<Evidence, keyof MessageIdentity>;

/** Every method that takes a position is called inside the buffer's transaction. */
export class MessageSealer implements ChainSigner {
  readonly agentId: string;
  #signer: Signer;
  readonly #policy: SharingPolicy;
  readonly #time: SiteTime;

  constructor(signer: Signer, policy: SharingPolicy, time: SiteTime) {
    this.agentId = signer.signerId;
    this.#signer = signer;
    this.#policy = policy;
    this.#time = time;
  }

  epochBegins(position: ChainPosition, facts: EpochFacts): Uint8Array {
    return this.#seal({ kind: 'epochBegins', ...this.#identity(position), ...facts });
  }

  tombstone(position: ChainPosition, facts: TombstoneFacts): Uint8Array {
    return this.#seal({ kind: 'tombstone', ...this.#identity(position), ...facts });
  }

  statement(position: ChainPosition, facts: StatementFacts): Uint8Array {
    return this.#seal({ kind: 'statement', ...this.#identity(position), ...facts });
  }

  alert(position: ChainPosition, change: DetectionChange): Uint8Array {
    const content = alertContent(change, this.#policy);
    return this.#seal({ ...content, ...this.#identity(position) });
  }

  summary(position: ChainPosition, content: SummaryContent | DeltaContent): Uint8Array {
    return this.#seal({ ...content, ...this.#identity(position) });
  }

  advisoryAnswer(position: ChainPosition, content: AdvisoryAnswerContent): Uint8Array {
    return this.#seal({ ...content, ...this.#identity(position) });
  }

  evidence(position: ChainPosition, content: EvidenceContent): Uint8Array {
    return this.#seal({ ...content, ...this.#identity(position) });
  }

  /** `certificateRequest`: PKCS #10, DER. */
  renewalRequest(position: ChainPosition, certificateRequest: Uint8Array): Uint8Array {
    const content = { kind: 'renewalRequest', certificateRequest } as const;
    return this.#seal({ ...content, ...this.#identity(position) });
  }

  /** Signed by the key that is left; call `signWith(newSigner)` once it is on the disk. */
  keyRotation(position: ChainPosition, newSigner: Signer): Uint8Array {
    const content = keyRotationContent(newSigner);
    return this.#seal({ kind: 'keyRotation', ...this.#identity(position), ...content });
  }

  /** `signer`: of the same agent. */
  signWith(signer: Signer): void {
    if (signer.signerId !== this.agentId) throw new RangeError('another agent');
    this.#signer = signer;
  }

  /** How long a summary with this content would be, to some bytes. */
  bytesOf(content: SummaryContent | DeltaContent): number {
    const identity: MessageIdentity = {
      agentId: this.agentId,
      epoch: 2 ** 47,
      stream: 2,
      sequence: 2 ** 31,
      // Hashes don't compress, and neither does this.
      previousSha256: this.#signer.publicKey.slice(-32),
      ...this.#time.now(),
    };
    const payload = encodeAgentMessage({ ...content, ...identity });
    return deflateRawSync(payload, { level: 9 }).byteLength + ENVELOPE_BYTES;
  }

  #seal(message: AgentMessage): Uint8Array {
    return sealAgentMessage(this.#signer, message);
  }

  #identity(position: ChainPosition): MessageIdentity {
    return { ...position, ...this.#time.now() };
  }
}
