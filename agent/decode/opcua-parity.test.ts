/**
 * Our records of every OPC UA capture of the corpus against tshark's lines, message by message and
 * field by field. What tshark has and we lack, or say otherwise, stands in a table with its cause.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFolder, testNeeding } from '../../hil-tests/needs.ts';
import type { Digest } from '../../protocols/decoded.ts';
import { opcuaTransactionFields, opcuaTransportFields } from '../../protocols/opcua/record.ts';
import type { OpcuaTransaction, OpcuaTransportMessage } from '../../protocols/opcua/transaction.ts';
import { CaptureFileDecoder } from '../../protocols/pcap/capture-file.ts';
import { createDecodeCounters } from './decode-counters.ts';
import { Decoder } from './decoder.ts';
import { ModbusAnalyzer } from './modbus-analyzer.ts';
import { OpcuaAnalyzer } from './opcua-analyzer.ts';
import { PARITY_EXCEPTIONS, PARITY_RULES } from './opcua-parity-exceptions.ts';

const folder = corpusFolder ?? '';
const digest: Digest = { pseudonym: () => 'p', sha256: () => 's' };

const GOOD = '0x00000000';
const BESIDE: readonly string[] = ['responseHeader', 'diagnosticInfos'];

/** One message, by the short keys of the oracle. */
type Line = Readonly<Record<string, unknown>>;
type Fields = Readonly<Record<string, unknown>>;

/** The field, where `value` is an object that has it. */
function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  for (const name of path) {
    // Only objects have entries; anything else gives undefined.
    found = (found as Fields | undefined)?.[name];
  }
  return found;
}

function hexadecimal(code: unknown): string | undefined {
  return typeof code === 'number' ? `0x${code.toString(16).padStart(8, '0')}` : undefined;
}

/**
 * What tshark calls `statuses`: every StatusCode behind the header, wherever it stands. Good ones
 * are left out: where the wire leaves the status of a value out, our record says Good. Those in
 * diagnostics have a key of their own in tshark.
 */
function statusesIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  const code = 'name' in value ? hexadecimal(at(value, 'code')) : undefined;
  if (code !== undefined) return code === GOOD ? [] : [code];
  return Object.entries(value).flatMap(([name, inner]) => {
    return BESIDE.includes(name) ? [] : statusesIn(inner);
  });
}

/** Of the request, or of the first endpoint that the answer lists. */
function urlIn(fields: unknown): unknown {
  const endpoints = at(fields, 'endpoints') ?? at(fields, 'serverEndpoints');
  return at(fields, 'endpointUrl') ?? at(endpoints, '0', 'endpointUrl');
}

function sidesOf(transaction: OpcuaTransaction): readonly Line[] {
  const record = opcuaTransactionFields(transaction, digest);
  const { client, server } = transaction.flow;
  const ends = [client, server].map(({ ipAddress, port }) => `${ipAddress}:${port}`);
  return (['request', 'response'] as const).flatMap((name) => {
    const side = transaction[name];
    const fields = record[name];
    if (!side.present) return [];
    const isOpen = side.messageType === 'OPN';
    const header = at(fields, 'requestHeader') ?? at(fields, 'responseHeader');
    return {
      frame: side.frameNumber,
      src: ends[name === 'request' ? 0 : 1],
      dst: ends[name === 'request' ? 1 : 0],
      type: side.messageType,
      chunk: 'F',
      size: at(fields, 'messageSizeBytes'),
      scid: record.secureChannelId,
      token: isOpen ? undefined : record.tokenId,
      policy: isOpen ? record.securityPolicyUri : undefined,
      seq: at(fields, 'sequenceNumber'),
      reqid: at(fields, 'requestId'),
      svc: side.typeId === 0 ? undefined : side.typeId,
      rqh: at(header, 'requestHandle'),
      status: hexadecimal(at(header, 'serviceResult', 'code')),
      statuses: statusesIn(fields),
      url: urlIn(fields),
    };
  });
}

function transportLine(message: OpcuaTransportMessage): Line {
  const record = opcuaTransportFields(message, digest);
  const { client, server } = message.flow;
  const ends = [client, server].map(({ ipAddress, port }) => `${ipAddress}:${port}`);
  if (!message.fromClient) ends.reverse();
  return {
    frame: message.frameNumber,
    src: ends[0],
    dst: ends[1],
    type: message.messageType,
    chunk: message.chunkType,
    size: record.messageSizeBytes,
    scid: record.secureChannelId,
    token: record.tokenId,
    seq: at(record, 'request', 'sequenceNumber'),
    reqid: at(record, 'request', 'requestId'),
    svc: record.requestTypeId,
    rqh: at(record, 'request', 'requestHeader', 'requestHandle'),
    ver: record.protocolVersion,
    rbs: record.receiveBufferSizeBytes,
    sbs: record.sendBufferSizeBytes,
    mms: record.maxMessageSizeBytes,
    mcc: record.maxChunkCount,
    endpoint: record.endpointUrl,
    err: at(record, 'error', 'code'),
    reason: record.reason,
  };
}

