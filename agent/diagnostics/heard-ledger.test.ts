/** What setup and doctor hear: sides of a connection, cut frames, tags, packets of two networks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FRAME_WORDS, type FrameBlock, LINKTYPE_ETHERNET } from '../../protocols/frame-block.ts';
import type { Heard, InterfaceFacts } from './doctor-facts.ts';
import { HeardLedger } from './heard-ledger.ts';
import { propose } from './setup-proposal.ts';

const NOTHING = {
  framesDropped: 0,
  framesDuplicate: 0,
  modbusRequests: 0,
  modbusResponses: 0,
  opcuaMessages: 0,
  opcuaTransactions: 0,
  opcuaEncrypted: 0,
};

function block(frames: readonly Uint8Array[], originals: readonly number[] = []): FrameBlock {
  const bytes = Buffer.concat(frames);
  const index = new Uint32Array(frames.length * FRAME_WORDS);
  let offset = 0;
  for (const [at, frame] of frames.entries()) {
    index.set([offset, frame.length, originals[at] ?? frame.length], at * FRAME_WORDS);
    offset += frame.length;
  }
  return {
    bytes,
    index,
    framesCount: frames.length,
    interfaceIndex: 0,
    linkType: LINKTYPE_ETHERNET,
    monotonicMs: 0,
    historyAddress: -1,
  };
}

interface Made {
  readonly from?: number;
  readonly to?: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly timeToLive?: number;
  readonly identification?: number;
  readonly vlanId?: number;
}

/** TCP with four bytes of data. */
function frame(made: Made = {}): Uint8Array {
  const { from = 1, to = 2, sourcePort = 40_000, destinationPort = 502, timeToLive = 64 } = made;
  const { identification = 7, vlanId } = made;
  const tag = vlanId === undefined ? [] : [0x81, 0, vlanId >> 8, vlanId & 0xff];
  const port = (value: number): number[] => [value >> 8, value & 0xff];
  return Uint8Array.from([
    ...[2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from],
    ...tag,
    ...[0x08, 0, 0x45, 0, 0, 44, 0, identification, 0, 0, timeToLive, 6, 0, 0],
    ...[10, 0, 0, from, 10, 0, 0, to],
    ...port(sourcePort),
    ...port(destinationPort),
    ...[0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0x10, 0, 0, 0, 0, 0],
    ...[1, 2, 3, 4],
  ]);
}

function heardOf(frames: readonly Uint8Array[], originals?: readonly number[]): Heard {
  const ledger = new HeardLedger();
  ledger.block(block(frames, originals));
  return ledger.heard('eth1', 1, NOTHING);
}

const asks = Array.from({ length: 4 }, (_, at) => frame({ identification: 10 + at }));
const answers = Array.from({ length: 4 }, (_, at) =>
  frame({ from: 2, to: 1, sourcePort: 502, destinationPort: 40_000, identification: 50 + at }),
);

test('one side of a connection is one-sided, both are not', () => {
  assert.equal(heardOf(asks).connectionsOneSided, 1);
  const both = heardOf([...asks, ...answers]);
  assert.deepEqual([both.connections, both.connectionsOneSided], [1, 0]);
  assert.deepEqual(both.ports, [{ what: 'tcp 502', frames: 8 }]);
  assert.equal(both.senders, 2);
});

test('cut by a snap length, and cut by a switch that tells nobody', () => {
  assert.equal(heardOf([frame()], [200]).framesCut, 1);
  assert.equal(heardOf([frame().subarray(0, 56)]).framesCut, 1);
  assert.equal(heardOf([frame()]).framesCut, 0);
});

test('the same packet one router later and no tag: two networks; with tags they are told apart', () => {
  assert.equal(heardOf([frame(), frame({ timeToLive: 63 })]).routedCopies, 1);
  const tagged = heardOf([frame({ vlanId: 10 }), frame({ vlanId: 20, timeToLive: 63 })]);
  assert.deepEqual([tagged.routedCopies, tagged.framesTagged], [0, 2]);
  assert.deepEqual(tagged.vlanIds, [10, 20]);
});

test('any bytes: no throw, every frame counted', () => {
  const frames = fc.array(fc.uint8Array({ minLength: 1, maxLength: 80 }), { maxLength: 20 });
  fc.assert(fc.property(frames, (made) => assert.equal(heardOf(made).frames, made.length)));
});

const port = (name: string, addresses: readonly string[] = []): InterfaceFacts => ({
  name,
  isSetUp: true,
  isUp: true,
  isLoopback: false,
  addresses,
});
const brings = (interfaceName: string, more: Partial<Heard>): Heard => ({
  ...heardOf([...asks, ...answers]),
  interfaceName,
  ...more,
});

test('setup proposes what hears the plant, never by name, and the two ports of a tap together', () => {
  const ports = [port('eth0', ['10.0.0.5']), port('eth1')];
  const busy = brings('eth0', { frames: 100_000 });
  const plant = brings('eth1', { modbusRequests: 10, modbusResponses: 10 });
  assert.deepEqual(propose(ports, [busy, plant]).names, ['eth1']);
  const asking = brings('eth0', { modbusRequests: 9 });
  const answering = brings('eth1', { modbusResponses: 9 });
  const tap = propose(ports, [asking, answering]);
  assert.deepEqual([tap.names, tap.isTap], [['eth1', 'eth0'], true]);
  const nothing = propose(ports, [brings('eth0', { frames: 0, senders: 0 })]);
  assert.deepEqual(nothing.names, []);
});
