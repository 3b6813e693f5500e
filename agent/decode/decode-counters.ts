/**
 * The decode stage's counts, all at zero. One object per decoder: every part of the stage adds to
 * it, and the pipeline reads it out each interval.
 */
import type { CarrierCounters, DecodeCounters } from '../../protocols/decode-sink.ts';

/** Function codes without bit 7, plus room for those above 127 that a request may carry. */
const FUNCTION_CODES = 256;

/** Interfaces whose copies are counted apart; those of further ones are in the total. */
const INTERFACES_MAX = 64;

export function createCarrierCounters(): CarrierCounters {
  return {
    framesDuplicateCount: 0,
    framesDuplicateByInterface: new Uint32Array(INTERFACES_MAX),
    prpLanAFramesCount: 0,
    prpLanBFramesCount: 0,
    hsrFramesCount: 0,
    fragmentsCount: 0,
    packetsReassembledCount: 0,
    fragmentsRefusedCount: 0,
    overlapsDifferingCount: 0,
  };
}

/** One more frame that was the copy of another. */
export function countCopy(carriers: CarrierCounters, interfaceIndex: number): void {
  carriers.framesDuplicateCount++;
  const byInterface = carriers.framesDuplicateByInterface;
  if (interfaceIndex < byInterface.length) byInterface[interfaceIndex]++;
}

export function createDecodeCounters(): DecodeCounters {
  return {
    framesCount: 0,
    bytesCount: 0,
    framesTruncatedCount: 0,
    framesNotOursCount: 0,
    checksumFaultsCount: 0,
    bytesMissedCount: 0,
    gapsCount: 0,
    flowsUsed: 0,
    flowsMax: 0,
    flowsEvictedCount: 0,
    reassemblyBytesUsed: 0,
    reassemblyBytesMax: 0,
    reassemblyRefusedCount: 0,
    pendingEvictedCount: 0,
    carriers: createCarrierCounters(),
    modbus: {
      requests: 0,
      responses: 0,
      exceptions: 0,
      unmatchedRequests: 0,
      unmatchedResponses: 0,
      malformed: 0,
      byFunctionCode: new Uint32Array(FUNCTION_CODES),
    },
    opcua: {
      transportMessages: 0,
      messages: 0,
      chunks: 0,
      malformed: 0,
      encryptedMessages: 0,
      byType: { HEL: 0, ACK: 0, ERR: 0, RHE: 0, OPN: 0, MSG: 0, CLO: 0 },
      services: {},
    },
  };
}
