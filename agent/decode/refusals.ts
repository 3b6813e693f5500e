/**
 * Flows on a port of Modbus that speak something else (FIELDS.md 1.6, `notModbusOnModbusPort`): an
 * observation about a flow, made once for each, since no message of it can carry one.
 */
import type { MalformedMessage } from '../../protocols/decode-sink.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import type { SegmentContext } from './stream-analyzer.ts';

/** An MBAP header and the function code: what follows may be anything, a password too. */
const REFUSED_BYTES_KEPT = 8;

/** The first bytes that were refused, and who sent them. */
export function refusal(
  flow: FlowFacts,
  context: SegmentContext,
  fromClient: boolean,
  bytes: Uint8Array,
  offset: number,
  length: number,
): MalformedMessage {
  const { timeUs, frameNumber, frameAddress, frameBytes } = context;
  const kept = Math.min(length, REFUSED_BYTES_KEPT);
  const first = bytes.subarray(offset, offset + kept);
  const anomaly = {
    name: 'notModbusOnModbusPort',
    field: 'mbap',
    offsetBytes: 0,
    expected: 'a message of Modbus',
    actual: Array.from(first, (byte) => byte.toString(16).padStart(2, '0')).join(''),
  };
  return {
    flow,
    protocol: 'modbus',
    timeUs,
    fromClient,
    anomalies: [anomaly],
    bytes: { bytes, offset, length: kept },
    frameNumber,
    frameAddress,
    frameBytes,
  };
}
