/** The one object of `replay --summary json` (DESIGN section 6, FIELDS.md section 0). */

import type { CarrierCounters } from '../../protocols/decode-sink.ts';
import type { ConversationCounts, Detection } from '../../protocols/interval-report.ts';
import type { Registers } from '../observe/knowledge.ts';
import type { PipelineTotals } from '../pipeline.ts';

/** Items of a list that are one piece of text. */
const PIECE_ITEMS = 64;

/**
 * Text of the object, on one line, piece by piece: of a plant with ten thousand devices it is ten
 * megabytes, which never stand in memory together. A piece ends between two values.
 */
export function* summaryPieces(totals: PipelineTotals, registers?: Registers): Generator<string> {
  let before = '{';
  for (const [name, value] of Object.entries(summarize(totals, registers))) {
    yield `${before}${JSON.stringify(name)}:`;
    before = ',';
    if (value instanceof Items) yield* value.pieces();
    else yield JSON.stringify(value);
  }
  yield '}';
}

/** A list whose items are made when they are written. */
class Items<Item> {
  readonly #items: readonly Item[];
  readonly #fieldsOf: (item: Item) => unknown;

  constructor(items: readonly Item[], fieldsOf: (item: Item) => unknown = (item) => item) {
    this.#items = items;
    this.#fieldsOf = fieldsOf;
  }

  *pieces(): Generator<string> {
    yield '[';
    for (let first = 0; first < this.#items.length; first += PIECE_ITEMS) {
      const some = this.#items.slice(first, first + PIECE_ITEMS);
      const texts = some.map((item) => JSON.stringify(this.#fieldsOf(item)));
      yield `${first === 0 ? '' : ','}${texts.join(',')}`;
    }
    yield ']';
  }
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
    assets: new Items(totals.assets),
    conversations: new Items(totals.conversations, conversationFields),
    conversationsFolded: totals.conversationsFolded,
    ...(registers && {
      registers: new Items(registers.ranges),
      nodes: new Items(registers.nodes),
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
