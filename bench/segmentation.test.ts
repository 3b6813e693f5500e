// However a stream is cut into segments, the records are the same; and where one side alone was
// captured, all of its messages are there.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { conversation } from '../agent/decode/opcua-made-services.ts';
import { ACK, blockOf, type FrameFields, SYN, SYN_ACK } from '../agent/decode/test-traffic.ts';
import { corpusFolder, testNeeding } from '../hil-tests/needs.ts';
import type { FrameBlock } from '../protocols/frame-block.ts';
import { collectRecords } from './collect-records.ts';
import { decodeFrames } from './decode-run.ts';
import { sourceOf } from './frame-sources.ts';
import { MODBUS_PDUS } from './fuzz/modbus-seeds.ts';
import { hex } from './fuzz/seeds.ts';
import { frameNumbersOf, holdFrames, keepFrames } from './held-frames.ts';
import { SeededRandom } from './seeded-random.ts';

const CUTS = 200;
const STEP_US = 1_000_000;
const BEGIN_US = 1_790_000_000_000_000;
/** What the cut itself changes: which frame ended a message. */
const OF_FRAMES = ['frames'];

interface Turn {
  readonly fromClient: boolean;
  readonly bytes: Uint8Array;
}

const streams: readonly { name: string; port: number; turns: readonly Turn[] }[] = [
  { name: 'Modbus', port: 502, turns: modbusTurns() },
  {
    name: 'OPC UA',
    port: 4840,
    turns: conversation.map(({ from, bytes }) => {
      return { fromClient: from === 0, bytes: Uint8Array.from(bytes) };
    }),
  },
];

for (const { name, port, turns } of streams) {
  test(`segmentation: ${CUTS} ways to cut a stream of ${name} give the same records`, () => {
    const whole = recordsOf(framesOf(turns, port, () => Number.POSITIVE_INFINITY));
    assert.ok(whole.length >= 6, `${whole.length} records`);
    for (let seed = 1; seed <= CUTS; seed += 1) {
      const random = new SeededRandom(seed);
      const bytesMax = 1 + random.below(seed % 2 === 0 ? 12 : 200);
      const cut = framesOf(turns, port, () => 1 + random.below(bytesMax));
      assert.deepEqual(recordsOf(cut), whole, `seed ${seed}`);
    }
  });
}

test('segmentation: byte by byte, and the records still say the same', () => {
  for (const { turns, port } of streams) {
    const whole = recordsOf(framesOf(turns, port, () => Number.POSITIVE_INFINITY));
    assert.deepEqual(recordsOf(framesOf(turns, port, () => 1)), whole);
  }
});

// biome-ignore format: one capture per line
const twoSided = [
  { path: 'cisagov__icsnpp-modbus/testing/traces/modbus_example.pcap' },
  { path: 'ntop__nDPI/tests/cfgs/default/pcap/modbus.pcap' },
  { path: 'digitalbond__Quickdraw-Snort/modbus_test_data_part2.pcap' },
  { path: 'cisagov__icsnpp-opcua-binary/tests/traces/open62541_client-server_mainloop.pcap' },
  { path: 'open62541__open62541/tests/network_replay/unified_cpp_none.pcap' },
  { path: 'cisagov__icsnpp-opcua-binary/pcaps/open62541_read_service_test_data.pcap' },
] as const;

testNeeding([{ kind: 'corpus' }], 'one-sided: each side alone shows all of its messages', () => {
  for (const { path } of twoSided) {
    const blocks = holdFrames(readFileSync(join(corpusFolder ?? '', 'captures', path)));
    const whole = decodeFrames(blocks);
    const sources = sourceOf(blocks);
    const sides = new Set(whole.messages.map(({ stream }) => stream.split('>')[0]));
    assert.ok(sides.size >= 2, path);
    for (const side of sides) {
      const alone = keepFrames(blocks, (frame) => sources.get(frame) === side);
      const run = decodeFrames(alone);
      const wanted = whole.messages.filter(({ stream }) => stream.startsWith(`${side}>`));
      const found = run.messages.filter(({ stream }) => stream.startsWith(`${side}>`));
      assert.deepEqual([path, side, textsOf(found)], [path, side, textsOf(wanted)]);
      assert.ok(run.isOneSided && frameNumbersOf(alone).length > 0);
    }
  }
});

function textsOf(messages: readonly { readonly text: string }[]): string[] {
  return messages.map(({ text }) => text).sort();
}

function modbusTurns(): Turn[] {
  return MODBUS_PDUS.filter(([request]) => request !== '00' && !request.startsWith('83')).flatMap(
    ([request, response], index) => [
      { fromClient: true, bytes: adu(index + 1, hex(request)) },
      { fromClient: false, bytes: adu(index + 1, hex(response)) },
    ],
  );
}

function adu(transactionId: number, pdu: Uint8Array): Uint8Array {
  return Uint8Array.of(0, transactionId, 0, 0, 0, pdu.length + 1, 3, ...pdu);
}

/** A connection with its handshake; all segments of a turn have the stamp of the turn. */
function framesOf(turns: readonly Turn[], port: number, bytesOf: () => number): FrameBlock {
  const client = { host: 5, port: 40_001 };
  const server = { host: 9, port };
  const next = { client: 1001, server: 5001 };
  const frames: FrameFields[] = [
    { from: client, to: server, sequence: 1000, flags: SYN, timeUs: BEGIN_US },
    {
      from: server,
      to: client,
      sequence: 5000,
      acknowledgment: 1001,
      flags: SYN_ACK,
      timeUs: BEGIN_US,
    },
    {
      from: client,
      to: server,
      sequence: 1001,
      acknowledgment: 5001,
      flags: ACK,
      timeUs: BEGIN_US,
    },
  ];
  turns.forEach(({ fromClient, bytes }, turn) => {
    const [from, to] = fromClient ? [client, server] : [server, client];
    const [own, other] = fromClient
      ? (['client', 'server'] as const)
      : (['server', 'client'] as const);
    for (let at = 0; at < bytes.length; ) {
      const payload = bytes.slice(at, at + bytesOf());
      const timeUs = BEGIN_US + (turn + 1) * (STEP_US / 1000);
      frames.push({ from, to, sequence: next[own], acknowledgment: next[other], payload, timeUs });
      next[own] += payload.length;
      at += payload.length;
    }
  });
  return blockOf(frames);
}

function recordsOf(block: FrameBlock): unknown[] {
  return collectRecords([{ ...block, interfaceIndex: 0 }]).records.map((record) =>
    Object.fromEntries(Object.entries(record).filter(([name]) => !OF_FRAMES.includes(name))),
  );
}
