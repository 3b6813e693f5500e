/**
 * The fuzzer on TLS records: hellos with the extensions that tell something, certificates of both
 * sides, alerts and data, mutated behind their headers, cut and put together anyhow.
 */
import { TlsAnalyzer } from '../../agent/decode/tls-analyzer.ts';
import type { DecodeSink } from '../../protocols/decode-sink.ts';
import type { TlsConnection } from '../../protocols/tls/tls-connection.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { mutate } from './mutate.ts';
import { RECORDING_SINK } from './null-sink.ts';
import type { FuzzSeeds } from './seeds.ts';
import { conversationState, type Part } from './stream-targets.ts';

const HANDSHAKE = 22;
const MESSAGES_PER_INPUT_MAX = 5;
/** A record's header, and that of a message behind it. */
const HEADER_BYTES = 9;
const RANDOM = new Array<number>(32).fill(0x11);
/** server_name, supported_groups, ALPN, supported_versions (RFC 8446 section 4.2). */
const CLIENT_EXTENSIONS = [
  ...[0, 0, 0, 8, 0, 6, 0, 0, 3, 0x70, 0x6c, 0x63],
  ...[0, 10, 0, 4, 0, 2, 0, 29],
  ...[0, 16, 0, 5, 0, 3, 2, 0x68, 0x32],
  ...[0, 43, 0, 5, 4, 3, 4, 3, 3],
];
const SERVER_EXTENSIONS = [0, 43, 0, 2, 3, 4];

export function tlsTarget(seeds: FuzzSeeds): FuzzTarget {
  return {
    name: 'tls',
    begin: () => {
      let connectionsCount = 0;
      const sink: DecodeSink = Object.assign(Object.create(RECORDING_SINK), {
        tlsConnection: (connection: TlsConnection) => {
          connectionsCount++;
          RECORDING_SINK.tlsConnection?.(connection);
        },
      });
      const analyzer = new TlsAnalyzer(sink);
      return conversationState(
        analyzer,
        (random) => partsOf(seeds, random),
        () => connectionsCount,
      );
    },
  };
}

function partsOf(seeds: FuzzSeeds, random: SeededRandom): Part[] {
  const parts: Part[] = [{ fromClient: true, bytes: changed(clientHello(), seeds, random) }];
  for (let count = random.below(MESSAGES_PER_INPUT_MAX); count > 0; count -= 1) {
    const bytes = changed(anyRecord(seeds, random), seeds, random);
    const fromClient = random.below(3) === 0;
    const cut = random.below(3) === 0 ? random.below(bytes.length) : bytes.length;
    parts.push({ fromClient, bytes: bytes.slice(0, cut) });
    if (cut < bytes.length) parts.push({ fromClient, bytes: bytes.slice(cut) });
  }
  return parts;
}

function changed(bytes: Uint8Array, seeds: FuzzSeeds, random: SeededRandom): Uint8Array {
  if (random.below(3) === 0) return bytes;
  return mutate(bytes, HEADER_BYTES, random, random.pick(seeds.certificates));
}

function anyRecord(seeds: FuzzSeeds, random: SeededRandom): Uint8Array {
  const certificate = [...random.pick(seeds.certificates)];
  const chain = [...uint24(certificate.length), ...certificate];
  switch (random.below(8)) {
    case 0:
      return handshake(2, [3, 3, ...RANDOM, 0, 0x13, 1, 0, ...sized(SERVER_EXTENSIONS)]);
    case 1:
      return handshake(2, [3, 3, ...RANDOM, 0, 0, 0x2f, 0]);
    case 2:
      return handshake(11, [...uint24(chain.length), ...chain]);
    case 3:
      return handshake(11, [...uint24(2 * chain.length), ...chain, ...chain]);
    case 4:
      return handshake(13, [1, 1, 0, 2, 4, 1, 0, 0]);
    case 5:
      return record(20, [1]);
    case 6:
      return record(21, [2, 40]);
    default:
      return record(23, new Array<number>(random.below(80)).fill(0xaa));
  }
}

function clientHello(): Uint8Array {
  const body = [3, 3, ...RANDOM, 0, 0, 4, 0x13, 1, 0, 0x2f, 1, 0, ...sized(CLIENT_EXTENSIONS)];
  return handshake(1, body);
}

function handshake(type: number, body: readonly number[]): Uint8Array {
  return record(HANDSHAKE, [type, ...uint24(body.length), ...body]);
}

function record(type: number, body: readonly number[]): Uint8Array {
  return Uint8Array.from([type, 3, 3, ...sized(body)]);
}

function sized(bytes: readonly number[]): number[] {
  return [bytes.length >> 8, bytes.length & 0xff, ...bytes];
}

function uint24(value: number): number[] {
  return [value >> 16, (value >> 8) & 0xff, value & 0xff];
}
