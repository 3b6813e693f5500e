/**
 * Where delivered bytes come from, as one reused object: made once, refilled per frame, and swapped
 * for the moment in which bytes that had to wait are delivered with their own frame's stamp.
 */
import { CLIENT_TO_SERVER, type Endpoint, type FlowFacts } from '../../protocols/flow.ts';
import type { SegmentContext } from './stream-analyzer.ts';

const NOBODY: Endpoint = { ipAddress: '', ipBytes: new Uint8Array(0), port: 0 };

/** Stands in the context until the first flow is recognised; no analyzer ever sees it. */
const NO_FLOW: FlowFacts = {
  flowNumber: 0,
  slot: 0,
  protocol: 'modbus',
  ipProtocol: 'tcp',
  interfaceIndex: 0,
  client: NOBODY,
  server: NOBODY,
  vlanIds: [],
  startTimeUs: 0,
  midstream: false,
  roleSource: 'port',
  roleConfidence: 0,
  originator: 'unknown',
  clientSegmentsCount: 0,
  serverSegmentsCount: 0,
  clientBytesMissed: 0,
  serverBytesMissed: 0,
  gapsCount: 0,
  lastSeenUs: 0,
};

export function createSegmentContext(): SegmentContext {
  return {
    slot: 0,
    flow: NO_FLOW,
    direction: CLIENT_TO_SERVER,
    // A fraction keeps the engine's representation of these two fields a double for good.
    timeUs: 0.5,
    frameNumber: 0,
    frameAddress: -0.5,
    frameBytes: 0,
    isDatagram: false,
    isFragmented: false,
  };
}

/** What names the frame that bytes came in. */
export type SegmentOrigin = Pick<
  SegmentContext,
  'timeUs' | 'frameNumber' | 'frameAddress' | 'frameBytes'
>;

export function originOf(context: SegmentContext): SegmentOrigin {
  const { timeUs, frameNumber, frameAddress, frameBytes } = context;
  return { timeUs, frameNumber, frameAddress, frameBytes };
}

export function copyOrigin(from: SegmentOrigin, to: SegmentContext): void {
  to.timeUs = from.timeUs;
  to.frameNumber = from.frameNumber;
  to.frameAddress = from.frameAddress;
  to.frameBytes = from.frameBytes;
}
