/**
 * Records and handshake messages cut anywhere, holes, joins in the middle and hostile bytes: one
 * connection each, counted; OpenSSL's own traffic is in tls-openssl.test.ts.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { slowTest } from '../../hil-tests/needs.ts';
import type { TlsConnection } from '../../protocols/tls/tls-connection.ts';
import { createDecodeCounters } from './decode-counters.ts';
import { Decoder } from './decoder.ts';
import { ModbusAnalyzer } from './modbus-analyzer.ts';
import { OpcuaAnalyzer } from './opcua-analyzer.ts';
import { blockOf, type FrameFields, RecordingSink } from './test-traffic.ts';
import { TLS_CONNECTIONS_MAX, TlsAnalyzer } from './tls-analyzer.ts';

const CLIENT = { host: 5, port: 40_001 };
const SERVER = { host: 9, port: 802 };
const RANDOM = '11'.repeat(32);
const CLIENT_HELLO = `01 000029 0303 ${RANDOM} 00 0002 002f 01 00`;
const SERVER_HELLO = `02 000026 0303 ${RANDOM} 00 002f 00`;
const CERTIFICATE = '0b 000008 000005 000002 3000';
const DATA = '17 0303 0004 deadbeef';
const ASKED = hex(`16 0301 002d ${CLIENT_HELLO} 14 0303 0001 01 ${DATA}`);
const ANSWERED = hex(`16 0303 0036 ${SERVER_HELLO} ${CERTIFICATE} 14 0303 0001 01 ${DATA} ${DATA}`);

interface Heard {
  readonly connections: readonly TlsConnection[];
  readonly refusedCount: number;
}

function hear(frames: readonly FrameFields[]): Heard {
  const connections: TlsConnection[] = [];
  const counters = createDecodeCounters();
  const sink = Object.assign(new RecordingSink(), {
    tlsConnection: (connection: TlsConnection) => connections.push(connection),
  });
  const flowsMax = 512;
  const tls = new TlsAnalyzer(sink);
  const analyzers = {
    modbus: new ModbusAnalyzer({ flowsMax }, sink, counters.modbus),
    opcua: new OpcuaAnalyzer({ flowsMax }, sink, counters.opcua),
    tls,
  };
  const decoder = new Decoder({ flowsMax }, analyzers, sink, counters);
  decoder.block(blockOf(frames));
  decoder.end();
  return { connections, refusedCount: tls.refusedCount };
}

function cut(bytes: Uint8Array, size: number, isClient: boolean): FrameFields[] {
  const [from, to] = isClient ? [CLIENT, SERVER] : [SERVER, CLIENT];
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, part) => ({
    from,
    to,
    sequence: 1000 + part * size,
    payload: bytes.subarray(part * size, (part + 1) * size),
  }));
}

const counts = ({ client, server }: TlsConnection) => [
  client.recordsCount,
  client.recordBytes,
  server.recordsCount,
  server.recordBytes,
];

slowTest('any segmentation: the same records, versions and certificates', () => {
  for (let size = 2; size <= 120; size++) {
    const { connections } = hear([...cut(ASKED, size, true), ...cut(ANSWERED, size, false)]);
    assert.equal(connections.length, 1, `segments of ${size}`);
    const [connection] = connections;
    assert.deepEqual(counts(connection), [3, ASKED.length, 4, ANSWERED.length]);
    const { version, cipherSuite, serverCertificates } = connection.handshake;
    assert.deepEqual([version, cipherSuite], [0x0303, 0x2f]);
    assert.deepEqual(serverCertificates, [hex('3000')]);
    assert.equal(connection.flow.transport, 'tls');
    assert.equal(connection.flow.client.port, CLIENT.port);
  }
});

test('joined in the middle, on the port of encrypted Modbus only', () => {
  const data = hex(`${DATA} ${DATA}`);
  const { connections } = hear(cut(data, 100, true));
  assert.deepEqual(connections.map(counts), [[2, 18, 0, 0]]);
  const elsewhere = cut(data, 100, true).map((frame) => ({ ...frame, to: { host: 9, port: 443 } }));
  assert.deepEqual(hear(elsewhere).connections, []);
});

test('a hole inside a record, and one over its end', () => {
  const long = hex(`17 0303 00c8 ${'aa'.repeat(200)} ${DATA}`);
  const frames = cut(long, 50, true);
  const inside = hear([...frames.slice(0, 1), ...frames.slice(2)]).connections;
  assert.deepEqual(inside.map(counts), [[2, long.length, 0, 0]]);
  const later = { ...cut(hex(DATA), 50, true)[0], sequence: 3000 };
  const over = hear([frames[0], later]).connections;
  assert.deepEqual(over.map(counts), [[2, 205 + 9, 0, 0]]);
});

test('connections over the limit are counted and take no room', () => {
  const frames = Array.from({ length: TLS_CONNECTIONS_MAX + 3 }, (_, port) => ({
    from: { host: 5, port: port + 1 },
    to: SERVER,
    sequence: 1,
    payload: ASKED,
  }));
  const { connections, refusedCount } = hear(frames);
  assert.deepEqual([connections.length, refusedCount], [TLS_CONNECTIONS_MAX, 3]);
});

test('any bytes behind a hello: no throw, one connection', () => {
  const tails = fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 8 });
  fc.assert(
    fc.property(tails, fc.nat(ASKED.length - 1), fc.nat(255), (parts, place, byte) => {
      const start = Uint8Array.from(ASKED);
      if (place > 8) start[place] = byte;
      const bytes = Uint8Array.from([...start, ...parts.flatMap((part) => [...part])]);
      assert.equal(hear(cut(bytes, 33, true)).connections.length, 1);
    }),
    { numRuns: 100 },
  );
});

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}
