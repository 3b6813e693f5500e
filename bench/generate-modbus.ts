/**
 * A capture of Modbus/TCP polling as a mirror port of a plant sees it, with the truth beside it:
 * 48 connections that interleave, handshakes, bare acknowledgements as real stacks send them,
 * VLAN tags on some, several units behind gateways. Same seed, same bytes.
 */
import { type Endpoint, FrameWriter, TCP_ACK, TCP_FIN, TCP_PSH, TCP_SYN } from './frame-writer.ts';
import { type Chance, ModbusPoll } from './modbus-poll.ts';

/** What a decoder must find; every transaction is whole except those that the end cut off. */
export interface ModbusTruth {
  frames: number;
  bytes: number;
  requests: number;
  /** Normal responses only. */
  responses: number;
  exceptions: number;
  unmatchedRequests: number;
  /** Requests, responses and exceptions by function code without bit 7. */
  byFunctionCode: Record<string, number>;
}

const FLOWS = 48;
const CLIENTS = 6;
const MODBUS_PORT = 502;
const BEGIN_US = 1_790_000_000_000_000;
/** Transactions after which a connection of a restless client ends and comes back. */
const RECONNECT_AFTER = 5000;
const NOTHING = new Uint8Array(0);

/**
 * Writes `packets` frames to `path` and returns what is in them. `changedShare`: of the values of a
 * poll, those that differ from the poll before; all of them unless given.
 */
export function generateModbus(
  path: string,
  packets: number,
  seed: number,
  changedShare = 1,
): ModbusTruth {
  const chance = chanceOf(seed);
  const writer = new FrameWriter(path);
  const truth: ModbusTruth = {
    frames: 0,
    bytes: 0,
    requests: 0,
    responses: 0,
    exceptions: 0,
    unmatchedRequests: 0,
    byFunctionCode: {},
  };
  const flows = Array.from(
    { length: FLOWS },
    (_, index) => new PollingFlow(index, chance, changedShare),
  );
  while (writer.framesCount < packets) earliest(flows).step(writer, truth);
  writer.close();
  truth.frames = writer.framesCount;
  truth.bytes = writer.bytesCount;
  truth.unmatchedRequests = truth.requests - truth.responses - truth.exceptions;
  return truth;
}

type Step =
  | 'syn'
  | 'synAck'
  | 'ack'
  | 'request'
  | 'serverAck'
  | 'response'
  | 'clientAck'
  | 'clientFin'
  | 'serverFin'
  | 'lastAck';

/** One connection: what happens next on it, and when. */
class PollingFlow {
  nextUs: number;
  #step: Step = 'syn';
  #transactionsCount = 0;
  readonly #client: Endpoint;
  readonly #server: Endpoint;
  readonly #poll: ModbusPoll;
  readonly #chance: Chance;
  readonly #vlanId: number;
  readonly #intervalUs: number;
  /** A small stack on the server acknowledges before it answers. */
  readonly #serverAcknowledges: boolean;
  readonly #isRestless: boolean;

  constructor(index: number, chance: Chance, changedShare: number) {
    this.#chance = chance;
    const client = index % CLIENTS;
    this.#client = endpoint(0x0a000100 + client, 40_000 + index, chance);
    this.#server = endpoint(0x0a010000 + index, MODBUS_PORT, chance);
    const unitsCount = index % 3 === 0 ? 2 + (index % 4) : 1;
    const units = Array.from({ length: unitsCount }, (_, unit) => unit + 1);
    const unitIds = unitsCount === 1 ? [index % 2 === 0 ? 1 : 255] : units;
    this.#poll = new ModbusPoll(unitIds, chance, changedShare);
    this.#vlanId = index % 8 === 5 ? 100 + client : 0;
    this.#intervalUs = [20_000, 100_000, 100_000, 500_000][index % 4];
    this.#serverAcknowledges = index % 5 === 0;
    this.#isRestless = index % 16 === 4;
    this.nextUs = BEGIN_US + index * 1000;
    // Some connections were there before the capture began.
    if (index % 6 === 1) this.#step = 'request';
  }

