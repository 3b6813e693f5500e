/**
 * The order of the stages, and the only file that knows it: frames -> decode (flows, streams,
 * Modbus, OPC UA) -> observe. `replay` runs it on a file, the capture worker on live interfaces;
 * both see the same analysis.
 */

import type { DecodeCounters, DecodeSink } from '../protocols/decode-sink.ts';
import type { Digest } from '../protocols/decoded.ts';
import {
  FRAME_NANOSECONDS,
  FRAME_SECONDS,
  FRAME_WORDS,
  type FrameBlock,
  type FrameBlockSink,
  type FrameEvidence,
  LINKTYPE_SERIAL_BYTES,
} from '../protocols/frame-block.ts';
import type { IntervalReport, SourceCoverage } from '../protocols/interval-report.ts';
import type { RegisterMap } from '../protocols/modbus/register-map.ts';
import { createDecodeCounters } from './decode/decode-counters.ts';
import { Decoder } from './decode/decoder.ts';
import { DECODER_DEFAULTS } from './decode/decoder-options.ts';
import { ModbusCarriers } from './decode/modbus-carriers.ts';
import { OpcuaAnalyzer } from './decode/opcua-analyzer.ts';
import {
  type SerialLineCounts,
  type SerialLineOptions,
  SerialLines,
} from './decode/serial-lines.ts';
import { TlsAnalyzer } from './decode/tls-analyzer.ts';
import { AssetTable } from './observe/asset-table.ts';
import type { KnownConversation } from './observe/conversation-list.ts';
import type { Sha1Base64 } from './observe/conversation-memory.ts';
import { FanOutSink } from './observe/fan-out-sink.ts';
import { Knowledge } from './observe/knowledge.ts';
import { type ObservedInterface, Observer, type ObserverTotals } from './observe/observer.ts';
import type { RecordWriter } from './observe/record-writer.ts';

export interface PipelineOptions {
  /** By the `interfaceIndex` of blocks; empty where frames come from a file. */
  readonly interfaces: readonly ObservedInterface[];
  readonly digest: Digest;
  /** Configuration decode.modbusPorts; 502 unless given. */
  readonly modbusPorts?: readonly number[];
  /** Configuration decode.opcuaPorts; 4840 unless given. */
  readonly opcuaPorts?: readonly number[];
  /** Connections watched at a time; when full, the one idle longest makes room. */
  readonly flowsMax?: number;
  /** Start of the flow table's hash; random where strangers may choose addresses. */
  readonly hashSeed?: number;
  /** Tapped serial lines; none unless given. */
  readonly serialLines?: readonly SerialLineOptions[];
  /** Names, types and units of registers (configuration decode.registerMaps). */
  readonly registerMap?: RegisterMap;
  /** Where detections copy their frames from. */
  readonly evidence?: FrameEvidence;
  /** Whether to remember polls and what each register held; true unless given. */
  readonly remembersRegisters?: boolean;
  /** For Community IDs; without it conversations have none. */
  readonly sha1Base64?: Sha1Base64;
  /** Gets every transaction too; where somebody asks for records alone, nothing else is kept. */
  readonly records?: RecordWriter;
}

/** Everything since start. */
export interface PipelineTotals extends ObserverTotals {
  readonly conversations: readonly KnownConversation[];
  readonly decode: DecodeCounters;
  /** Stamps of the first and the last frame, UTC microseconds; -1 before the first. */
  readonly firstFrameUs: number;
  readonly lastFrameUs: number;
}

export class Pipeline implements FrameBlockSink {
  readonly #counters = createDecodeCounters();
  readonly #observer: Observer;
  /** What outlives the intervals; absent where only records are asked for. */
  readonly knowledge: Knowledge | undefined;
  readonly #records: RecordWriter | undefined;
  readonly #decoder: Decoder;
  readonly #serialLines: SerialLines;
  readonly #analyzers: { readonly modbus: ModbusCarriers; readonly opcua: OpcuaAnalyzer };
  readonly #copiesReported: number[] = [];
  #firstFrameUs = -1;
  #lastFrameUs = -1;

