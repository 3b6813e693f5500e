/**
 * Values against tshark, on captures of the corpus: every Double, integer, Boolean and text of the
 * Variants in answers, every status code's bits, node ids, attributes and client handles. tshark
 * says what stands on the wire, in the order of the wire; our records must hold the same.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFolder, testNeeding } from '../../hil-tests/needs.ts';
import type { Digest } from '../../protocols/decoded.ts';
import { decodeServiceBody } from '../../protocols/opcua/service-body.ts';
import type { OpcuaTransaction } from '../../protocols/opcua/transaction.ts';
import { CaptureFileDecoder } from '../../protocols/pcap/capture-file.ts';
import { createDecodeCounters } from './decode-counters.ts';
import { Decoder } from './decoder.ts';
import { ModbusAnalyzer } from './modbus-analyzer.ts';
import { OpcuaAnalyzer } from './opcua-analyzer.ts';

const folder = join(corpusFolder ?? '', 'captures');
const digest: Digest = { pseudonym: () => 'p', sha256: () => 's' };

/** Each with the port of its server, for tshark goes by ports. */
const CAPTURES = [
  ['node-opcua__node-opcua/packets/OpcUaConversation1.pcapng', 51210],
  ['cisagov__icsnpp-opcua-binary/pcaps/open62541_read_service_test_data.pcap', 4840],
  ['cisagov__icsnpp-opcua-binary/pcaps/open62541_browse_request_with_results.pcap', 4840],
  ['cisagov__icsnpp-opcua-binary/tests/traces/open62541_client-server_mainloop.pcap', 4840],
  ['cisagov__icsnpp-opcua-binary/tests/traces/opcua_with-gap_with-handshake.pcap', 4840],
] as const;

/** tshark's names of Variant values, and ours of the type. */
const VALUES: readonly (readonly [string, string])[] = [
  ['opcua.Boolean', 'Boolean'],
  ['opcua.SByte', 'SByte'],
  ['opcua.Byte', 'Byte'],
  ['opcua.Int16', 'Int16'],
  ['opcua.UInt16', 'UInt16'],
  ['opcua.Int32', 'Int32'],
  ['opcua.UInt32', 'UInt32'],
  ['opcua.Int64', 'Int64'],
  ['opcua.UInt64', 'UInt64'],
  ['opcua.Float', 'Float'],
  ['opcua.Double', 'Double'],
  ['opcua.String', 'String'],
];
const FACTS: readonly (readonly [string, string])[] = [
  ['opcua.AttributeId', 'attributeId'],
  ['opcua.ClientHandle', 'clientHandle'],
  ['opcua.MonitoredItemId', 'monitoredItemId'],
  ['opcua.RevisedSamplingInterval', 'revisedSamplingIntervalMs'],
  ['opcua.SamplingInterval', 'samplingIntervalMs'],
];
const FIELDS = [...VALUES, ...FACTS].map(([field]) => field);

/** Per frame, the values of each field, joined by `,` as tshark does. */
function theirs(path: string, port: number): ReadonlyMap<string, readonly string[]> {
  const asked = FIELDS.flatMap((field) => ['-e', field]);
  const text = execFileSync(
    'tshark',
    [
      '-r',
      join(folder, path),
      '-n',
      '-d',
      `tcp.port==${port},opcua`,
      '-Y',
      'opcua',
      '-T',
      'fields',
      '-e',
      'frame.number',
      ...asked,
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 64 * 1024 * 1024 },
  );
  return new Map(
    text
      .trimEnd()
      .split('\n')
      .map((line) => {
        const [frame, ...cells] = line.split('\t');
        return [frame, cells];
      }),
  );
}

const TRACES = 'cisagov__icsnpp-opcua-binary/tests/traces';
const NEW_NODE = 'AddNodes: of the attributes of a new node, its value too, only the type is kept';

/** Differences that are right, each with its cause. */
// biome-ignore format: one difference a line
const EXCEPTIONS: readonly { readonly capture: string; readonly row: string; readonly cause: string }[] = [
  { capture: `${TRACES}/open62541_client-server_mainloop.pcap`, row: 'frame 141 opcua.Int32: 1234 ours ', cause: NEW_NODE },
  { capture: `${TRACES}/opcua_with-gap_with-handshake.pcap`, row: 'frame 398 opcua.Int32: 1234 ours ', cause: NEW_NODE },
];

