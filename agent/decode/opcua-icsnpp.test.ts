/**
 * Our records against the baselines of ICSNPP's OPC UA analyzer for Zeek: each row of its logs, as
 * far as docs/fields 5.2 maps its columns, is a fact that our records hold too. Where its analyzer
 * gives up behind a hole, ours has more; never less.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
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

const folder = corpusFolder ?? '';
const digest: Digest = { pseudonym: () => 'p', sha256: () => 's' };
const PROJECT = 'cisagov__icsnpp-opcua-binary';

const BASELINES = [
  ['analyzer.basic', 'open62541_client-server_mainloop.pcap'],
  ['analyzer.no-handshake', 'open62541_client-server_mainloop-no-handshake.pcap'],
  [
    'analyzer.non-standard-port',
    'open62541_client-server_mainloop-not-localhost-non-standard-port.pcap',
  ],
  ['analyzer.data-gap', 'opcua_with-gap.pcap'],
  ['analyzer.data-gap_with-handshake', 'opcua_with-gap_with-handshake.pcap'],
] as const;

type Cells = readonly string[];
type Fields = Readonly<Record<string, unknown>>;

/** Nothing, in the words of both. */
function cell(value: unknown): string {
  return value === undefined || value === '' || value === '(empty)' ? '-' : String(value);
}

function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  // Only objects have entries; anything else gives undefined.
  for (const name of path) found = (found as Fields | undefined)?.[name];
  return found;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** ICSNPP writes a NodeId as mask, namespace, numeric, string, GUID and opaque. */
function nodeIdOf([, namespace, numeric, text, guid, opaque]: Cells): string {
  const forms = { i: numeric, s: text, g: inSpecifiedOrder(guid), b: opaque };
  const found = Object.entries(forms).find(([, value]) => value !== '-');
  const name = found === undefined ? '-' : `${found[0]}=${found[1]}`;
  return namespace === '-' || namespace === '0' ? name : `ns=${namespace};${name}`;
}

/** ICSNPP prints a GUID's bytes as they stand on the wire, where three numbers are turned round. */
function inSpecifiedOrder(guid: string): string {
  const turned = (hex: string) => (hex.match(/../g) ?? []).reverse().join('');
  return guid
    .split('-')
    .map((part, index) => (index < 3 ? turned(part) : part))
    .join('-');
}

/** Rows that our records don't have so, each with its cause. */
const EXCEPTIONS: readonly {
  readonly baseline: string;
  readonly row: string;
  readonly cause: string;
}[] = ['analyzer.data-gap', 'analyzer.data-gap_with-handshake'].map((baseline) => ({
  baseline,
  row: 'MSG|F|1578|-|-|-|-|-|-|13|-|2|2|461|1000001|0|5000|-|-|-|-',
  cause: 'ICSNPP gives up behind the hole: our record of this request has its answer too',
}));

const DIRECTIONS = ['FWD', 'INV', 'BOTH'];
const truth = (value: unknown) => (value === undefined ? '-' : value === true ? 'T' : 'F');
const TOKEN_REQUESTS = ['Issue', 'Renew'];
const MODES = ['Invalid', 'None', 'Sign', 'SignAndEncrypt'];
const numberIn = (names: readonly string[], value: unknown) => {
  return value === undefined ? undefined : names.indexOf(String(value));
};
/** They write 250.0 where we write 250. */
const number = (text: string) => (/^-?\d+\.0$/.test(text) ? text.slice(0, -2) : text);

interface Log {
  readonly name: string;
  /** Facts of one row; undefined: the row tells none of those compared. */
  readonly theirs: (cells: Cells) => Cells | undefined;
  readonly ours: (record: Fields) => readonly unknown[][];
}

const isRequest = (cells: Cells) => cells[6] === 'T';
const side = (
  service: string,
  name: 'request' | 'response',
  make: (fields: Fields) => unknown[][],
) => {
  return (record: Fields): readonly unknown[][] => {
    const fields = record[name];
    // Sides are objects of fields.
    return record.service === service && fields !== undefined ? make(fields as Fields) : [];
  };
};

