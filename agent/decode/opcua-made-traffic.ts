/**
 * For tests: OPC UA messages made by hand, and an analyzer that is fed with them directly, without
 * frames. What it says is collected as records.
 */

import type { MalformedMessage, OpcuaCounters } from '../../protocols/decode-sink.ts';
import type { Digest } from '../../protocols/decoded.ts';
import type { Direction, FlowFacts } from '../../protocols/flow.ts';
import { opcuaTransactionFields, opcuaTransportFields } from '../../protocols/opcua/record.ts';
import type { OpcuaTransaction } from '../../protocols/opcua/transaction.ts';
import { OpcuaAnalyzer, type OpcuaLimits } from './opcua-analyzer.ts';
import type { ChunkDecryptor } from './opcua-chunk-decryptor.ts';
import type { SegmentContext } from './stream-analyzer.ts';

export type Bytes = readonly number[];

export function int16(value: number): Bytes {
  return [value & 0xff, (value >>> 8) & 0xff];
}

export function int32(value: number): Bytes {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff];
}

export function text(value: string): Bytes {
  return [...int32(value.length), ...letters(value)];
}

export function letters(value: string): Bytes {
  return [...value].map((letter) => letter.charCodeAt(0));
}

export const NULL_TEXT = int32(-1);
const TIME: Bytes = [0, 0, 0, 0, 0, 0, 0xdc, 1];

/** A message of 8 bytes of header and what follows. */
export function message(typeAndChunk: string, ...rest: readonly Bytes[]): Bytes {
  const body = rest.flat();
  return [...letters(typeAndChunk), ...int32(8 + body.length), ...body];
}

export const HELLO = message(
  'HELF',
  int32(0),
  int32(65_536),
  int32(65_536),
  int32(0),
  int32(0),
  text('opc.tcp://plc:4840'),
);
export const ACKNOWLEDGE = message(
  'ACKF',
  int32(0),
  int32(65_536),
  int32(65_536),
  int32(0),
  int32(0),
);

export function policyUri(name: string): string {
  return `http://opcfoundation.org/UA/SecurityPolicy#${name}`;
}

/** OPN; `rest` is the sequence header and the body, or cipher text. */
export function open(policy: string, channel: number, ...rest: readonly Bytes[]): Bytes {
  const header = [...text(policyUri(policy)), ...NULL_TEXT, ...NULL_TEXT];
  return message('OPNF', int32(channel), header, ...rest);
}

export function sequence(sequenceNumber: number, requestId: number): Bytes {
  return [...int32(sequenceNumber), ...int32(requestId)];
}

/** A chunk of MSG in channel 7, token 1. */
export function chunk(type: string, number: number, requestId: number, body: Bytes): Bytes {
  return message(`MSG${type}`, int32(7), int32(1), sequence(number, requestId), body);
}

/** Type id and request header. */
export function request(typeId: number, ...fields: readonly Bytes[]): Bytes {
  const header = [0, 0, ...TIME, ...int32(1), ...int32(0), ...NULL_TEXT, ...int32(60_000), 0, 0, 0];
  return [1, 0, ...int16(typeId), ...header, ...fields.flat()];
}

/** Type id and response header. */
export function response(typeId: number, result: number, ...fields: readonly Bytes[]): Bytes {
  const header = [...TIME, ...int32(1), ...int32(result), 0, ...int32(0), 0, 0, 0];
  return [1, 0, ...int16(typeId), ...header, ...fields.flat()];
}

export const OPEN_REQUEST = request(446, int32(0), int32(0), int32(1), NULL_TEXT, int32(3_600_000));
export const OPEN_RESPONSE = response(
  449,
  0,
  int32(0),
  [...int32(7), ...int32(1), ...TIME, ...int32(3_600_000)],
  NULL_TEXT,
);

/** HEL, ACK and an open channel without security; both sides have used sequence number 1. */
export const CLEAR_CHANNEL: readonly Sent[] = [
  { from: 0, bytes: HELLO },
  { from: 1, bytes: ACKNOWLEDGE },
  { from: 0, bytes: open('None', 0, sequence(1, 1), OPEN_REQUEST) },
  { from: 1, bytes: open('None', 7, sequence(1, 1), OPEN_RESPONSE) },
];

