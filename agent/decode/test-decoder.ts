/**
 * A decoder with fake analyzers and two peers to speak through it: what every test of the decode
 * core begins with.
 */
import type { DecodeCounters } from '../../protocols/decode-sink.ts';
import { createDecodeCounters } from './decode-counters.ts';
import { Decoder } from './decoder.ts';
import type { DecoderOptions } from './decoder-options.ts';
import {
  ACK,
  blockOf,
  FakeAnalyzer,
  type FrameFields,
  RecordingSink,
  SYN,
  SYN_ACK,
} from './test-traffic.ts';

export const CLIENT = { host: 5, port: 40_001 };
export const SERVER = { host: 9, port: 502 };
export const OTHER_PORT = { host: 9, port: 1502 };

export interface Run {
  readonly decoder: Decoder;
  readonly modbus: FakeAnalyzer;
  readonly opcua: FakeAnalyzer;
  readonly sink: RecordingSink;
  readonly counters: DecodeCounters;
}

export function start(options: Partial<DecoderOptions> = {}): Run {
  const modbus = new FakeAnalyzer('modbus');
  const opcua = new FakeAnalyzer('opcua');
  const sink = new RecordingSink();
  const counters = createDecodeCounters();
  const decoder = new Decoder({ flowsMax: 64, ...options }, { modbus, opcua }, sink, counters);
  return { decoder, modbus, opcua, sink, counters };
}

export function decode(frames: readonly FrameFields[], options: Partial<DecoderOptions> = {}): Run {
  const run = start(options);
  run.decoder.block(blockOf(frames));
  run.decoder.end();
  return run;
}

/** A client's segment, and a server's. */
export function c(
  sequence: number,
  payload: string | Uint8Array = '',
  acknowledgment = 0,
  more: Partial<FrameFields> = {},
) {
  return { from: CLIENT, to: SERVER, sequence, acknowledgment, payload, ...more };
}
export function s(
  sequence: number,
  payload: string | Uint8Array = '',
  acknowledgment = 0,
  more: Partial<FrameFields> = {},
) {
  return { from: SERVER, to: CLIENT, sequence, acknowledgment, payload, ...more };
}

/** Handshake: the client's bytes begin at 1001, the server's at 5001. */
export const OPEN = [
  c(1000, '', 0, { flags: SYN }),
  s(5000, '', 1001, { flags: SYN_ACK }),
  c(1001, '', 5001, { flags: ACK }),
];
export const Q = 'q1..';
export const A = 'a1..';

/** The same frame on a port that no configuration names. */
export function elsewhere(frame: FrameFields): FrameFields {
  const swap = (peer: FrameFields['from']) => (peer === SERVER ? OTHER_PORT : peer);
  return { ...frame, from: swap(frame.from), to: swap(frame.to) };
}