const LOGS: readonly Log[] = [
  {
    name: 'opcua_binary',
    theirs: (cells) => [
      ...[cells[6], cells[7], cells[8], ...cells.slice(11, 17), cells[17].split(',').at(-1) ?? ''],
      ...[cells[19], cells[24], cells[26], cells[29], cells[38], cells[39], cells[41]],
      ...[cells[44], cells[45], cells[48], cells[51]],
    ],
    ours: mainRow,
  },
  {
    name: 'opcua_binary_read_nodes_to_read',
    theirs: (cells) => [nodeIdOf(cells.slice(11, 17)), cells[17], cells[19]],
    ours: side('Read', 'request', ({ nodesToRead }) => {
      return list(nodesToRead).map((node) => {
        return [at(node, 'nodeId'), at(node, 'attributeId'), at(node, 'indexRange')];
      });
    }),
  },
  {
    name: 'opcua_binary_browse_description',
    theirs: (cells) => [
      nodeIdOf(cells.slice(11, 17)),
      cells[17],
      nodeIdOf(cells.slice(18, 24)),
      cells[24],
      String(Number(cells[26])),
    ],
    ours: side('Browse', 'request', ({ nodesToBrowse }) => {
      return list(nodesToBrowse).map((node) => [
        at(node, 'nodeId'),
        DIRECTIONS[Number(at(node, 'browseDirection'))],
        at(node, 'referenceTypeId'),
        truth(at(node, 'includeSubtypes')),
        at(node, 'resultMask'),
      ]);
    }),
  },
  {
    name: 'opcua_binary_browse_response_references',
    theirs: (cells) => [
      nodeIdOf(cells.slice(11, 17)),
      cells[17],
      nodeIdOf(cells.slice(18, 24)),
      cells[27],
      cells[29],
      cells[30],
      nodeIdOf(cells.slice(32, 38)),
    ],
    ours: side('Browse', 'response', ({ results }) => {
      return list(results).flatMap((result) => list(at(result, 'references')).map(referenceRow));
    }),
  },
  {
    name: 'opcua_binary_create_session',
    theirs: (cells) =>
      isRequest(cells)
        ? [cells[11], cells[12], cells[16], cells[20], cells[21], cells[25], cells[26]]
        : [nodeIdOf(cells.slice(27, 33)), cells[39], cells[45]],
    ours: (record) => [
      ...side('CreateSession', 'request', (fields) => [
        [
          at(fields, 'clientDescription', 'applicationUri'),
          at(fields, 'clientDescription', 'productUri'),
          at(fields, 'clientDescription', 'applicationType'),
          fields.endpointUrl,
          fields.sessionName,
          fields.requestedSessionTimeoutMs,
          fields.maxResponseMessageSizeBytes,
        ],
      ])(record),
      ...side('CreateSession', 'response', (fields) => [
        [fields.sessionId, fields.revisedSessionTimeoutMs, fields.maxRequestMessageSizeBytes],
      ])(record),
    ],
  },
  {
    name: 'opcua_binary_opensecure_channel',
    theirs: (cells) =>
      isRequest(cells)
        ? [cells[11], cells[12], cells[13], cells[15]]
        : [cells[16], cells[17], cells[18], cells[20]],
    ours: (record) => [
      ...side('OpenSecureChannel', 'request', (fields) => [
        [
          fields.clientProtocolVersion,
          numberIn(TOKEN_REQUESTS, fields.requestType),
          numberIn(MODES, fields.securityMode),
          fields.requestedLifetimeMs,
        ],
      ])(record),
      ...side('OpenSecureChannel', 'response', (fields) => [
        [fields.serverProtocolVersion, fields.channelId, fields.tokenId, fields.revisedLifetimeMs],
      ])(record),
    ],
  },
  {
    name: 'opcua_binary_get_endpoints_description',
    theirs: (cells) => [
      ...[cells[11], cells[12], cells[13], cells[15], cells[16], cells[17]],
      ...[cells[23], cells[24], cells[25], cells[26]],
    ],
    ours: side('GetEndpoints', 'response', ({ endpoints }) => {
      return list(endpoints).map((endpoint) => [
        at(endpoint, 'endpointUrl'),
        at(endpoint, 'server', 'applicationUri'),
        at(endpoint, 'server', 'productUri'),
        at(endpoint, 'server', 'applicationName', 'locale'),
        at(endpoint, 'server', 'applicationName', 'text'),
        at(endpoint, 'server', 'applicationType'),
        numberIn(MODES, at(endpoint, 'securityMode')),
        at(endpoint, 'securityPolicyUri'),
        at(endpoint, 'transportProfileUri'),
        at(endpoint, 'securityLevel'),
      ]);
    }),
  },
  {
    name: 'opcua_binary_create_subscription',
    theirs: (cells) => (isRequest(cells) ? cells.slice(11, 17) : cells.slice(17, 21)),
    ours: (record) => [
      ...side('CreateSubscription', 'request', (fields) => [
        [
          fields.requestedPublishingIntervalMs,
          fields.requestedLifetimeCount,
          fields.requestedMaxKeepAliveCount,
          fields.maxNotificationsPerPublish,
          truth(fields.publishingEnabled),
          fields.priority,
        ],
      ])(record),
      ...side('CreateSubscription', 'response', (fields) => [
        [
          fields.subscriptionId,
          fields.revisedPublishingIntervalMs,
          fields.revisedLifetimeCount,
          fields.revisedMaxKeepAliveCount,
        ],
      ])(record),
    ],
  },
  {
    name: 'opcua_binary_create_monitored_items_create_item',
    theirs: (cells) =>
      isRequest(cells)
        ? [nodeIdOf(cells.slice(11, 17)), cells[22], cells[23], cells[24], cells[25]]
        : undefined,
    ours: side('CreateMonitoredItems', 'request', ({ itemsToCreate }) => {
      return list(itemsToCreate).map((item) => [
        at(item, 'nodeId'),
        at(item, 'clientHandle'),
        at(item, 'samplingIntervalMs'),
        at(item, 'queueSize'),
        truth(at(item, 'discardOldest')),
      ]);
    }),
  },
];

