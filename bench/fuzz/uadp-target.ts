/** The fuzzer on NetworkMessages of PubSub: headers with every flag, both frames, all encodings. */
import { networkMessageFields } from '../../protocols/opcua/pubsub/record.ts';
import type { OpcuaNetworkMessage } from '../../protocols/opcua/transaction.ts';
import type { FuzzTarget } from './fuzz-target.ts';
import { mutate } from './mutate.ts';
import { DIGEST } from './null-sink.ts';
import { hex } from './seeds.ts';

// biome-ignore format: one message per line
const SEEDS = [
  'd1 01 ca08 01 0a00 01 0100 06 1b000000',
  '41 02 0a00 0b00 0800 0800 01 0100 06 1b000000 01 0100 06 1c000000',
  '21 0f 6400 01000000 0200 0300 01 0000',
  '91 04 03000000 504c43 05 0100 03 06 1b000000 0000ab80',
  '91 03 ffffffffffffffff 03 0102030405',
  '91 0a 01000080 912b967275fae64a8d28b404dc7daf63 01 0000',
  '81 e0 02 0010ece16a9ddb01 0900 0500 06 1b000000 81 01 0100 0300 06 1b000000',
  'c1 10 01 0500 0f 07000000 04 01020304 0200 aabbccddeeff',
  '81 10 01 07000000 00 89 03 0500 aabbccdd',
  'c1 80 01 0500 010000000000 aa',
  '81 80 04 01 02 01000000 0500',
  '91 81 08 0700 01 2a00 00000000',
  '01 f9 30 0500 0010ece16a9ddb01 0900 ab80 02000000 03000000 0100 0c 03000000 504c43',
].map(hex);

export function uadpTarget(): FuzzTarget {
  return {
    name: 'uadp',
    begin: () => {
      let bytes: Uint8Array = new Uint8Array(0);
      return {
        make: (random) => {
          const from = random.below(4) === 0 ? 0 : 1;
          bytes = mutate(random.pick(SEEDS), from, random, random.pick(SEEDS));
        },
        run: () => networkMessageFields(messageOf(bytes), DIGEST).networkMessageType !== undefined,
      };
    },
  };
}

function messageOf(bytes: Uint8Array): OpcuaNetworkMessage {
  return {
    transport: 'udp4840',
    interfaceIndex: 0,
    timeUs: 0,
    vlanIds: [],
    message: { bytes, offset: 0, length: bytes.length },
    frameNumber: 0,
    frameAddress: -1,
    frameBytes: 0,
  };
}