function play(path: string): readonly Line[] {
  const counters = createDecodeCounters();
  const lines: Line[] = [];
  const ignored = (): void => {};
  const sink = {
    modbusTransaction: ignored,
    opcuaTransaction: (told: OpcuaTransaction) => lines.push(...sidesOf(told)),
    opcuaTransportMessage: (told: OpcuaTransportMessage) => lines.push(transportLine(told)),
    malformed: ignored,
    gap: ignored,
    flowEnded: ignored,
  };
  const options = { flowsMax: 1024 };
  const opcua = new OpcuaAnalyzer(options, sink, counters.opcua);
  const modbus = new ModbusAnalyzer(options, sink, counters.modbus);
  const decoder = new Decoder(options, { modbus, opcua }, sink, counters);
  const file = new CaptureFileDecoder({ sink: decoder, interfaceIndex: 0 });
  file.push(readFileSync(join(folder, 'captures', path)));
  file.finish();
  decoder.end();
  return lines;
}

function oracle(path: string): readonly Line[] {
  const text = readFileSync(join(folder, 'oracle', `${path}.opcua.ndjson`), 'utf8').trim();
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line));
}

/** Captures that have OPC UA by either account. */
function captures(): readonly string[] {
  const [header, ...rows] = readFileSync(join(folder, 'MANIFEST.tsv'), 'utf8').trim().split('\n');
  const names = header.split('\t');
  return rows
    .map((row) => row.split('\t'))
    .filter((cells) => {
      return ['xcheck_opcua', 'opcua_msgs'].some((name) => Number(cells[names.indexOf(name)]) > 0);
    })
    .map((cells) => cells[names.indexOf('path')]);
}

const COMPARED = [
  'src dst type chunk size scid token policy seq reqid svc rqh status statuses url',
  'ver rbs sbs mms mcc endpoint err reason',
].flatMap((keys) => keys.split(' '));

/** As text, without the Good in a list of status codes. */
function plain(value: unknown): string {
  return String(JSON.stringify(Array.isArray(value) ? value.filter((one) => one !== GOOD) : value));
}

/** `frame key theirs ours` of everything that tshark has and we have not, or not so. */
function differences(path: string): readonly { frame: number; key: string; text: string }[] {
  const unseen = [...play(path)];
  const found: { frame: number; key: string; text: string }[] = [];
  for (const theirs of oracle(path)) {
    const frame = Number(theirs.frame);
    const index = unseen.findIndex((ours) => {
      const isSame = ours.frame === frame && ours.type === theirs.type;
      return isSame && (theirs.seq === undefined || ours.seq === theirs.seq);
    });
    if (index < 0) {
      found.push({ frame, key: 'message', text: `${theirs.type} only theirs` });
      continue;
    }
    const [ours] = unseen.splice(index, 1);
    for (const key of COMPARED) {
      if (theirs[key] === undefined) continue;
      const [their, our] = [plain(theirs[key]), plain(ours[key])];
      if (their !== our) found.push({ frame, key, text: `theirs ${their} ours ${our}` });
    }
  }
  for (const ours of unseen) {
    found.push({ frame: Number(ours.frame), key: 'message', text: `${ours.type} only ours` });
  }
  return found;
}

testNeeding([{ kind: 'corpus' }], 'every field that tshark tells, our records tell alike', () => {
  let compared = 0;
  const used = new Set<object>();
  const unexplained: string[] = [];
  for (const path of captures()) {
    compared += oracle(path).length;
    for (const { frame, key, text } of differences(path)) {
      const exception =
        PARITY_RULES.find((rule) => rule.difference.test(`${key}: ${text}`)) ??
        PARITY_EXCEPTIONS.find((one) => {
          return one.capture === path && one.frame === frame && one.key === key;
        });
      if (exception !== undefined) used.add(exception);
      else unexplained.push(`${path} frame ${frame} ${key}: ${text}`);
    }
  }
  assert.deepEqual(unexplained, []);
  assert.deepEqual(
    [...PARITY_RULES, ...PARITY_EXCEPTIONS].filter((exception) => !used.has(exception)),
    [],
    'rows that explain nothing',
  );
  assert.ok(compared > 3600, `${compared} messages compared`);
});
