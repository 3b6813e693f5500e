/** A link without a network and a hub without a database, for tests of the uplink. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import type { SiteBuffer } from '../../buffer/site-buffer.ts';
import { report as emptyReport, type TestBuffers } from '../../buffer/test-kit.ts';
import type { ConversationCounts, IntervalReport } from '../../protocols/interval-report.ts';
import { agentIdOf } from '../../protocols/uplink/agent-id.ts';
import type {
  AgentMessage,
  HubRequest,
  RefusedMessage,
  Stream,
} from '../../protocols/uplink/messages.ts';
import { openAgentMessage, sealReceipt, sealRequest } from '../../protocols/uplink/open.ts';
import {
  keyObjectSigner,
  rawPublicKey,
  type Signer,
  verificationKey,
} from '../../protocols/uplink/signature.ts';
import { receiptTopic, requestTopic } from '../../protocols/uplink/topics.ts';
import { ManualClock } from '../platform/clock.ts';
import { SiteDigest } from '../platform/digest.ts';
import { silentLog } from '../platform/log.ts';
import type { OperatorFault } from '../platform/operator-fault.ts';
import { SeededRandom } from '../platform/random.ts';
import type { LinkHandlers, PublishOutcome, UplinkLink } from './link.ts';
import { Uplink } from './uplink.ts';
import type { UplinkOptions, UplinkSettings } from './uplink-types.ts';

export function newSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return keyObjectSigner(
    { signerId: agentIdOf(rawPublicKey(publicKey)), keyNumber: 1 },
    privateKey,
  );
}

export interface Published {
  readonly topic: string;
  readonly bytes: Uint8Array;
  readonly done: (outcome: PublishOutcome) => void;
}

/** Answers nothing by itself: the test is the broker. */
export class FakeLink implements UplinkLink {
  readonly published: Published[] = [];
  attempts = 0;
  unanswered = 0;
  unansweredMost = 0;
  /** Broker that answers each publication at once. */
  answersAtOnce = true;
  handlers: LinkHandlers | undefined;

  connect(handlers: LinkHandlers): void {
    this.attempts++;
    this.handlers = handlers;
  }

  up(receiveMaximum = 65_535): void {
    this.handlers?.onUp({ receiveMaximum });
  }

  down(fault?: OperatorFault): void {
    const handlers = this.handlers;
    this.handlers = undefined;
    this.unanswered = 0;
    handlers?.onDown(fault);
  }

  publish(topic: string, bytes: Uint8Array, done: (outcome: PublishOutcome) => void): void {
    assert.ok(this.handlers !== undefined, 'published while offline');
    this.unanswered++;
    this.unansweredMost = Math.max(this.unansweredMost, this.unanswered);
    let isAnswered = false;
    const once = (outcome: PublishOutcome): void => {
      if (isAnswered) return;
      isAnswered = true;
      this.unanswered--;
      done(outcome);
    };
    this.published.push({ topic, bytes, done: once });
    if (this.answersAtOnce) once({ kind: 'accepted' });
  }

  take(): Published[] {
    return this.published.splice(0);
  }

  async close(): Promise<void> {
    this.handlers = undefined;
  }
}

/** Stores by identity, answers with receipts over what it has: a hub in 60 lines. */
export class FakeHub {
  readonly signer = newSigner();
  readonly messages = new Map<
    string,
    { readonly sha256: Uint8Array; readonly message: AgentMessage }
  >();
  readonly refused: RefusedMessage[] = [];
  duplicates = 0;
  hubEpoch = 77;
  #serial = 0;
  readonly #agent: Signer;

  constructor(agent: Signer) {
    this.#agent = agent;
  }

  /** Verifies and stores; answers the message. */
  receive({ topic, bytes }: Published): AgentMessage {
    const key = verificationKey(this.#agent.algorithm, this.#agent.publicKey);
    const opened = openAgentMessage(bytes, () => key, topic);
    assert.ok(opened.kind === 'opened', JSON.stringify(opened));
    const { message, sha256 } = opened;
    const id = `${message.epoch}/${message.stream}/${message.sequence}`;
    const known = this.messages.get(id);
    if (known !== undefined) {
      this.duplicates++;
      assert.deepEqual(known.sha256, sha256, `${id} came with other bytes`);
    }
    this.messages.set(id, { sha256, message });
    return message;
  }

  /** All messages of the stream, in order; fails where one is missing or out of chain. */
  chain(stream: Stream): AgentMessage[] {
    const found = [...this.messages.values()]
      .filter(({ message }) => message.stream === stream)
      .sort((a, b) => a.message.sequence - b.message.sequence);
    let previous: Uint8Array = new Uint8Array(32);
    found.forEach(({ message, sha256 }, index) => {
      assert.equal(message.sequence, index + 1);
      assert.deepEqual(Buffer.from(message.previousSha256), Buffer.from(previous));
      previous = sha256;
    });
    return found.map(({ message }) => message);
  }

  request(asked: Partial<Pick<HubRequest, 'resend' | 'evidence'>>): Uint8Array {
    return sealRequest(this.signer, {
      kind: 'request',
      agentId: this.#agent.signerId,
      requestSerial: ++this.#serial,
      hubEpoch: this.hubEpoch,
      hubTimeMs: 1_790_000_000_000,
      resend: [],
      evidence: [],
      ...asked,
    });
  }

  receipt(stream: Stream): Uint8Array {
    const stored = [...this.messages.values()].filter(({ message }) => message.stream === stream);
    const epoch = stored[0]?.message.epoch ?? 1;
    const hashes = new Map(stored.map(({ message, sha256 }) => [message.sequence, sha256]));
    let cumulative = 0;
    while (hashes.has(cumulative + 1)) cumulative++;
    const have: { from: number; to: number; lastSha256: Uint8Array }[] = [];
    const beyond = [...hashes.keys()].filter((each) => each > cumulative).sort((a, b) => a - b);
    for (const sequence of beyond.slice(0, 32)) {
      const last = have.at(-1);
      const lastSha256 = hashes.get(sequence) ?? new Uint8Array(32);
      if (last?.to === sequence - 1) have[have.length - 1] = { ...last, to: sequence, lastSha256 };
      else have.push({ from: sequence, to: sequence, lastSha256 });
    }
    return sealReceipt(this.signer, {
      kind: 'receipt',
      agentId: this.#agent.signerId,
      epoch,
      stream,
      cumulative,
      cumulativeSha256: hashes.get(cumulative) ?? new Uint8Array(32),
      have,
      refused: this.refused,
      receiptSerial: ++this.#serial,
      hubEpoch: this.hubEpoch,
      hubTimeMs: 1_790_000_000_000,
    });
  }
}

type MoreOptions = Partial<UplinkOptions>;

/** One agent's uplink with everything around it replaceable. */
export class UplinkBench {
  readonly buffers: TestBuffers;
  readonly path: string;
  link = new FakeLink();
  clock = new ManualClock();
  readonly agent = newSigner();
  readonly hub = new FakeHub(this.agent);
  buffer: SiteBuffer;
  uplink: Uplink;
  readonly #settings: Partial<UplinkSettings>;
  readonly #more: MoreOptions;
  #reports = 0;

