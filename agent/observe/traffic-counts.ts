/** Turns the counters of decode into what a report tells of an interval. */
import type { DecodeCounters } from '../../protocols/decode-sink.ts';
import type { TableUse, TrafficCounts } from '../../protocols/interval-report.ts';
import { ASSETS_MAX, type AssetTable, FACTS_MAX } from './asset-table.ts';
import { CONVERSATIONS_MAX, type ConversationTable } from './conversation-table.ts';
import { DETECTION_CASES_MAX, type DetectionCases } from './detection-cases.ts';
import { CELLS_MAX } from './subject-cells.ts';

/** Counts since start; all 0 without decode. */
export function trafficOf(
  decode: DecodeCounters | undefined,
  modbusTransactions: number,
  opcuaTransactions: number,
): TrafficCounts {
  return {
    frames: decode?.framesCount ?? 0,
    bytes: decode?.bytesCount ?? 0,
    bytesMissed: decode?.bytesMissedCount ?? 0,
    gaps: decode?.gapsCount ?? 0,
    modbusRequests: decode?.modbus.requests ?? 0,
    modbusResponses: decode?.modbus.responses ?? 0,
    modbusExceptions: decode?.modbus.exceptions ?? 0,
    modbusTransactions,
    modbusMalformed: decode?.modbus.malformed ?? 0,
    opcuaTransportMessages: decode?.opcua.transportMessages ?? 0,
    opcuaTransactions,
    opcuaMalformed: decode?.opcua.malformed ?? 0,
    opcuaEncryptedMessages: decode?.opcua.encryptedMessages ?? 0,
  };
}

export function trafficSince(now: TrafficCounts, before: TrafficCounts): TrafficCounts {
  return {
    frames: now.frames - before.frames,
    bytes: now.bytes - before.bytes,
    bytesMissed: now.bytesMissed - before.bytesMissed,
    gaps: now.gaps - before.gaps,
    modbusRequests: now.modbusRequests - before.modbusRequests,
    modbusResponses: now.modbusResponses - before.modbusResponses,
    modbusExceptions: now.modbusExceptions - before.modbusExceptions,
    modbusTransactions: now.modbusTransactions - before.modbusTransactions,
    modbusMalformed: now.modbusMalformed - before.modbusMalformed,
    opcuaTransportMessages: now.opcuaTransportMessages - before.opcuaTransportMessages,
    opcuaTransactions: now.opcuaTransactions - before.opcuaTransactions,
    opcuaMalformed: now.opcuaMalformed - before.opcuaMalformed,
    opcuaEncryptedMessages: now.opcuaEncryptedMessages - before.opcuaEncryptedMessages,
  };
}

/** How full every table is now; `evicted` and `refused` since start. */
export function tableUses(
  decode: DecodeCounters,
  conversations: ConversationTable,
  assets: AssetTable,
  cases: DetectionCases,
): TableUse[] {
  return [
    {
      table: 'flows',
      used: decode.flowsUsed,
      max: decode.flowsMax,
      evicted: decode.flowsEvictedCount,
      refused: 0,
    },
    {
      table: 'reassemblyBytes',
      used: decode.reassemblyBytesUsed,
      max: decode.reassemblyBytesMax,
      evicted: 0,
      refused: decode.reassemblyRefusedCount,
    },
    {
      table: 'conversations',
      used: conversations.used,
      max: CONVERSATIONS_MAX - 1,
      evicted: conversations.evictedCount,
      refused: conversations.refusedCount,
    },
    {
      table: 'conversationSubjects',
      used: conversations.cells.used,
      max: CELLS_MAX - 1,
      evicted: 0,
      refused: conversations.cells.refusedCount,
    },
    {
      table: 'assets',
      used: assets.used,
      max: ASSETS_MAX,
      evicted: 0,
      refused: assets.refusedCount,
    },
    {
      table: 'assetFacts',
      used: assets.factsUsed,
      max: FACTS_MAX,
      evicted: 0,
      refused: assets.factsRefusedCount,
    },
    {
      table: 'detectionCases',
      used: cases.used,
      max: DETECTION_CASES_MAX,
      evicted: cases.evictedCount,
      refused: 0,
    },
  ];
}