export interface Sent {
  readonly from: Direction;
  readonly bytes: Bytes;
}

const digest: Digest = {
  pseudonym: (_bytes, _offset, length) => `pseudonym${length}`,
  sha256: (_bytes, _offset, length) => `sha256of${length}`,
};

/** One flow into one analyzer. */
export class Bench {
  readonly counters: OpcuaCounters = {
    transportMessages: 0,
    messages: 0,
    chunks: 0,
    malformed: 0,
    encryptedMessages: 0,
    byType: {},
    services: {},
  };
  /** Records in the order in which they came. */
  readonly records: Readonly<Record<string, unknown>>[] = [];
  readonly malformed: string[] = [];
  readonly analyzer: OpcuaAnalyzer;
  readonly flow: FlowFacts;
  readonly context: SegmentContext;
  onTransaction: (transaction: OpcuaTransaction) => void = () => {};

  constructor(limits: Partial<OpcuaLimits> = {}, midstream = false, decryptor?: ChunkDecryptor) {
    this.flow = flowFacts(midstream);
    const ignored = (): void => {};
    this.analyzer = new OpcuaAnalyzer(
      { flowsMax: 4, monitoredItemsMax: 64, ...limits, ...(decryptor && { decryptor }) },
      {
        modbusTransaction: ignored,
        opcuaTransaction: (transaction) => {
          this.onTransaction(transaction);
          this.records.push(plain(opcuaTransactionFields(transaction, digest)));
        },
        opcuaTransportMessage: (told) => {
          this.records.push(plain(opcuaTransportFields(told, digest)));
        },
        malformed: (told: MalformedMessage) => this.malformed.push(told.anomalies[0].name),
        gap: ignored,
        flowEnded: ignored,
      },
      this.counters,
    );
    this.context = {
      slot: 0,
      flow: this.flow,
      direction: 0,
      timeUs: 1_790_000_000_000_000,
      frameNumber: 0,
      frameAddress: -1,
      frameBytes: 0,
      isDatagram: false,
    };
    this.analyzer.flowBegan(this.flow);
  }

  send(from: Direction, bytes: Bytes | Uint8Array): void {
    // Frames lie inside a larger block whose bytes change afterwards.
    const block = new Uint8Array(bytes.length + 32).fill(0xa5);
    block.set(bytes, 16);
    this.context.direction = from;
    this.context.timeUs += 1000;
    this.analyzer.segment(this.context, block, 16, bytes.length);
    block.fill(0x5a);
  }

  sendAll(all: readonly Sent[]): void {
    for (const { from, bytes } of all) this.send(from, bytes);
  }

  lose(from: Direction, bytesMissed: number): void {
    this.context.direction = from;
    this.analyzer.gap(this.context, bytesMissed);
  }

  end(): void {
    this.analyzer.flowEnded(this.flow);
  }

  /** The services of the transactions so far, `*` behind the unmatched. */
  get services(): readonly string[] {
    return this.records
      .filter((record) => 'matched' in record)
      .map((record) => `${record.service}${record.matched === true ? '' : '*'}`);
  }
}

function plain(value: object): Readonly<Record<string, unknown>> {
  return JSON.parse(JSON.stringify(value));
}

function flowFacts(midstream: boolean): FlowFacts {
  const client = { ipAddress: '10.0.0.6', ipBytes: new Uint8Array(4), port: 51_000 };
  const server = { ipAddress: '10.0.1.20', ipBytes: new Uint8Array(4), port: 4_840 };
  return {
    flowNumber: 1,
    slot: 0,
    protocol: 'opcua',
    ipProtocol: 'tcp',
    interfaceIndex: 0,
    client,
    server,
    vlanIds: [],
    startTimeUs: 0,
    midstream,
    roleSource: 'hello',
    roleConfidence: 1,
    originator: 'client',
    clientSegmentsCount: 0,
    serverSegmentsCount: 0,
    clientBytesMissed: 0,
    serverBytesMissed: 0,
    gapsCount: 0,
    lastSeenUs: 0,
  };
}