  /** `more`: what an uplink may have beside what it must; a function gets the bench itself. */
  constructor(
    buffers: TestBuffers,
    settings: Partial<UplinkSettings> = {},
    more: MoreOptions | ((bench: UplinkBench) => MoreOptions) = {},
  ) {
    this.buffers = buffers;
    this.#more = typeof more === 'function' ? more(this) : more;
    this.path = buffers.newPath();
    this.#settings = settings;
    this.buffer = buffers.open(this.path, 16, { clock: this.clock });
    this.uplink = this.#newUplink();
  }

  /** As after a crash: nothing in memory survives. */
  restart(): void {
    this.buffer.close();
    this.link = new FakeLink();
    this.clock = new ManualClock();
    this.buffer = this.buffers.open(this.path, 16, { clock: this.clock });
    this.uplink = this.#newUplink();
  }

  /** Of `more`. */
  get certificate(): UplinkOptions['certificate'] {
    return this.#more.certificate;
  }

  report(over: Partial<IntervalReport> = {}): void {
    const fromUs = 1_790_000_000_000_000 + ++this.#reports * 1_000_000;
    const full = { ...emptyReport(0), fromUs, toUs: fromUs + 1_000_000, ...over };
    assert.equal(this.buffer.recordReport(full).kind, 'recorded');
    this.uplink.report(full);
  }

  /** `count` summaries of one report each. */
  summaries(count: number): void {
    for (let made = 0; made < count; made++) {
      this.report();
      this.advance(2000);
    }
  }

  advance(deltaMs: number): void {
    this.clock.advance(deltaMs);
  }

  /** Everything published so far reaches the hub. */
  deliver(): AgentMessage[] {
    return this.link.take().map((published) => this.hub.receive(published));
  }

  receipt(stream: Stream): void {
    this.receive(this.hub.receipt(stream));
  }

  receive(bytes: Uint8Array): void {
    this.link.handlers?.onMessage(receiptTopic(this.agent.signerId), bytes);
  }

  /** As the broker delivers it, on any topic. */
  receiveOn(topic: string, bytes: Uint8Array): void {
    this.link.handlers?.onMessage(topic, bytes);
  }

  /** The hub asks; serials rise by themselves. */
  request(asked: Partial<Pick<HubRequest, 'resend' | 'evidence'>>): void {
    this.receiveOn(requestTopic(this.agent.signerId), this.hub.request(asked));
  }

  /** Deliveries and receipts until nothing moves. */
  drain(): void {
    for (let round = 0; round < 1000 && this.link.published.length > 0; round++) {
      this.deliver();
      this.receipt(1);
      this.receipt(2);
      this.receipt(3);
    }
  }

  #newUplink(): Uplink {
    const hubKey = verificationKey(this.hub.signer.algorithm, this.hub.signer.publicKey);
    return new Uplink({
      buffer: this.buffer,
      signer: this.agent,
      receiptKeys: (keyId) => (keyId.signerId === this.hub.signer.signerId ? hubKey : undefined),
      link: this.link,
      clock: this.clock,
      random: new SeededRandom(1),
      log: silentLog,
      digest: new SiteDigest(new Uint8Array(16).fill(7)),
      residentBytes: () => 1,
      ...this.#more,
      settings: {
        broker: 'mqtt://127.0.0.1:1883',
        siteName: 'Waterworks North',
        sharing: 'minimal',
        programVersion: '0.1.0',
        summaryIntervalMs: 2000,
        ...this.#settings,
      },
    });
  }
}

export function conversation(index: number): ConversationCounts {
  return {
    protocol: 'modbus',
    transport: 'tcp',
    clientIpAddress: `10.0.${index >> 8}.${index & 255}`,
    serverIpAddress: '10.9.0.1',
    serverPort: 502,
    unitId: 17,
    requests: 1000 - index,
    responses: 1000 - index,
    exceptions: 0,
    unmatchedRequests: 0,
    writes: 0,
    anomalies: 0,
    rttUs: { p50: 100, p95: 200, max: 300 },
    functionCodes: [
      { functionCode: 3, requests: 1000 - index, responses: 1000 - index, exceptions: 0 },
    ],
    bytesMissed: 0,
    firstSeenUs: 1_790_000_000_000_000,
    lastSeenUs: 1_790_000_001_000_000,
    roleConfidence: 1,
  };
}