function referenceRow(reference: unknown): unknown[] {
  return [
    at(reference, 'referenceTypeId'),
    truth(at(reference, 'isForward')),
    at(reference, 'nodeId'),
    at(reference, 'browseName', 'name'),
    at(reference, 'displayName', 'locale'),
    at(reference, 'displayName', 'text'),
    at(reference, 'typeDefinition'),
  ];
}

/** A row of the main log is a transaction or a transport message, as our record is. */
function mainRow(record: Fields): readonly unknown[][] {
  const { request, response, messageType } = record;
  const sizes = [at(request, 'messageSizeBytes'), at(response, 'messageSizeBytes')];
  const size = record.messageSizeBytes ?? Number(sizes[0] ?? 0) + Number(sizes[1] ?? 0);
  const isOpen = record.service === 'OpenSecureChannel';
  return [
    [
      messageType ?? (isOpen ? 'OPN' : 'MSG'),
      'F',
      size,
      ...[record.protocolVersion, record.receiveBufferSizeBytes, record.sendBufferSizeBytes],
      ...[record.maxMessageSizeBytes, record.maxChunkCount, record.endpointUrl],
      record.secureChannelId,
      record.securityPolicyUri,
      at(request, 'requestId') ?? at(response, 'requestId'),
      at(request, 'sequenceNumber'),
      record.requestTypeId,
      at(request, 'requestHeader', 'requestHandle'),
      at(request, 'requestHeader', 'returnDiagnostics'),
      at(request, 'requestHeader', 'timeoutHintMs'),
      at(response, 'messageSizeBytes'),
      at(response, 'sequenceNumber'),
      record.responseTypeId,
      at(response, 'responseHeader', 'requestHandle'),
    ],
  ];
}

function play(path: string): readonly Fields[] {
  const counters = createDecodeCounters();
  const records: Fields[] = [];
  const ignored = (): void => {};
  const sink = {
    modbusTransaction: ignored,
    opcuaTransaction: (told: OpcuaTransaction) =>
      records.push(opcuaTransactionFields(told, digest)),
    opcuaTransportMessage: (told: OpcuaTransportMessage) => {
      records.push(opcuaTransportFields(told, digest));
    },
    malformed: ignored,
    gap: ignored,
    flowEnded: ignored,
  };
  const options = { flowsMax: 1024 };
  const opcua = new OpcuaAnalyzer(options, sink, counters.opcua);
  const modbus = new ModbusAnalyzer(options, sink, counters.modbus);
  const decoder = new Decoder(options, { modbus, opcua }, sink, counters);
  const file = new CaptureFileDecoder({ sink: decoder, interfaceIndex: 0 });
  file.push(readFileSync(join(folder, 'captures', PROJECT, 'tests/traces', path)));
  file.finish();
  decoder.end();
  return records;
}

function rowsOf(baseline: string, log: string): readonly Cells[] {
  const path = join(folder, 'upstream/icsnpp-opcua-binary', baseline, `${log}.log`);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.filter((line) => !line.startsWith('#')).map((line) => line.split('\t'));
}

testNeeding([{ kind: 'corpus' }], 'every row of the ICSNPP baselines is in our records', () => {
  let compared = 0;
  const missing: string[] = [];
  for (const [baseline, capture] of BASELINES) {
    const records = play(capture);
    for (const { name, theirs, ours } of LOGS) {
      const left = records.flatMap(ours).map((row) => row.map(cell).join('|'));
      for (const cells of rowsOf(baseline, name)) {
        const row = theirs(cells)
          ?.map((text) => number(cell(text)))
          .join('|');
        if (row === undefined) continue;
        compared++;
        const index = left.indexOf(row);
        if (index >= 0) left.splice(index, 1);
        else missing.push(`${baseline}: ${row}`);
      }
    }
  }
  const explained = EXCEPTIONS.map(({ baseline, row }) => `${baseline}: ${row}`);
  assert.deepEqual(missing, explained);
  assert.ok(compared > 250, `${compared} rows compared`);
});