type Found = Map<string, string[]>;

/** Values of Variants by their type, and the facts by name, in the order of the record. */
function collect(value: unknown, found: Found): void {
  if (Array.isArray(value)) for (const item of value) collect(item, found);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  const type = 'type' in value && typeof value.type === 'string' ? value.type : undefined;
  if (type !== undefined && 'value' in value) {
    const values = Array.isArray(value.value) ? value.value : [value.value];
    if (VALUES.some(([, name]) => name === type)) add(found, type, values.map(String));
    collect(value.value, found);
    // tshark shows the dimensions of a matrix under the same name as values.
    if ('arrayDimensions' in value && Array.isArray(value.arrayDimensions)) {
      add(found, 'Int32', value.arrayDimensions.map(String));
    }
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    if (name === 'responseHeader' || name === 'diagnosticInfos') continue;
    if (FACTS.some(([, fact]) => fact === name) && typeof inner === 'number') {
      add(found, name, [String(inner)]);
    }
    collect(inner, found);
  }
}

function add(found: Found, name: string, values: readonly string[]): void {
  found.set(name, [...(found.get(name) ?? []), ...values]);
}

function ours(path: string): ReadonlyMap<string, Found> {
  const counters = createDecodeCounters();
  const frames = new Map<string, Found>();
  const ignored = (): void => {};
  const sink = {
    modbusTransaction: ignored,
    opcuaTransaction: ({ request, response }: OpcuaTransaction) => {
      for (const side of [request, response]) {
        if (!side.present) continue;
        const found = frames.get(String(side.frameNumber)) ?? new Map<string, string[]>();
        frames.set(String(side.frameNumber), found);
        collect(decodeServiceBody(side.body, side.truncated, digest).fields, found);
      }
    },
    opcuaTransportMessage: ignored,
    malformed: ignored,
    gap: ignored,
    flowEnded: ignored,
  };
  const options = { flowsMax: 1024 };
  const opcua = new OpcuaAnalyzer(options, sink, counters.opcua);
  const modbus = new ModbusAnalyzer(options, sink, counters.modbus);
  const decoder = new Decoder(options, { modbus, opcua }, sink, counters);
  const file = new CaptureFileDecoder({ sink: decoder, interfaceIndex: 0 });
  file.push(readFileSync(join(folder, path)));
  file.finish();
  decoder.end();
  return frames;
}

/** `True`, `1`, `0x01` and `1e+06` are numbers too. */
function plain(text: string): string {
  if (text === 'True' || text === 'true') return '1';
  if (text === 'False' || text === 'false') return '0';
  const value = Number(text);
  if (Number.isNaN(value) || /^-?\d{16,}$/.test(text)) return text.toLowerCase();
  // tshark prints Float and Double with fewer digits.
  return String(Number(value.toPrecision(6)));
}

const NEEDS = [{ kind: 'corpus' }, { kind: 'package', program: 'tshark' }] as const;

for (const [path, port] of CAPTURES) {
  testNeeding(NEEDS, `values as tshark reads them: ${path.split('/').at(-1)}`, () => {
    const mine = ours(path);
    const different: string[] = [];
    let compared = 0;
    for (const [frame, cells] of theirs(path, port)) {
      for (const [index, [field, name]] of [...VALUES, ...FACTS].entries()) {
        const cell = cells[index] ?? '';
        if (cell === '') continue;
        const their = cell.split(',').map(plain);
        const our = (mine.get(frame)?.get(name) ?? []).map(plain);
        compared += their.length;
        const isSame = their.length === our.length && their.every((one, at) => one === our[at]);
        if (!isSame) different.push(`frame ${frame} ${field}: ${their} ours ${our}`);
      }
    }
    const explained = EXCEPTIONS.filter(({ capture }) => capture === path).map(({ row }) => row);
    assert.deepEqual(different, explained);
    assert.ok(compared > 10, `${compared} values compared`);
  });
}
