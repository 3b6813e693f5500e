/**
 * Broker and network between one gateway and one hub: what is delayed, doubled, lost, overtaken,
 * damaged or cut off. It keeps what a broker keeps, the retained messages, and promises nothing.
 */
import { OperatorFault } from '../../agent/platform/operator-fault.ts';
import type { LinkHandlers, PublishOutcome, UplinkLink } from '../../agent/uplink/link.ts';
import type { HubLink, LinkParts } from '../../hub/link.ts';
import type { OutgoingReceipt } from '../../hub/receipt-queue.ts';
import { encodeStatus, STATUS_BIRTH } from '../../protocols/uplink/status.ts';
import { requestTopic, statusTopic } from '../../protocols/uplink/topics.ts';
import { describeReceipt } from './describe.ts';
import type { Life } from './life.ts';
import { sha256Hex } from './observed-buffer.ts';
import type { World } from './world.ts';

/** What may become of a message on its way; shares of 1. */
export interface Weather {
  readonly lost: number;
  readonly doubled: number;
  /** Delayed by up to LONG_DELAY_MS, as by a bridge that was cut off. */
  readonly late: number;
  /** What comes down takes up to this: receipts overtake each other, and lives of the hub. */
  readonly downMs: number;
  readonly damaged: number;
  /** PUBACK of 0x80 or more. */
  readonly refused: number;
  readonly delayMs: number;
}

export const FAIR_WEATHER: Weather = {
  lost: 0,
  doubled: 0,
  late: 0,
  downMs: 80,
  damaged: 0,
  refused: 0,
  delayMs: 80,
};

const LONG_DELAY_MS = 240_000;
const CONNECT_MS = 300;
const CONNECT_FAILS_MS = 5_000;
const PUBLIC_LIMITS = [1, 2, 4, 20, 65_535] as const;

interface Connection {
  readonly life: Life;
  readonly handlers: LinkHandlers;
  readonly waiting: Set<(outcome: PublishOutcome) => void>;
}

interface HubEnd {
  readonly life: Life;
  readonly parts: LinkParts;
  isUp: boolean;
}

export class Network {
  readonly #world: World;
  readonly #agentId: string;
  readonly #retained = new Map<string, Uint8Array>();
  #agent: Connection | undefined;
  #hub: HubEnd | undefined;
  #isCut = false;
  weather: Weather = FAIR_WEATHER;

  constructor(world: World, agentId: string) {
    this.#world = world;
    this.#agentId = agentId;
  }

  /** Nobody reaches the broker until `mend`. */
  cut(): void {
    this.#isCut = true;
    this.dropAgent();
    this.dropHub();
  }

  mend(): void {
    this.#isCut = false;
  }

  /** No faults from here on. */
  heal(): void {
    this.weather = FAIR_WEATHER;
    this.mend();
  }

  dropAgent(): void {
    const connection = this.#agent;
    this.#agent = undefined;
    if (connection === undefined) return;
    for (const done of connection.waiting) done({ kind: 'lost' });
    if (connection.life.isAlive) connection.handlers.onDown(linkFault('the network was cut'));
  }

  dropHub(): void {
    const end = this.#hub;
    if (end === undefined || !end.isUp) return;
    end.isUp = false;
    end.parts.receipts.linkDown();
    if (!end.life.isAlive) return;
    this.#world.after(end.parts.backoff.nextMs(), () => this.#connectHub(end));
  }

  /** The broker loses what it had retained. */
  restartBroker(): void {
    this.#retained.clear();
    this.dropAgent();
    this.dropHub();
  }

