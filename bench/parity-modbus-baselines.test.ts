// Our Modbus records against the logs that Zeek and ICSNPP keep in their own test suites, after the
// mapping of FIELDS.md 5.1; what the references do wrong stands here with its cause.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFolder, testNeeding } from '../hil-tests/needs.ts';
import { collectFile } from './collect-records.ts';
import {
  type LogRow,
  notIn,
  readLog,
  upperSnake,
  zeekFunctionName,
} from './parity/baseline-log.ts';
import { listOf, type ModbusSide, objectOf, sidesOf } from './parity/modbus-sides.ts';

const folder = corpusFolder ?? '';
const ZEEK = join(folder, 'upstream/zeek-modbus/scripts.base.protocols.modbus');
const ICSNPP = join(folder, 'upstream/icsnpp-modbus/analyzer.basic');
const NEEDS = [{ kind: 'corpus' }] as const;

testNeeding(NEEDS, 'zeek modbus.log: with other protocols on port 502, the same rows', () => {
  const ours = sides('zeek__zeek/testing/btest/Traces/modbus/modbus-and-non-modbus-p502.pcap');
  const theirs = readLog(`${ZEEK}.modbus_and_non_modbus_on_port_502/modbus.log`).map(textOfRow);
  assert.deepEqual(ours.map(textOfSide).sort(), theirs.sort());
});

testNeeding(NEEDS, 'zeek modbus.log: of a fuzzed capture, every row and some more', () => {
  const ours = sides('zeek__zeek/testing/btest/Traces/modbus/fuzz-72.pcap');
  const theirs = readLog(`${ZEEK}.exception_handling/modbus.log`).map(textOfRow);
  assert.deepEqual(notIn(theirs, ours.map(textOfSide)), ONLY_ZEEK);
  // Zeek throws away what doesn't join behind a hole in the numbers; we skip the hole.
  assert.ok(ours.length > theirs.length, `${ours.length} PDUs`);
});

/** Of frame 14, whose length is of 37 bytes, and of two frames that stand before the stream. */
const ONLY_ZEEK = [
  '192.168.66.235 2582 166.161.16.230 502 0 0 unknown-38 REQ -',
  '192.168.66.235 2582 166.161.16.230 502 0 1 unknown-175 RESP ILLEGAL_FUNCTION',
  '192.168.66.235 2582 166.161.16.230 502 0 1 unknown-179 RESP ILLEGAL_FUNCTION',
];

testNeeding(NEEDS, 'zeek events: 11,096 of a large capture with all their values', () => {
  const ours = sides('zeek__zeek/testing/btest/Traces/modbus/modbusBig.pcap');
  const theirs = readFileSync(`${ZEEK}.coil_parsing_big/output`, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('1 modbus_'))
    .map(textOfEvent);
  assert.equal(theirs.length, 11_096);
  const events = ours.flatMap(eventsOf);
  assert.deepEqual(notIn(theirs, events), []);
  assert.deepEqual(notIn(events, theirs), ONE_MORE_THAN_ZEEK);
});

/** Frame 3150 answers a request whose bytes Zeek had already taken for acknowledged and lost. */
const ONE_MORE_THAN_ZEEK = [
  'modbus_message 50382 255 1 4 F',
  'modbus_read_coils_response 50382 255 1 4 [T, F, F, F, F, F, F, F]',
];

testNeeding(NEEDS, 'icsnpp modbus_detailed.log: every column of every row', () => {
  const ours = sides('cisagov__icsnpp-modbus/testing/traces/modbus_example.pcap');
  const theirs = readLog(join(ICSNPP, 'modbus_detailed.log'));
  const differences: string[] = [];
  for (const row of theirs) {
    const side = ours.find(({ record }) => isOfRow(record, row));
    if (side === undefined) differences.push(`no record for ${JSON.stringify(row)}`);
    else differences.push(...detailedDifferences(side, row));
  }
  assert.deepEqual(differences, []);
  assert.ok(theirs.length > 25, `${theirs.length} rows`);
});

testNeeding(NEEDS, 'icsnpp side logs: masks, and reads with writes', () => {
  const ours = sides('cisagov__icsnpp-modbus/testing/traces/modbus_example.pcap');
  const masks = readLog(join(ICSNPP, 'modbus_mask_write_register.log')).map(
    (row) => `${row.tid} ${row.request_response} ${row.address} ${row.and_mask} ${row.or_mask}`,
  );
  const both = readLog(join(ICSNPP, 'modbus_read_write_multiple_registers.log')).map((row) =>
    [
      row.tid,
      row.request_response,
      row.write_start_address,
      row.write_registers,
      row.read_start_address,
      row.read_quantity,
      row.read_registers,
    ].join(' '),
  );
  assert.deepEqual(ours.filter(isOf(22)).map(textOfMask), masks);
  assert.deepEqual(ours.filter(isOf(23)).map(textOfReadWrite), both);
  assert.ok(masks.length > 0 && both.length > 0);
});

function sides(path: string): ModbusSide[] {
  return sidesOf(collectFile(join(folder, 'captures', path)).records);
}

function isOf(functionCode: number): (side: ModbusSide) => boolean {
  return ({ record }) => record.functionCode === functionCode;
}

function textOfRow(row: LogRow): string {
  const ends = `${row['id.orig_h']} ${row['id.orig_p']} ${row['id.resp_h']} ${row['id.resp_p']}`;
  return `${ends} ${row.tid} ${row.unit} ${row.func} ${row.pdu_type} ${row.exception}`;
}

