// Real PDUs wrapped anew on every carrier: the records hold exactly the PDUs of the truth that lies
// beside each capture, from the frames of a file to the lines of `replay --records`.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFolder, testNeeding } from '../hil-tests/needs.ts';
import { decodeRequestPdu } from '../protocols/modbus/request.ts';
import { decodeResponsePdu } from '../protocols/modbus/response.ts';
import { collectFile, type RecordObject } from './collect-records.ts';
import { sidesOf } from './parity/modbus-sides.ts';

const folder = join(corpusFolder ?? '', 'derived');
const SUFFIX = '.pcap';
const CAPTURES_COUNT = 8;
/** How many bits count depends on the request; recordSha256 and pseudonyms need a digest. */
const LEFT_OUT = ['coils', 'discreteInputs', 'padBits', 'sessionKey', 'umasFunctionName', 'groups'];

testNeeding([{ kind: 'corpus' }], 'derived: every PDU of every carrier, and none else', () => {
  const names = readdirSync(folder).filter((name) => name.endsWith(SUFFIX));
  assert.equal(names.length, CAPTURES_COUNT);
  for (const name of names) {
    const { records, totals } = collectFile(join(folder, name));
    const truth = readFileSync(join(folder, `${name}.truth.ndjson`), 'utf8')
      .trim()
      .split('\n');
    const hasHeader = !name.startsWith('rtu');
    assert.deepEqual(
      textsOf(records),
      truth.map((line) => textOfTruth(line, hasHeader)).sort(),
      name,
    );
    const { requests, responses, exceptions, malformed } = totals.decode.modbus;
    assert.deepEqual([name, requests + responses + exceptions, malformed], [name, truth.length, 0]);
  }
});

testNeeding([{ kind: 'corpus' }], 'derived: every answer finds its request', () => {
  for (const name of ['split-coalesced-seqwrap', 'vlan10', 'qinq-ns', 'ooo-dup-loss0']) {
    const { totals } = collectFile(join(folder, `${name}${SUFFIX}`));
    const { unmatchedResponses, unmatchedRequests } = totals.decode.modbus;
    assert.deepEqual([name, unmatchedResponses, unmatchedRequests], [name, 0, 0]);
  }
});

function textsOf(records: readonly RecordObject[]): string[] {
  return sidesOf(records)
    .flatMap(({ isRequest, record, fields }) => {
      const { transactionId, unitId, functionCode, retriesCount } = record;
      const { lengthBytes, crc, crcValid, ...pdu } = fields;
      const text = textOf(isRequest, transactionId, unitId, functionCode, pdu);
      return new Array<string>(1 + (isRequest ? Number(retriesCount ?? 0) : 0)).fill(text);
    })
    .sort();
}

interface TruthLine {
  readonly dir: string;
  readonly tid: number;
  readonly unit: number;
  readonly fc: number;
  readonly pdu: string;
}

/** The truth has bytes, the records have fields: bits behind the last one asked for are no fields. */
function textOfTruth(line: string, hasHeader: boolean): string {
  const { dir, tid, unit, fc, pdu }: TruthLine = JSON.parse(line);
  const bytes = new Uint8Array(Buffer.from(pdu, 'hex'));
  const span = { bytes, offset: 0, length: bytes.length };
  const isRequest = dir === 'request';
  const fields = isRequest ? decodeRequestPdu(span) : decodeResponsePdu(span, undefined);
  return textOf(isRequest, hasHeader ? tid : undefined, unit, fc & 0x7f, fields);
}

function textOf(
  isRequest: boolean,
  transactionId: unknown,
  unitId: unknown,
  functionCode: unknown,
  fields: object,
): string {
  const rest = Object.entries(fields).filter(([name]) => !LEFT_OUT.includes(name));
  const kind = isRequest ? 'request' : 'response';
  const sorted = rest.sort(([a], [b]) => (a < b ? -1 : 1));
  return `${kind} ${transactionId} ${unitId} ${functionCode} ${JSON.stringify(sorted)}`;
}