  /** Writes one frame and arranges the next. */
  step(writer: FrameWriter, truth: ModbusTruth): void {
    switch (this.#step) {
      case 'syn':
        this.#send(writer, true, TCP_SYN, 0, 'synAck', 300);
        break;
      case 'synAck':
        this.#send(writer, false, TCP_SYN | TCP_ACK, 0, 'ack', 100);
        break;
      case 'ack':
        this.#send(writer, true, TCP_ACK, 0, 'request', 200);
        break;
      case 'request':
        this.#request(writer, truth);
        break;
      case 'serverAck':
        this.#send(writer, false, TCP_ACK, 0, 'response', 2000);
        break;
      case 'response':
        this.#respond(writer, truth);
        break;
      case 'clientAck':
        this.#send(writer, true, TCP_ACK, 0, 'request', this.#intervalUs - 40_000);
        break;
      case 'clientFin':
        this.#send(writer, true, TCP_FIN | TCP_ACK, 0, 'serverFin', 500);
        break;
      case 'serverFin':
        this.#send(writer, false, TCP_FIN | TCP_ACK, 0, 'lastAck', 100);
        break;
      case 'lastAck':
        this.#send(writer, true, TCP_ACK, 0, 'syn', 1_000_000);
        this.#client.port = 40_000 + ((this.#client.port + FLOWS) % 20_000);
        break;
      default:
        this.#step satisfies never;
    }
  }

  #request(writer: FrameWriter, truth: ModbusTruth): void {
    const bytes = this.#poll.request();
    truth.requests += 1;
    this.#count(truth);
    const next = this.#serverAcknowledges ? 'serverAck' : 'response';
    this.#send(writer, true, TCP_PSH | TCP_ACK, bytes, next, 400);
  }

  #respond(writer: FrameWriter, truth: ModbusTruth): void {
    const bytes = this.#poll.response();
    if (bytes < 0) truth.exceptions += 1;
    else truth.responses += 1;
    this.#count(truth);
    this.#transactionsCount += 1;
    if (this.#isRestless && this.#transactionsCount % RECONNECT_AFTER === 0) {
      this.#send(writer, false, TCP_PSH | TCP_ACK, Math.abs(bytes), 'clientFin', 1000);
    } else if (this.#intervalUs > 40_000) {
      // RFC 1122 section 4.2.3.2: an acknowledgement may wait for data, here 40 ms.
      this.#send(writer, false, TCP_PSH | TCP_ACK, Math.abs(bytes), 'clientAck', 40_000);
    } else {
      this.#send(writer, false, TCP_PSH | TCP_ACK, Math.abs(bytes), 'request', this.#intervalUs);
    }
  }

  #send(
    writer: FrameWriter,
    fromClient: boolean,
    flags: number,
    length: number,
    next: Step,
    delayUs: number,
  ): void {
    const from = fromClient ? this.#client : this.#server;
    const to = fromClient ? this.#server : this.#client;
    const payload = length === 0 ? NOTHING : this.#poll.payload;
    writer.segment(this.nextUs, from, to, flags, payload, length, this.#vlanId);
    this.#step = next;
    this.nextUs += Math.floor(delayUs * (0.75 + this.#chance() / 2));
  }

  #count(truth: ModbusTruth): void {
    const code = this.#poll.functionCode;
    truth.byFunctionCode[code] = (truth.byFunctionCode[code] ?? 0) + 1;
  }
}

function earliest(flows: readonly PollingFlow[]): PollingFlow {
  let first = flows[0];
  for (const flow of flows) if (flow.nextUs < first.nextUs) first = flow;
  return first;
}

function endpoint(ipAddress: number, port: number, chance: Chance): Endpoint {
  return {
    macAddress: ipAddress,
    ipAddress,
    port,
    sequence: Math.floor(chance() * 4_294_967_296),
    ipIdentification: Math.floor(chance() * 65_536),
  };
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