function textOfSide({ record, isRequest }: ModbusSide): string {
  const { clientIpAddress, clientPort, serverIpAddress, serverPort, exceptionCode } = record;
  const isException = !isRequest && exceptionCode !== undefined;
  const code = Number(record.functionCode) + (isException ? 0x80 : 0);
  const isNamed = !/unknown|userDefined/.test(String(record.functionName));
  const name = isNamed
    ? `${zeekFunctionName(String(record.functionName))}${isException ? '_EXCEPTION' : ''}`
    : `unknown-${code}`;
  const refusal = isException ? upperSnake(String(record.exceptionName)) : '-';
  return [
    [clientIpAddress, clientPort, serverIpAddress, serverPort].join(' '),
    [record.transactionId, record.unitId, name, isRequest ? 'REQ' : 'RESP', refusal].join(' '),
  ].join(' ');
}

/** `modbus_message tid unit code len ...`, whatever Zeek's printing puts between. */
function textOfEvent(line: string): string {
  const [, name, rest] = /^1 (\w+), \[.*?ctx=\[\]\], (.*)$/.exec(line) ?? [];
  const [, tid, unit, code, length, values] =
    /^\[tid=(\d+), pid=0, uid=(\d+), function_code=(\d+), len=(\d+)\], (.*)$/.exec(rest) ?? [];
  return `${name} ${tid} ${unit} ${code} ${length} ${values}`;
}

/** What Zeek raises for one PDU: the message, and the event of its function code. */
function eventsOf(side: ModbusSide): string[] {
  const { record, fields, isRequest } = side;
  const head = `${record.transactionId} ${record.unitId} ${record.functionCode}`;
  const tail = `${head} ${fields.lengthBytes}`;
  const kind = isRequest ? 'request' : 'response';
  const message = `modbus_message ${tail} ${isRequest ? 'T' : 'F'}`;
  if (record.functionCode === 5) {
    const isOn = fields.outputValue === 0xff00 ? 'T' : 'F';
    return [message, `modbus_write_single_coil_${kind} ${tail} ${fields.address}, ${isOn}`];
  }
  if (isRequest) {
    return [message, `modbus_read_coils_request ${tail} ${fields.address}, ${fields.quantity}`];
  }
  return [message, `modbus_read_coils_response ${tail} [${wholeByteOf(fields).join(', ')}]`];
}

/** Zeek shows all bits of a byte, also those behind the last one asked for. */
function wholeByteOf(fields: ModbusSide['fields']): string[] {
  const bits = listOf(fields.coils).map(Number);
  const pad = Number(fields.padBits ?? 0);
  for (let bit = 0; bits.length % 8 !== 0; bit += 1) bits.push((pad >> bit) & 1);
  return bits.map((bit) => (bit === 1 ? 'T' : 'F'));
}

function isOfRow(record: ModbusSide['record'], row: LogRow): boolean {
  const name = zeekFunctionName(String(record.functionName));
  return String(record.transactionId) === row.tid && name === row.func;
}

/** ICSNPP's rows of 7 and 17 are empty and its file records have no address (FIELDS.md 5.1). */
const ROWS_WITHOUT_VALUES = [
  'READ_EXCEPTION_STATUS',
  'REPORT_SLAVE_ID',
  'READ_FILE_RECORD',
  'WRITE_FILE_RECORD',
];

function detailedDifferences({ record }: ModbusSide, row: LogRow): string[] {
  const request = objectOf(record.request);
  const response = objectOf(record.response);
  const ours: Record<string, unknown> = {
    unit: record.unitId,
    matched: record.matched === true ? 'T' : 'F',
    exception_code: record.exceptionName && upperSnake(String(record.exceptionName)),
    address: request.address ?? request.fifoPointerAddress,
    quantity:
      request.quantity ??
      (request.outputValue === undefined && request.registerValue === undefined
        ? response.fifoCount
        : 1),
    request_values: valuesOf(request),
    response_values: valuesOf(response),
    request_subfunction_code: subFunctionOf(request),
    response_subfunction_code: subFunctionOf(response),
    mei_type: request.meiType === 14 ? 'Read Device Identification' : undefined,
  };
  return Object.entries(ours)
    .filter(([name]) => row[name] !== '-')
    .filter(() => !ROWS_WITHOUT_VALUES.includes(row.func))
    .filter(([name, value]) => String(value) !== row[name])
    .map(([name, value]) => `tid ${row.tid} ${row.func} ${name}: ${row[name]}, not ${value}`);
}

function valuesOf(fields: ModbusSide['fields']): string | undefined {
  if (fields.outputValue !== undefined) return fields.outputValue === 0xff00 ? '1' : '0';
  if (fields.registerValue !== undefined) return String(fields.registerValue);
  const values = fields.coils ?? fields.discreteInputs ?? fields.registers ?? fields.fifoRegisters;
  return values === undefined ? undefined : listOf(values).join(',');
}

/** `returnDiagnosticRegister` as ICSNPP writes it. */
function subFunctionOf(fields: ModbusSide['fields']): string | undefined {
  const name = fields.subFunctionName;
  if (typeof name !== 'string') return undefined;
  const spaced = name.replace(/[A-Z]/g, (letter) => ` ${letter}`);
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

function textOfMask({ record, fields, isRequest }: ModbusSide): string {
  const kind = isRequest ? 'REQUEST' : 'RESPONSE';
  return `${record.transactionId} ${kind} ${fields.address} ${fields.andMask} ${fields.orMask}`;
}

function textOfReadWrite({ record, fields, isRequest }: ModbusSide): string {
  const { read, write } = { read: objectOf(fields.read), write: objectOf(fields.write) };
  const cells = isRequest
    ? [write.address, listOf(write.registers).join(','), read.address, read.quantity, '-']
    : ['-', '-', '-', '-', listOf(fields.registers).join(',')];
  return [record.transactionId, isRequest ? 'REQUEST' : 'RESPONSE', ...cells].join(' ');
}
