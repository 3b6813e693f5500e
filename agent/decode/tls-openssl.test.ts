/**
 * Encrypted Modbus as OpenSSL speaks it: its bytes, taken between client and server, as frames of
 * port 802. What TLS 1.2 shows must be told, and what TLS 1.3 hides must be told to be hidden.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { testNeeding } from '../../hil-tests/needs.ts';
import { freePort } from '../../hil-tests/tls-broker.ts';
import type { Digest } from '../../protocols/decoded.ts';
import { tlsRecordFields } from '../../protocols/tls/record-fields.ts';
import type { TlsConnection } from '../../protocols/tls/tls-connection.ts';
import { createDecodeCounters } from './decode-counters.ts';
import { Decoder } from './decoder.ts';
import { ModbusAnalyzer } from './modbus-analyzer.ts';
import { OpcuaAnalyzer } from './opcua-analyzer.ts';
import { blockOf, type FrameFields, RecordingSink } from './test-traffic.ts';
import { TlsAnalyzer } from './tls-analyzer.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldtap-tls-'));
after(() => rmSync(folder, { recursive: true }));
const NEEDS = [{ kind: 'package', program: 'openssl' }] as const;
const CLIENT = { host: 5, port: 40_001 };
const SERVER = { host: 9, port: 802 };
const SEGMENT_BYTES = 700;

const DIGEST: Digest = {
  pseudonym: () => '',
  sha256: (bytes, offset, length) =>
    createHash('sha256')
      .update(bytes.subarray(offset, offset + length))
      .digest('hex'),
};

for (const version of ['tls1_2', 'tls1_3'] as const) {
  testNeeding(NEEDS, `openssl ${version}: what can be seen of the connection`, async () => {
    makeCertificate('server');
    makeCertificate('client', '1.3.6.1.4.1.50316.802.1=ASN1:UTF8String:Operator');
    const chunks = await talk(version);
    for (const cut of [SEGMENT_BYTES, 61]) {
      const [connection, ...others] = connectionsOf(chunks, cut);
      assert.deepEqual(others, []);
      const fields = tlsRecordFields(connection, DIGEST);
      assert.equal(fields.serverName, 'plc.example');
      assert.deepEqual(connection.flow.server.port, SERVER.port);
      const sent = chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
      assert.equal(fields.recordBytes, sent);
      if (version === 'tls1_3') {
        assert.equal(fields.tlsVersion, 'TLS 1.3');
        assert.match(String(fields.cipherSuite), /^TLS_/);
        assert.equal(fields.certificatesHidden, true);
        assert.ok(!('serverCertificate' in fields) && !('modbusRole' in fields));
      } else {
        assert.equal(fields.tlsVersion, 'TLS 1.2');
        assert.equal(fields.cipherSuite, 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384');
        assert.equal(fields.modbusRole, 'Operator');
        const { serverCertificate } = fields;
        assert.match(JSON.stringify(serverCertificate), /"subject":"CN=server"/);
        assert.ok(!('certificatesHidden' in fields));
      }
    }
  });
}

function makeCertificate(name: string, extension?: string): void {
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  args.push('-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-days', '2');
  if (extension !== undefined) args.push('-addext', extension);
  execFileSync('openssl', args, { cwd: folder, stdio: 'ignore', timeout: 60_000 });
}

interface Chunk {
  readonly fromClient: boolean;
  readonly bytes: Uint8Array;
}

/** Client and server talk through a relay that writes down who sent what, in order. */
async function talk(version: string): Promise<readonly Chunk[]> {
  const chunks: Chunk[] = [];
  const serverPort = await freePort();
  const server = spawn(
    'openssl',
    [
      's_server',
      '-accept',
      `127.0.0.1:${serverPort}`,
      '-cert',
      'server.pem',
      '-key',
      'server.key',
      '-verify',
      '1',
      '-quiet',
      '-naccept',
      '1',
      `-${version}`,
    ],
    { cwd: folder, stdio: ['pipe', 'ignore', 'ignore'] },
  );
  const relay = createServer((client) => relayTo(client, serverPort, chunks));
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  try {
    await untilListening(serverPort);
    const client = spawn(
      'openssl',
      [
        's_client',
        '-connect',
        `127.0.0.1:${portOf(relay)}`,
        '-servername',
        'plc.example',
        '-cert',
        'client.pem',
        '-key',
        'client.key',
        `-${version}`,
      ],
      { cwd: folder, stdio: ['pipe', 'pipe', 'ignore'] },
    );
    client.stdout.once('data', () => setTimeout(() => client.stdin.end('a request\n'), 100));
    await once(client, 'exit');
  } finally {
    relay.close();
    server.kill();
  }
  return chunks;
}

function relayTo(client: Socket, serverPort: number, chunks: Chunk[]): void {
  const server = connect(serverPort, '127.0.0.1');
  const pass = (from: Socket, to: Socket, fromClient: boolean): void => {
    from.on('data', (bytes) => {
      chunks.push({ fromClient, bytes: Uint8Array.from(bytes) });
      to.write(bytes);
    });
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
  };
  pass(client, server, true);
  pass(server, client, false);
}

function connectionsOf(chunks: readonly Chunk[], segmentBytes: number): readonly TlsConnection[] {
  const connections: TlsConnection[] = [];
  const counters = createDecodeCounters();
  const sink = Object.assign(new RecordingSink(), {
    tlsConnection: (connection: TlsConnection) => connections.push(connection),
  });
  const analyzers = {
    modbus: new ModbusAnalyzer({ flowsMax: 8 }, sink, counters.modbus),
    opcua: new OpcuaAnalyzer({ flowsMax: 8 }, sink, counters.opcua),
    tls: new TlsAnalyzer(sink),
  };
  const decoder = new Decoder({ flowsMax: 8 }, analyzers, sink, counters);
  decoder.block(blockOf(framesOf(chunks, segmentBytes)));
  decoder.end();
  assert.equal(counters.modbus.malformed + counters.modbus.requests, 0);
  return connections;
}

function framesOf(chunks: readonly Chunk[], segmentBytes: number): FrameFields[] {
  const frames: FrameFields[] = [];
  const next = { client: 1000, server: 5000 };
  for (const { fromClient, bytes } of chunks) {
    for (let at = 0; at < bytes.length; at += segmentBytes) {
      const payload = bytes.subarray(at, at + segmentBytes);
      frames.push(
        fromClient
          ? {
              from: CLIENT,
              to: SERVER,
              sequence: next.client,
              acknowledgment: next.server,
              payload,
            }
          : {
              from: SERVER,
              to: CLIENT,
              sequence: next.server,
              acknowledgment: next.client,
              payload,
            },
      );
      if (fromClient) next.client += payload.length;
      else next.server += payload.length;
    }
  }
  return frames;
}

/** By the kernel's list: a try to connect would be the one connection that is accepted. */
async function untilListening(port: number): Promise<void> {
  const { readFile } = await import('node:fs/promises');
  const { setTimeout: sleep } = await import('node:timers/promises');
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`;
  for (let tries = 0; tries < 200; tries++) {
    if ((await readFile('/proc/net/tcp', 'utf8')).includes(local)) return;
    await sleep(20);
  }
}

function portOf(server: ReturnType<typeof createServer>): number {
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}
