/** The one object of `replay --summary json` (DESIGN section 6, FIELDS.md section 0). */

import type { ConversationCounts, Detection } from '../../protocols/interval-report.ts';
import type { Asset } from '../observe/asset-table.ts';
import type { PipelineTotals } from '../pipeline.ts';

/** Text of the object, on one line. */
export function summaryJson(totals: PipelineTotals): string {
  return JSON.stringify(summarize(totals));
}

function summarize(totals: PipelineTotals): Record<string, unknown> {
  const { decode } = totals;
  const { byFunctionCode, ...modbus } = decode.modbus;
  return {
    frames: decode.framesCount,
    bytes: decode.bytesCount,
    bytesMissed: decode.bytesMissedCount,
    gaps: decode.gapsCount,
    framesTruncated: decode.framesTruncatedCount,
    framesNotOurs: decode.framesNotOursCount,
    ...(totals.firstFrameUs >= 0
      ? { firstFrameUs: totals.firstFrameUs, lastFrameUs: totals.lastFrameUs }
      : {}),
    modbus: {
      ...modbus,
      transactions: totals.modbusTransactions,
      byFunctionCode: countsByCode(byFunctionCode),
    },
    opcua: { ...decode.opcua, transactions: totals.opcuaTransactions },
    assets: totals.assets.map(assetFields),
    conversations: totals.conversations.map(conversationFields),
    conversationsFolded: totals.conversationsFolded,
    detections: totals.detections.map(detectionFields),
    observations: totals.observationsByKind,
  };
}

function countsByCode(counts: Uint32Array): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [code, count] of counts.entries()) {
    if (count > 0) found[code] = count;
  }
  return found;
}

function assetFields(asset: Asset): Record<string, unknown> {
  const { assetId, addresses, macAddress, unitId, roles, facts } = asset;
  return {
    assetId,
    addresses,
    ...(macAddress === undefined ? {} : { macAddress }),
    ...(unitId === undefined ? {} : { unitId }),
    roles,
    facts,
    firstSeenUs: asset.firstSeenUs,
    lastSeenUs: asset.lastSeenUs,
  };
}

function conversationFields(conversation: ConversationCounts): Record<string, unknown> {
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
