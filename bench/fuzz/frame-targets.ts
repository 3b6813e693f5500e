/** The fuzzer on frames of all link layers and tunnels, files, certificates and `--explain`. */
import { createDecodeCounters } from '../../agent/decode/decode-counters.ts';
import { Decoder } from '../../agent/decode/decoder.ts';
import { ModbusCarriers } from '../../agent/decode/modbus-carriers.ts';
import { OpcuaAnalyzer } from '../../agent/decode/opcua-analyzer.ts';
import { TlsAnalyzer } from '../../agent/decode/tls-analyzer.ts';
import {
  FRAME_CAPTURED_BYTES,
  FRAME_NUMBER,
  FRAME_ORIGINAL_BYTES,
  FRAME_SECONDS,
  FRAME_WORDS,
  type FrameBlock,
} from '../../protocols/frame-block.ts';
import { explainFrame } from '../../protocols/link/explain-frame.ts';
import { explainModbus } from '../../protocols/modbus/explain.ts';
import { encodeRtuFrame } from '../../protocols/modbus/rtu-framer.ts';
import { explainChunk } from '../../protocols/opcua/explain.ts';
import { CaptureFileDecoder } from '../../protocols/pcap/capture-file.ts';
import { certificateFacts } from '../../protocols/x509/certificate-facts.ts';
import type { FuzzState, FuzzTarget } from './fuzz-target.ts';
import { mutate } from './mutate.ts';
import { DIGEST, RECORDING_SINK } from './null-sink.ts';
import type { FuzzSeeds } from './seeds.ts';

const FLOWS_MAX = 16;
const FIRST_SECOND = 1_790_000_000;
const EMPTY = new Uint8Array(0);

export function frameTargets(seeds: FuzzSeeds): FuzzTarget[] {
  return [
    { name: 'link', begin: () => linkState(seeds) },
    { name: 'file', begin: () => fileState(seeds) },
    { name: 'certificate', begin: () => certificateState(seeds) },
    { name: 'explain', begin: () => explainState(seeds) },
  ];
}

function linkState(seeds: FuzzSeeds): FuzzState {
  const counters = createDecodeCounters();
  const options = { flowsMax: FLOWS_MAX, requestsPendingMax: 64, partialMessagesMax: 8 };
  const analyzers = {
    modbus: new ModbusCarriers(options, RECORDING_SINK, counters.modbus),
    opcua: new OpcuaAnalyzer({ flowsMax: FLOWS_MAX }, RECORDING_SINK, counters.opcua),
    tls: new TlsAnalyzer(RECORDING_SINK),
  };
  const pools = { flowsMax: FLOWS_MAX, reassemblyBlocksMax: 64 };
  const decoder = new Decoder(pools, analyzers, RECORDING_SINK, counters);
  const index = new Uint32Array(FRAME_WORDS);
  let bytes: Uint8Array = EMPTY;
  let linkType = 1;
  let number = 0;
  return {
    make: (random) => {
      const seed = random.pick(random.below(3) === 0 ? seeds.madeFrames : seeds.frames);
      linkType = seed.linkType;
      const from = random.below(3) === 0 ? 0 : Math.min(14, seed.bytes.length);
      const isChanged = random.below(8) !== 0;
      const other = random.pick(seeds.frames).bytes;
      bytes = isChanged ? mutate(seed.bytes, from, random, other) : seed.bytes;
      number += 1;
      index[FRAME_CAPTURED_BYTES] = bytes.length;
      index[FRAME_ORIGINAL_BYTES] = bytes.length + (random.below(10) === 0 ? 100 : 0);
      index[FRAME_SECONDS] = FIRST_SECOND + (number >> 5);
      index[FRAME_NUMBER] = number;
    },
    run: () => {
      const before = counters.framesNotOursCount;
      decoder.block(blockAround(bytes, index, linkType));
      return counters.framesNotOursCount === before;
    },
  };
}