  constructor(options: PipelineOptions) {
    const { interfaces, digest, evidence, records } = options;
    const flowsMax = options.flowsMax ?? DECODER_DEFAULTS.flowsMax;
    const counters = this.#counters;
    const knowledge = records === undefined ? openKnowledge(options) : undefined;
    this.knowledge = knowledge;
    this.#observer = new Observer(
      { interfaces, ...(knowledge && { knowledge }) },
      digest,
      evidence,
    );
    this.#records = records;
    const beside = knowledge ?? records;
    const sink: DecodeSink =
      beside === undefined ? this.#observer : new FanOutSink(this.#observer, beside);
    const analyzers = {
      modbus: new ModbusCarriers({ flowsMax }, sink, counters.modbus),
      opcua: new OpcuaAnalyzer({ flowsMax }, sink, counters.opcua),
      tls: new TlsAnalyzer(sink),
    };
    this.#analyzers = analyzers;
    const decoderOptions = {
      flowsMax,
      modbusPorts: options.modbusPorts ?? DECODER_DEFAULTS.modbusPorts,
      opcuaPorts: options.opcuaPorts ?? DECODER_DEFAULTS.opcuaPorts,
      hashSeed: options.hashSeed ?? DECODER_DEFAULTS.hashSeed,
    };
    this.#decoder = new Decoder(decoderOptions, analyzers, sink, counters);
    this.#serialLines = new SerialLines(options.serialLines ?? [], sink, counters);
  }

  /** Decodes and observes every frame of the block before it returns. */
  block(block: FrameBlock): void {
    if (block.framesCount > 0) {
      if (this.#firstFrameUs < 0) this.#firstFrameUs = timeUsOf(block, 0);
      this.#lastFrameUs = timeUsOf(block, block.framesCount - 1);
    }
    if (block.linkType === LINKTYPE_SERIAL_BYTES) this.#serialLines.block(block);
    else this.#decoder.block(block);
  }

  /** UTC microseconds of the last frame; -1 before the first. */
  get lastFrameUs(): number {
    return this.#lastFrameUs;
  }

  /** Capture time goes on without frames; live, at least once a second. */
  advance(timeUs: number): void {
    this.#decoder.advance(timeUs);
    this.#serialLines.advance(timeUs);
  }

  /** End of input: what is pending leaves now, and the records that are held. */
  end(): void {
    this.#decoder.end();
    this.#serialLines.end();
    this.#records?.flush();
  }

  /** Ends an interval (UTC microseconds) and tells what it brought; `isLast`: none follows. */
  report(
    fromUs: number,
    toUs: number,
    coverage: readonly SourceCoverage[],
    isLast = false,
  ): IntervalReport {
    this.#records?.endInterval();
    const { modbus, opcua } = this.#analyzers;
    this.#counters.pendingEvictedCount = modbus.pendingEvictedCount + opcua.pendingEvictedCount;
    const told = coverage.map((each, index) => this.#withCopies(each, index));
    const report = this.#observer.report(fromUs, toUs, told, this.#counters);
    const assetChanges = this.knowledge?.takeAssetChanges() ?? [];
    const state = this.knowledge?.takeState(isLast) ?? [];
    return {
      ...report,
      ...(assetChanges.length > 0 && { assetChanges }),
      ...(state.length > 0 && { state }),
    };
  }

  /** Copies are found in decode, so coverage learns of them here. */
  #withCopies(coverage: SourceCoverage, interfaceIndex: number): SourceCoverage {
    const copies = this.#counters.carriers?.framesDuplicateByInterface[interfaceIndex] ?? 0;
    const framesDuplicate = copies - (this.#copiesReported[interfaceIndex] ?? 0);
    this.#copiesReported[interfaceIndex] = copies;
    return framesDuplicate === 0 ? coverage : { ...coverage, framesDuplicate };
  }

  /** Frames and unframed bytes of one serial line since start. */
  serialLine(interfaceIndex: number): SerialLineCounts {
    return this.#serialLines.countsOf(interfaceIndex);
  }

  /** A new detection that no report has told yet. */
  get isDetectionWaiting(): boolean {
    return this.#observer.isDetectionWaiting;
  }

  totals(): PipelineTotals {
    const totals = this.#observer.totals();
    return {
      ...totals,
      conversations: this.knowledge?.describe(totals.conversations) ?? totals.conversations,
      decode: this.#counters,
      firstFrameUs: this.#firstFrameUs,
      lastFrameUs: this.#lastFrameUs,
    };
  }
}

function openKnowledge(options: PipelineOptions): Knowledge {
  const { digest, sha1Base64, registerMap, remembersRegisters } = options;
  return new Knowledge({
    digest,
    assets: new AssetTable(),
    ...(sha1Base64 && { sha1Base64 }),
    ...(registerMap && { registerMap }),
    ...(remembersRegisters !== undefined && { remembersRegisters }),
  });
}

function timeUsOf(block: FrameBlock, frame: number): number {
  const word = frame * FRAME_WORDS;
  const nanoseconds = block.index[word + FRAME_NANOSECONDS];
  return block.index[word + FRAME_SECONDS] * 1_000_000 + Math.floor(nanoseconds / 1000);
}
