/** One OPC UA connection as the decode core would hand it to the analyzer, for the bench. */
import type { SegmentContext } from '../agent/decode/stream-analyzer.ts';
import { CLIENT_TO_SERVER, type FlowFacts } from '../protocols/flow.ts';

const BEGIN_US = 1_790_000_000_000_000;

/** Client to server to begin with; `slot` is the flow's row. */
export function madeContext(slot = 0): SegmentContext {
  return {
    slot,
    flow: madeFlow(slot),
    direction: CLIENT_TO_SERVER,
    timeUs: BEGIN_US,
    frameNumber: 0,
    frameAddress: -1,
    frameBytes: 0,
    isDatagram: false,
  };
}

function madeFlow(slot: number): FlowFacts {
  const end = (ipAddress: string, port: number) => {
    return { ipAddress, ipBytes: new Uint8Array(4), port };
  };
  return {
    flowNumber: slot + 1,
    slot,
    protocol: 'opcua',
    ipProtocol: 'tcp',
    interfaceIndex: 0,
    client: end('10.0.0.6', 51_000 + slot),
    server: end('10.0.1.20', 4840),
    vlanIds: [],
    startTimeUs: BEGIN_US,
    midstream: false,
    roleSource: 'hello',
    roleConfidence: 1,
    originator: 'client',
    clientSegmentsCount: 0,
    serverSegmentsCount: 0,
    clientBytesMissed: 0,
    serverBytesMissed: 0,
    gapsCount: 0,
    lastSeenUs: BEGIN_US,
  };
}