function blockAround(bytes: Uint8Array, index: Uint32Array, linkType: number): FrameBlock {
  const place = { interfaceIndex: 0, monotonicMs: -1, historyAddress: -1 };
  return { bytes, index, framesCount: 1, linkType, ...place };
}

function fileState(seeds: FuzzSeeds): FuzzState {
  let framesCount = 0;
  const count = (block: FrameBlock): void => {
    framesCount += block.framesCount;
  };
  let bytes: Uint8Array = EMPTY;
  let chunkBytes = 1;
  // A reader has a buffer of a megabyte of its own: made once a file, and not what is timed.
  let file = new CaptureFileDecoder({ sink: { block: count }, interfaceIndex: 0 });
  return {
    make: (random) => {
      file = new CaptureFileDecoder({ sink: { block: count }, interfaceIndex: 0 });
      const seed = random.pick(seeds.files);
      const from = random.below(4) === 0 ? 0 : Math.min(24, seed.length);
      bytes = mutate(seed, from, random, random.pick(seeds.files));
      chunkBytes = random.below(4) === 0 ? 1 + random.below(200) : bytes.length + 1;
    },
    run: () => {
      framesCount = 0;
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        file.push(bytes.subarray(at, at + chunkBytes));
      }
      file.finish();
      return framesCount > 0;
    },
  };
}

function certificateState(seeds: FuzzSeeds): FuzzState {
  let bytes: Uint8Array = EMPTY;
  return {
    make: (random) => {
      const [seed, other] = [random.pick(seeds.certificates), random.pick(seeds.certificates)];
      bytes = mutate(seed, 4, random, other, random.below(3) === 0);
    },
    run: () => certificateFacts(bytes, 0, bytes.length).parseError === undefined,
  };
}

function explainState(seeds: FuzzSeeds): FuzzState {
  let bytes: Uint8Array = EMPTY;
  let request: Uint8Array = EMPTY;
  let kind = 0;
  let linkType = 1;
  let from = 0;
  let isRequest = false;
  let isReadable: boolean | undefined = true;
  let hasBefore = true;
  return {
    make: (random) => {
      kind = random.below(3);
      const [ask, answer] = random.pick(seeds.modbus);
      request = ask;
      const frame = random.pick(random.below(2) === 0 ? seeds.madeFrames : seeds.frames);
      linkType = frame.linkType;
      isRequest = random.below(2) === 0;
      isReadable = random.pick([true, true, false, undefined]);
      hasBefore = random.below(4) !== 0;
      const pdu = isRequest ? ask : answer;
      const adu = random.below(4) === 0 ? encodeRtuFrame(1, pdu) : mbapOf(pdu);
      const seed = [frame.bytes, random.pick(seeds.opcua), adu][kind];
      from = random.below(4) === 0 ? random.below(seed.length) : 0;
      bytes = mutate(seed, kind === 0 ? 0 : Math.min(8, seed.length), random, request);
    },
    run: () => {
      if (kind === 0) return explainFrame(bytes, linkType).length > 1;
      const place = { from: Math.min(from, bytes.length), to: bytes.length, frameOffset: 54 };
      const part = { bytes, ...place, digest: DIGEST };
      if (kind === 1) {
        const chunk = { knownBytes: bytes.length, chunkBytes: bytes.length, signatureBytes: 0 };
        const body = { bodyBefore: hasBefore ? EMPTY : undefined, isReadable };
        return explainChunk({ ...part, ...chunk, ...body }).children !== undefined;
      }
      const asked = { bytes: request, offset: 0, length: request.length };
      const side = { aduBytes: bytes.length, isRequest, request: asked };
      return explainModbus({ ...part, ...side }).children !== undefined;
    },
  };
}

function mbapOf(pdu: Uint8Array): Uint8Array {
  return Uint8Array.of(0, 1, 0, 0, 0, pdu.length + 1, 1, ...pdu);
}
