/**
 * What mutants are made from: messages, frames and files of the corpus where there is one, and made
 * ones everywhere.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { conversation } from '../../agent/decode/opcua-made-services.ts';
import { blockOf } from '../../agent/decode/test-traffic.ts';
import { corpusFolder } from '../../hil-tests/needs.ts';
import { FRAME_CAPTURED_BYTES, FRAME_OFFSET, FRAME_WORDS } from '../../protocols/frame-block.ts';
import { WRAPPINGS } from '../../protocols/link/made-wrappings.ts';
import { encodePcapHeader, encodePcapRecord } from '../../protocols/pcap/pcap-write.ts';
import * as certificates from '../../protocols/x509/made-certificates.ts';
import { holdFrames } from '../held-frames.ts';
import { MADE_FILES, OTHER_FRAMES } from './frame-seeds.ts';
import { MODBUS_PDUS } from './modbus-seeds.ts';
import { OTHER_CHUNKS } from './opcua-seeds.ts';

export interface FrameSeed {
  readonly bytes: Uint8Array;
  readonly linkType: number;
}

export interface FuzzSeeds {
  /** Request and response PDU. */
  readonly modbus: readonly (readonly [Uint8Array, Uint8Array])[];
  /** Whole chunks. */
  readonly opcua: readonly Uint8Array[];
  /** Few, and each a wrapping of its own: taken more often than the others. */
  readonly madeFrames: readonly FrameSeed[];
  readonly frames: readonly FrameSeed[];
  readonly files: readonly Uint8Array[];
  readonly certificates: readonly Uint8Array[];
  readonly hasCorpus: boolean;
}

const CAPTURE_BYTES_MAX = 60_000;
const FILE_SEED_BYTES_MAX = 4096;
const FRAMES_PER_CAPTURE = 12;
const LINKTYPE_ETHERNET = 1;
const OPCUA_HEADER_BYTES = 8;

export function readSeeds(): FuzzSeeds {
  const corpus = corpusFolder === undefined ? undefined : readCorpus(corpusFolder);
  const made = [...madeFrames(), ...OTHER_FRAMES];
  const frames = [...made, ...(corpus?.frames ?? [])];
  return {
    modbus: MODBUS_PDUS.map(([request, response]) => [hex(request), hex(response)]),
    opcua: [
      ...conversation.flatMap(({ bytes }) => chunksOf(Uint8Array.from(bytes))),
      ...OTHER_CHUNKS,
      ...(corpus?.opcua ?? []),
    ],
    madeFrames: made,
    frames,
    files: [madeFile(frames.slice(0, 4)), ...MADE_FILES, ...(corpus?.files ?? [])],
    certificates: Object.values(certificates)
      .filter((value) => typeof value === 'string')
      .map((text) => new Uint8Array(Buffer.from(text, 'base64'))),
    hasCorpus: corpus !== undefined,
  };
}

export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

function madeFrames(): FrameSeed[] {
  const client = { host: 5, port: 40_001 };
  const server = { host: 9, port: 502 };
  const payload = hex('0001 0000 0006 11 03 006b 0003');
  const plain = [
    { from: client, to: server, sequence: 1, payload },
    { from: client, to: server, sequence: 1, payload, isIpv6: true },
    { from: client, to: server, sequence: 1, payload, vlanTags: [100, 10] },
  ].map((fields) => {
    const { bytes, index } = blockOf([fields]);
    return bytes.slice(0, index[FRAME_CAPTURED_BYTES]);
  });
  const wrapped = WRAPPINGS.map(({ wrap }) => wrap(plain[0]));
  return [...plain, ...wrapped].map((bytes) => ({ bytes, linkType: LINKTYPE_ETHERNET }));
}

function madeFile(frames: readonly FrameSeed[]): Uint8Array {
  const header = encodePcapHeader({ linkType: LINKTYPE_ETHERNET, unit: 'microseconds' });
  const records = frames.map(({ bytes }, at) => encodePcapRecord(bytes, 1_790_000_000, at));
  return new Uint8Array(Buffer.concat([header, ...records]));
}

function readCorpus(folder: string): Pick<FuzzSeeds, 'opcua' | 'frames' | 'files'> {
  const messages = join(folder, 'opcua-messages');
  const opcua = readdirSync(messages, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.bin'))
    .sort()
    .map((name) => new Uint8Array(readFileSync(join(messages, name))))
    .filter((bytes) => bytes.length >= OPCUA_HEADER_BYTES);
  const frames: FrameSeed[] = [];
  const files: Uint8Array[] = [];
  const captures = join(folder, 'captures');
  for (const name of readdirSync(captures, { recursive: true }).map(String).sort()) {
    if (!/\.(pcap|pcapng|cap)$/.test(name)) continue;
    const bytes = new Uint8Array(readFileSync(join(captures, name)));
    if (bytes.length > CAPTURE_BYTES_MAX) continue;
    if (bytes.length <= FILE_SEED_BYTES_MAX) files.push(bytes);
    frames.push(...someFrames(bytes));
  }
  return { opcua, frames, files };
}

function someFrames(file: Uint8Array): FrameSeed[] {
  const frames: FrameSeed[] = [];
  for (const { bytes, index, framesCount, linkType } of holdFrames(file)) {
    for (let frame = 0; frame < framesCount; frame += 1) {
      if (frames.length >= FRAMES_PER_CAPTURE) return frames;
      const at = index[frame * FRAME_WORDS + FRAME_OFFSET];
      const end = at + index[frame * FRAME_WORDS + FRAME_CAPTURED_BYTES];
      frames.push({ bytes: bytes.slice(at, end), linkType });
    }
  }
  return frames;
}

/** Whole chunks of a stream, by the sizes in their headers. */
function chunksOf(stream: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  while (at + OPCUA_HEADER_BYTES <= stream.length) {
    const size = stream[at + 4] | (stream[at + 5] << 8);
    chunks.push(stream.slice(at, at + size));
    at += Math.max(size, OPCUA_HEADER_BYTES);
  }
  return chunks;
}
