/**
 * An agent's buffer and uplink as they are, with a clock, a link and a plant that belong to the
 * caller: a month passes in minutes. Nothing is captured; reports come made.
 */

import { generateKeyPairSync } from 'node:crypto';
import { ManualClock } from '../agent/platform/clock.ts';
import { SiteDigest } from '../agent/platform/digest.ts';
import { silentLog } from '../agent/platform/log.ts';
import { SeededRandom } from '../agent/platform/random.ts';
import type { LinkHandlers, PublishOutcome, UplinkLink } from '../agent/uplink/link.ts';
import { Uplink } from '../agent/uplink/uplink.ts';
import { SiteBuffer } from '../buffer/site-buffer.ts';
import {
  type ConversationCounts,
  type IntervalReport,
  NO_TRAFFIC,
} from '../protocols/interval-report.ts';
import { agentIdOf } from '../protocols/uplink/agent-id.ts';
import {
  keyObjectSigner,
  rawPublicKey,
  type Signer,
  type VerificationKey,
  verificationKey,
} from '../protocols/uplink/signature.ts';
import { receiptTopic } from '../protocols/uplink/topics.ts';

export const START_MS = 1_790_000_000_000;

export interface OfflineSiteOptions {
  /** Of the buffer. */
  readonly path: string;
  readonly quotaMiB: number;
  readonly summaryIntervalMs: number;
  readonly seed: number;
}

export interface PublishedMessage {
  readonly topic: string;
  readonly bytes: Uint8Array;
}

/** A link that can be cut; the broker behind it takes everything at once. */
export class CuttableLink implements UplinkLink {
  #handlers: LinkHandlers | undefined;
  #isWhole = false;
  #waiting: LinkHandlers | undefined;
  readonly #published: PublishedMessage[] = [];

  connect(handlers: LinkHandlers): void {
    if (this.#isWhole) this.#up(handlers);
    else this.#waiting = handlers;
  }

  publish(topic: string, bytes: Uint8Array, done: (outcome: PublishOutcome) => void): void {
    this.#published.push({ topic, bytes });
    done({ kind: 'accepted' });
  }

  async close(): Promise<void> {
    this.#handlers = undefined;
    this.#waiting = undefined;
  }

  cut(): void {
    const handlers = this.#handlers;
    this.#isWhole = false;
    this.#handlers = undefined;
    handlers?.onDown(undefined);
  }

  mend(): void {
    this.#isWhole = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) this.#up(waiting);
  }

  /** What has been published since the last call. */
  take(): PublishedMessage[] {
    return this.#published.splice(0);
  }

  deliver(topic: string, bytes: Uint8Array): void {
    this.#handlers?.onMessage(topic, bytes);
  }

  #up(handlers: LinkHandlers): void {
    this.#handlers = handlers;
    handlers.onUp({ receiveMaximum: 65_535 });
  }
}

export class OfflineSite {
  readonly clock = new ManualClock(START_MS);
  readonly link = new CuttableLink();
  readonly agent = newSigner();
  readonly hub = newSigner();
  readonly buffer: SiteBuffer;
  readonly uplink: Uplink;
  #reportNumber = 0;

  constructor({ path, quotaMiB, summaryIntervalMs, seed }: OfflineSiteOptions) {
    const { clock } = this;
    const random = new SeededRandom(seed);
    this.buffer = SiteBuffer.open({ path, quotaMiB, clock, random });
    const hubKey = keyOf(this.hub);
    this.uplink = new Uplink({
      buffer: this.buffer,
      signer: this.agent,
      receiptKeys: ({ signerId }) => (signerId === this.hub.signerId ? hubKey : undefined),
      link: this.link,
      clock,
      random,
      log: silentLog,
      digest: new SiteDigest(new Uint8Array(16).fill(7)),
      settings: {
        broker: 'mqtt://127.0.0.1:1883',
        siteName: 'Waterworks North',
        sector: 'water',
        sharing: 'minimal',
        programVersion: '0.1.0',
        summaryIntervalMs,
      },
    });
  }

  get agentKey(): VerificationKey {
    return keyOf(this.agent);
  }

  /** One report over the interval that ends now. */
  report(over: Partial<IntervalReport>, intervalMs: number): void {
    const toUs = this.clock.wallMs() * 1000;
    const report: IntervalReport = {
      reportNumber: this.#reportNumber++,
      fromUs: toUs - intervalMs * 1000,
      toUs,
      coverage: [],
      traffic: NO_TRAFFIC,
      conversations: [],
      conversationsFolded: 0,
      observations: [],
      observationsFolded: 0,
      detections: [],
      tables: [],
      ...over,
    };
    const recorded = this.buffer.recordReport(report);
    if (recorded.kind === 'fault') throw recorded.fault;
    this.uplink.report(report);
  }

  /** A receipt as the broker delivers it. */
  receive(receipt: Uint8Array): void {
    this.link.deliver(receiptTopic(this.agent.signerId), receipt);
  }
}

/** `count` conversations of a plant at work; their counts change from one minute to the next. */
export function madeConversations(count: number, turn: number, atUs: number): ConversationCounts[] {
  return Array.from({ length: count }, (_, index) => {
    const requests = 60 + ((index * 31 + turn * 17) % 53);
    const responses = requests - ((index + turn) % 3);
    return {
      protocol: 'modbus',
      transport: 'tcp',
      clientIpAddress: `10.0.0.${5 + (index % 3)}`,
      serverIpAddress: `10.0.${1 + (index >> 7)}.${10 + (index % 128)}`,
      serverPort: 502,
      unitId: 1 + (index % 20),
      requests,
      responses,
      exceptions: (index * 7 + turn) % 29 === 0 ? 1 : 0,
      unmatchedRequests: requests - responses,
      writes: (index + turn) % 11,
      anomalies: 0,
      rttUs: { p50: 512 << (index % 3), p95: 4096, max: 8192 },
      functionCodes: [
        { functionCode: 3, requests: requests - 5, responses: responses - 5, exceptions: 0 },
        { functionCode: 16, requests: 5, responses: 5, exceptions: 0 },
      ],
      bytesMissed: 0,
      firstSeenUs: atUs - 59_000_000 + ((index * 7919 + turn * 104_729) % 900_000),
      lastSeenUs: atUs - ((index * 6007 + turn * 7877) % 900_000),
      roleConfidence: 1,
    };
  });
}

function newSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const signerId = agentIdOf(rawPublicKey(publicKey));
  return keyObjectSigner({ signerId, keyNumber: 1 }, privateKey);
}

function keyOf({ algorithm, publicKey }: Signer): VerificationKey {
  const key = verificationKey(algorithm, publicKey);
  if (key === undefined) throw new Error('a key that was just made');
  return key;
}
