// OPC UA node memory by bodies made by hand: what a server says of itself, values, writers, names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BEGIN_US,
  int32,
  madeOpcua,
  madeSide,
  uaBytes,
  uaResponse,
  writeBody,
} from './made-traffic.ts';
import { listNodes } from './node-list.ts';
import { DECODES_PER_SECOND_MAX, NodeMemory } from './node-memory.ts';

const DIGEST = { pseudonym: () => 'p', sha256: () => 's' };
const READ = 631;
const READ_ANSWER = 634;
const WRITE = 673;
const WRITE_ANSWER = 676;
const VALUE = 13;

const head = (typeId: number) =>
  uaBytes(
    1,
    0,
    typeId & 0xff,
    typeId >>> 8,
    0,
    0,
    new Uint8Array(8),
    int32(9),
    int32(0),
    null,
    int32(60_000),
    0,
    0,
    0,
  );
/** Read of nodes of namespace 0, by number (OPC 10000-4 §5.10.2). */
const readBody = (ids: readonly number[], attributeId = VALUE) =>
  uaBytes(
    head(READ),
    new Uint8Array(8),
    int32(2),
    int32(ids.length),
    ...ids.flatMap((id) => [1, 0, id & 0xff, id >>> 8, int32(attributeId), null, 0, 0, null]),
  );
const text = (value: string) => uaBytes(1, 12, value);
const bad = (status: number) => uaBytes(2, int32(status));
const answerBody = (values: readonly Uint8Array[]) =>
  uaBytes(uaResponse(READ_ANSWER, 0), int32(values.length), ...values, null);

function memory() {
  const told: string[] = [];
  const nodes = new NodeMemory(DIGEST, (server, name, value, source) =>
    told.push(`${server} ${name} ${value} ${source}`),
  );
  return {
    nodes,
    told,
    read(ids: readonly number[], values: readonly Uint8Array[], second = 0, attributeId = VALUE) {
      const timeUs = BEGIN_US + second * 1_000_000;
      nodes.see(
        madeOpcua('Read', {
          request: madeSide(readBody(ids, attributeId), READ, { timeUs }),
          response: madeSide(answerBody(values), READ_ANSWER, { timeUs }),
        }),
      );
    },
    list: (nowUs = BEGIN_US + 10_000_000) => listNodes(nodes, { nowUs }).nodes,
  };
}

test('BuildInfo becomes facts of the server, each with its source', () => {
  const { read, told } = memory();
  read([2261, 2263, 2264], [text('Pump Server'), text('Acme'), text('2.4.1')]);
  assert.deepEqual(told, [
    '10.0.1.20 productName Pump Server opcua.BuildInfo',
    '10.0.1.20 manufacturerName Acme opcua.BuildInfo',
    '10.0.1.20 softwareVersion 2.4.1 opcua.BuildInfo',
  ]);
});

/** BuildInfo as an ExtensionObject in a Variant (OPC 10000-5 §12.4; OPC 10000-6 §5.2.2.15). */
const buildInfo = (product: string) => {
  const body = uaBytes('urn:acme', 'Acme', product, '2.4.1', '77', new Uint8Array(8));
  return uaBytes(1, 22, 1, 0, 0x54, 1, 1, int32(body.length), body);
};

test('BuildInfo as one object becomes the same facts, but only of the node that is the server', () => {
  const { read, told } = memory();
  read([3000, 2260], [buildInfo('Something Else'), buildInfo('Pump Server')]);
  assert.deepEqual(told, [
    '10.0.1.20 productUri urn:acme opcua.BuildInfo',
    '10.0.1.20 manufacturerName Acme opcua.BuildInfo',
    '10.0.1.20 productName Pump Server opcua.BuildInfo',
    '10.0.1.20 softwareVersion 2.4.1 opcua.BuildInfo',
    '10.0.1.20 buildNumber 77 opcua.BuildInfo',
  ]);
});

test('a node keeps its last value, its changes and its period', () => {
  const { read, list } = memory();
  for (const [second, value] of ['a', 'a', 'b', 'b'].entries()) read([3000], [text(value)], second);
  const [node] = list();
  assert.equal(node.value, 'b');
  assert.equal(node.type, 'String');
  assert.equal(node.readsCount, 4);
  assert.equal(node.changesCount, 1);
  assert.equal(node.lastChangeUs, BEGIN_US + 2_000_000);
  assert.equal(node.periodMs, 1000);
});

test('a bad status is a change too, and stands in place of the value', () => {
  const { read, list } = memory();
  read([3000], [text('a')]);
  read([3000], [bad(0x808b0000)], 1);
  const [node] = list();
  assert.equal(node.value, undefined);
  assert.equal(node.status, 'BadDeviceFailure');
  assert.equal(node.changesCount, 1);
});

test('a write is remembered with its writer, a refused one is not', () => {
  const { nodes, list } = memory();
  const write = (status: number) =>
    nodes.see(
      madeOpcua('Write', {
        request: madeSide(writeBody('Pump1', 48.5), WRITE),
        response: madeSide(
          uaBytes(uaResponse(WRITE_ANSWER, 0), int32(1), int32(status), null),
          WRITE_ANSWER,
        ),
      }),
    );
  write(0x80730000);
  assert.deepEqual(list(), []);
  write(0);
  const [node] = list();
  assert.deepEqual(
    [node.nodeId, node.value, node.lastWriter, node.writesCount],
    ['ns=2;s=Pump1', 48.5, '10.0.0.5', 1],
  );
});

test('a browse name read as an attribute names the node', () => {
  const { read, list } = memory();
  read([3000], [uaBytes(1, 20, 2, 0, 'Speed')], 0, 3);
  read([3000], [text('a')]);
  assert.equal(list()[0].browseName, 'Speed');
});

test('a node that was read and then no more is silent', () => {
  const { read, list } = memory();
  read([3000], [text('a')]);
  assert.equal(list()[0].stale, undefined);
  assert.equal(list(BEGIN_US + 600_000_000)[0].stale, 'silent');
});

test('a second with too many messages is sampled, and says so', () => {
  const { read, nodes } = memory();
  for (let count = 0; count < DECODES_PER_SECOND_MAX + 50; count++) read([3000], [text('a')]);
  assert.equal(nodes.messagesSkippedCount, 50);
});
