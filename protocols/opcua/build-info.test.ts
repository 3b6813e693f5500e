// BuildInfo inside ExtensionObjects, encoded by node-opcua: alone, in a ServerStatus, read and told.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import * as opcua from 'node-opcua';
import type { Digest } from '../decoded.ts';
import { buildInfosIn } from './build-info.ts';

const digest: Digest = { pseudonym: () => 'p', sha256: () => 's' };

const ACME = {
  productUri: 'urn:acme:pump',
  manufacturerName: 'Acme',
  productName: 'Pump Server',
  softwareVersion: '2.4.1',
  buildNumber: '77',
  buildDate: new Date('2024-05-06T07:08:09.010Z'),
};
const TOLD = { ...ACME, buildDate: '2024-05-06T07:08:09.010Z' };

interface Encodable {
  readonly schema: { readonly encodingDefaultBinary?: opcua.NodeId };
  encode(stream: opcua.BinaryStream): void;
}

function encoded(message: Encodable): Uint8Array {
  const stream = new opcua.BinaryStream(8192);
  opcua.encodeExpandedNodeId(
    opcua.coerceExpandedNodeId(message.schema.encodingDefaultBinary),
    stream,
  );
  message.encode(stream);
  return Uint8Array.from(stream.buffer.subarray(0, stream.length));
}

const dataValue = (value: unknown) => ({
  value: { dataType: opcua.DataType.ExtensionObject, value },
  sourceTimestamp: new Date(1_700_000_000_000),
  statusCode: opcua.StatusCodes.Good,
});
const text = (value: string) => ({ value: { dataType: opcua.DataType.String, value } });
const buildInfo = () => new opcua.BuildInfo(ACME);
const serverStatus = () =>
  new opcua.ServerStatusDataType({
    startTime: new Date(1_600_000_000_000),
    currentTime: new Date(1_700_000_000_000),
    state: opcua.ServerState.Running,
    buildInfo: ACME,
    secondsTillShutdown: 0,
    shutdownReason: { text: 'none' },
  });
const readAnswer = (results: readonly object[]) =>
  encoded(new opcua.ReadResponse({ results: [...results] }));
const publishAnswer = (items: readonly object[]) =>
  encoded(
    new opcua.PublishResponse({
      subscriptionId: 5,
      notificationMessage: {
        sequenceNumber: 9,
        notificationData: [new opcua.DataChangeNotification({ monitoredItems: [...items] })],
      },
    }),
  );

// biome-ignore format: one case a line
const CASES = [
  { name: 'BuildInfo that was read',       body: () => readAnswer([text('a'), dataValue(buildInfo())]),                      seen: [{ index: 1, clientHandle: undefined }] },
  { name: 'ServerStatus that was read',    body: () => readAnswer([dataValue(serverStatus())]),                              seen: [{ index: 0, clientHandle: undefined }] },
  { name: 'ServerStatus that was told',    body: () => publishAnswer([{ clientHandle: 41, value: dataValue(serverStatus()) }]), seen: [{ index: 0, clientHandle: 41 }] },
  { name: 'another object',                body: () => readAnswer([dataValue(new opcua.Argument({ name: 'x' }))]),      seen: [] },
  { name: 'no object',                     body: () => readAnswer([text('a')]),                                              seen: [] },
];

for (const { name, body, seen } of CASES) {
  test(`${name}: what node-opcua wrote is what is found`, () => {
    const bytes = body();
    assert.deepEqual(
      buildInfosIn({ bytes, offset: 0, length: bytes.length }, digest),
      seen.map((each) => ({ ...each, buildInfo: TOLD })),
    );
  });
}

test('cut anywhere or with any byte changed, nothing is thrown and nothing beyond it is read', () => {
  const whole = readAnswer([dataValue(serverStatus())]);
  for (let length = 0; length < whole.length; length++) {
    for (const { buildInfo: found } of buildInfosIn({ bytes: whole, offset: 0, length }, digest)) {
      for (const [field, value] of Object.entries(found)) {
        assert.equal(value, Reflect.get(TOLD, field), `${length} bytes`);
      }
    }
  }
  const change = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = Uint8Array.from(whole);
      for (const { at, byte } of changes) bytes[at] = byte;
      buildInfosIn({ bytes, offset: 0, length: bytes.length }, digest);
    }),
  );
});