  agentLink(life: Life): UplinkLink {
    return {
      connect: (handlers) => {
        life.pass();
        this.#connectAgent(life, handlers);
      },
      publish: (topic, bytes, done) => {
        life.pass();
        this.#publish(life, topic, bytes, done);
      },
      close: () => {
        if (this.#agent?.life === life) this.#agent = undefined;
        return Promise.resolve();
      },
    };
  }

  hubLink(life: Life, parts: LinkParts): HubLink {
    const end: HubEnd = { life, parts, isUp: false };
    return {
      get isUp() {
        return end.isUp;
      },
      start: () => {
        this.#hub = end;
        this.#world.after(CONNECT_MS, () => this.#connectHub(end));
      },
      stopTaking: () => {
        end.isUp = false;
      },
      stop: () => {
        end.isUp = false;
        return Promise.resolve();
      },
    };
  }

  /** A request that the hub's operator has made; on its way like any other. */
  publishRequest(bytes: Uint8Array): void {
    this.#toAgent(requestTopic(this.#agentId), bytes);
  }

  #connectAgent(life: Life, handlers: LinkHandlers): void {
    if (!life.isAlive) return;
    const isRefused = this.#isCut;
    this.#world.after(isRefused ? CONNECT_FAILS_MS : CONNECT_MS, () => {
      if (!life.isAlive) return;
      if (isRefused || this.#isCut) return handlers.onDown(linkFault('nobody answers'));
      this.#agent = { life, handlers, waiting: new Set() };
      this.#world.tell('link: the agent is connected');
      for (const [topic, bytes] of this.#retained) this.#toAgent(topic, bytes);
      this.#toHub(statusTopic(this.#agentId), encodeStatus(STATUS_BIRTH));
      handlers.onUp({ receiveMaximum: this.#world.random.pick(PUBLIC_LIMITS) });
    });
  }

  #publish(
    life: Life,
    topic: string,
    bytes: Uint8Array,
    done: (outcome: PublishOutcome) => void,
  ): void {
    const connection = this.#agent;
    if (!life.isAlive || connection?.life !== life) return;
    const { refused, delayMs } = this.weather;
    let isDone = false;
    const once = (outcome: PublishOutcome): void => {
      connection.waiting.delete(once);
      if (isDone || !life.isAlive) return;
      isDone = true;
      done(outcome);
    };
    connection.waiting.add(once);
    if (this.#world.chance(refused)) {
      this.#world.after(delayMs, () => once({ kind: 'refused', fault: linkFault('quota 0x97') }));
      return;
    }
    this.#toHub(topic, bytes);
    // Half a way later or earlier than the hub's copy: a PUBACK tells nothing of it.
    this.#world.after(this.#world.between(1, 2 * delayMs), () => once({ kind: 'accepted' }));
  }

  #connectHub(end: HubEnd): void {
    if (!end.life.isAlive || this.#hub !== end || end.isUp) return;
    if (this.#isCut) {
      this.#world.after(end.parts.backoff.nextMs(), () => this.#connectHub(end));
      return;
    }
    end.isUp = true;
    end.parts.backoff.reset();
    this.#world.tell('link: the hub is connected');
    end.parts.receipts.linkUp((receipt, done) => this.#sendReceipt(end, receipt, done), 64);
  }

  #sendReceipt(end: HubEnd, receipt: OutgoingReceipt, done: () => void): void {
    end.life.pass();
    if (!end.life.isAlive || !end.isUp) return;
    const { topic, bytes, isRetained } = receipt;
    this.#world.tell(`hub: publishes ${topic.slice(-1)} ${sha256Hex(bytes).slice(0, 12)}`);
    this.#world.explain(() => describeReceipt(bytes));
    if (isRetained && !this.#world.chance(this.weather.lost)) this.#retained.set(topic, bytes);
    this.#toAgent(topic, bytes);
    this.#world.after(this.weather.delayMs, done);
  }

  #toHub(topic: string, bytes: Uint8Array): void {
    this.#carry(bytes, this.weather.delayMs, async (arrived) => {
      const end = this.#hub;
      if (end === undefined || !end.life.isAlive || !end.isUp) return;
      this.#world.tell(`hub: gets ${topic.slice(-1)} ${sha256Hex(arrived).slice(0, 12)}`);
      void end.parts.onMessage(topic, arrived);
      await this.#world.settle();
    });
  }

  #toAgent(topic: string, bytes: Uint8Array): void {
    this.#carry(bytes, this.weather.downMs, (arrived) => {
      const connection = this.#agent;
      if (connection?.life.isAlive !== true) return;
      this.#world.tell(`agent: gets ${topic.slice(-1)} ${sha256Hex(arrived).slice(0, 12)}`);
      connection.handlers.onMessage(topic, arrived);
    });
  }

  /** None, one or two copies, each when it comes. */
  #carry(
    bytes: Uint8Array,
    delayMs: number,
    arrive: (bytes: Uint8Array) => void | Promise<void>,
  ): void {
    const { lost, doubled, late, damaged } = this.weather;
    if (this.#world.chance(lost)) return;
    const copies = this.#world.chance(doubled) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const isLate = this.#world.chance(late);
      const waitMs = this.#world.between(1, isLate ? LONG_DELAY_MS : delayMs);
      const carried = this.#world.chance(damaged) ? this.#spoil(bytes) : bytes;
      this.#world.after(waitMs, () => arrive(carried));
    }
  }

  #spoil(bytes: Uint8Array): Uint8Array {
    const spoilt = Uint8Array.from(bytes);
    spoilt[this.#world.random.below(spoilt.byteLength)] ^= 1 << this.#world.random.below(8);
    return spoilt;
  }
}

function linkFault(what: string): OperatorFault {
  return new OperatorFault({ code: 'SIMULATED_LINK', problem: what, remedy: 'Wait.' });
}
