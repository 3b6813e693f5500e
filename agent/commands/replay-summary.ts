/** The one object of `replay --summary json` (DESIGN section 6, FIELDS.md section 0). */

import type { CarrierCounters } from '../../protocols/decode-sink.ts';
import type { ConversationCounts, Detection } from '../../protocols/interval-report.ts';
import type { Registers } from '../observe/knowledge.ts';
import type { PipelineTotals } from '../pipeline.ts';

/** Text of the object, on one line. */
export function summaryJson(totals: PipelineTotals, registers?: Registers): string {
  return JSON.stringify(summarize(totals, registers));
}

function summarize(totals: PipelineTotals, registers?: Registers): Record<string, unknown> {
  const { decode } = totals;
  const { byFunctionCode, ...modbus } = decode.modbus;
  return {
    frames: decode.framesCount,
    bytes: decode.bytesCount,
    bytesMissed: decode.bytesMissedCount,
    gaps: decode.gapsCount,
    framesTruncated: decode.framesTruncatedCount,
    framesNotOurs: decode.framesNotOursCount,
    ...(decode.carriers && { carriers: carrierFields(decode.carriers) }),
    ...(totals.firstFrameUs >= 0
      ? { firstFrameUs: totals.firstFrameUs, lastFrameUs: totals.lastFrameUs }
      : {}),
    modbus: {
      ...modbus,
      transactions: totals.modbusTransactions,
      byFunctionCode: countsByCode(byFunctionCode),
    },
    opcua: { ...decode.opcua, transactions: totals.opcuaTransactions },
    assets: totals.assets,
    conversations: totals.conversations.map(conversationFields),
    conversationsFolded: totals.conversationsFolded,
    ...(registers && {
      registers: registers.ranges,
      nodes: registers.nodes,
      registersFolded: registers.folded,
    }),
    detections: totals.detections.map(detectionFields),
    observations: totals.observationsByKind,
  };
}

/** What the layers below TCP brought: copies, redundant networks, fragments. */
function carrierFields(carriers: CarrierCounters): Record<string, number> {
  return {
    framesDuplicate: carriers.framesDuplicateCount,
    prpLanAFrames: carriers.prpLanAFramesCount,
    prpLanBFrames: carriers.prpLanBFramesCount,
    hsrFrames: carriers.hsrFramesCount,
    fragments: carriers.fragmentsCount,
    packetsReassembled: carriers.packetsReassembledCount,
    fragmentsRefused: carriers.fragmentsRefusedCount,
    overlapsDiffering: carriers.overlapsDifferingCount,
  };
}

function countsByCode(counts: Uint32Array): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [code, count] of counts.entries()) {
    if (count > 0) found[code] = count;
  }
  return found;
}

/** FIELDS.md section 0: `client` and `server`, counts by function code and by service. */
export function conversationFields(conversation: ConversationCounts): Record<string, unknown> {
  const { protocol, clientIpAddress, serverIpAddress, functionCodes, services, ...rest } =
    conversation;
  return {
    protocol,
    client: clientIpAddress,
    server: serverIpAddress,
    ...rest,
    ...(functionCodes === undefined
      ? {}
      : {
          functionCodes: Object.fromEntries(
            functionCodes.map(({ functionCode, ...counts }) => [functionCode, counts]),
          ),
        }),
    ...(services === undefined
      ? {}
      : { services: Object.fromEntries(services.map(({ service, count }) => [service, count])) }),
  };
}

/** Frames stay inside: they belong into a capture file, not into a summary. */
function detectionFields(detection: Detection): Record<string, unknown> {
  const { frames: _, ...evidence } = detection.evidence;
  return { ...detection, evidence };
}
