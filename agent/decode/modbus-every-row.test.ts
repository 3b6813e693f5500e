// docs/fields.md section 1 against the decoders: each row of its tables is run or has a case, and a
// row that is added there without one fails here.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Anomaly } from '../../protocols/decoded.ts';
import { exceptionName, isExceptionCode } from '../../protocols/modbus/exceptions.ts';
import { functionFacts } from '../../protocols/modbus/function-codes.ts';
import { decodeRequestPdu } from '../../protocols/modbus/request.ts';
import { decodeResponsePdu } from '../../protocols/modbus/response.ts';

const ROOT = join(import.meta.dirname, '../..');
const fields = readFileSync(join(ROOT, 'docs/fields.md'), 'utf8');
const FOLDERS = ['protocols/modbus', 'agent/decode'];
const tests = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.test.ts') && !name.includes('every-row'))
    .map((name) => readFileSync(join(ROOT, folder, name), 'utf8')),
).join('\n');

/** Flows, not transactions, are on a wrong port: agent/record-fields.test.ts has their cases. */
const NOT_OF_A_TRANSACTION = ['notModbusOnModbusPort', 'modbusOnOtherPort'];

test('1.2: every function code has its name, and a request and a response with a case', () => {
  const rows = [...section('1.2').matchAll(/^\| (\d+)(?:\/(\d+))? 0x[0-9A-F/x]+ \| (\w+) \|/gm)];
  assert.equal(rows.length, 21);
  for (const [, code, meiType, name] of rows) {
    const facts = functionFacts(Number(code), meiType === undefined ? undefined : Number(meiType));
    assert.equal(facts.functionName, name);
    const wire = Number(code).toString(16).padStart(2, '0');
    const cases = [...tests.matchAll(new RegExp(`wire: '${wire}\\b`, 'g'))];
    assert.ok(cases.length >= 2, `${name}: ${cases.length} cases`);
  }
  const [, codes, names] = /^\| ([\d ]+) \| ((?:\w+ )+\w+) \|/m.exec(section('1.2')) ?? [];
  const pairs = codes.split(' ').map((code) => functionFacts(Number(code)).functionName);
  assert.deepEqual(pairs, names.split(' '));
});

test('1.3: every sub-function of 8 has its name, and 11 to 18 their counter', () => {
  const rows = [
    ...section('1.3').matchAll(/(\d+) (return\w+|restart\w+|change\w+|force\w+|clear\w+)/g),
  ];
  assert.equal(rows.length, 15);
  for (const [, code, name] of rows) {
    const wire = Uint8Array.of(8, 0, Number(code), 0, 5);
    const pdu = { bytes: wire, offset: 0, length: wire.length };
    assert.equal(decodeRequestPdu(pdu).subFunctionName, name);
    const isCounter = Number(code) >= 11 && Number(code) <= 18;
    assert.equal(decodeResponsePdu(pdu, pdu).counter, isCounter ? 5 : undefined);
  }
  for (const reserved of [5, 9, 19, 21, 65_535]) {
    const wire = Uint8Array.of(8, reserved >> 8, reserved & 0xff, 0, 0);
    const anomalies: Anomaly[] = [];
    decodeRequestPdu({ bytes: wire, offset: 0, length: wire.length }, anomalies);
    assert.deepEqual(
      anomalies.map(({ name }) => name),
      ['reservedSubFunction'],
    );
  }
});

test('1.4: every exception code has its name, and every other one none', () => {
  const rows = [...section('1.4').matchAll(/^\| ([\d /]+) \| ([\w /]+) \|/gm)];
  const named = new Map<number, string>();
  for (const [, codes, names] of rows) {
    const words = names.split(' / ');
    for (const [at, code] of codes.split(' / ').entries()) named.set(Number(code), words[at]);
  }
  assert.equal(named.size, 9);
  for (let code = 0; code < 256; code += 1) {
    const name = named.get(code) ?? `unknownException(${code})`;
    assert.equal(exceptionName(code), name);
    assert.equal(isExceptionCode(code), named.has(code) || code === 7);
  }
});

test('1.5: every UMAS function has its name', () => {
  const text = section('1.5');
  const rows = [...text.matchAll(/0x([0-9A-F]{2}) ([a-z]\w+)/g)].filter(
    ([, , name]) => !['only', 'in', 'is', 'also'].includes(name),
  );
  assert.ok(rows.length >= 38, `${rows.length} rows`);
  for (const [, code, name] of rows) {
    const wire = Uint8Array.of(90, 0, Number.parseInt(code, 16), 1);
    const decoded = decodeRequestPdu({ bytes: wire, offset: 0, length: wire.length });
    assert.equal(decoded.umasFunctionName, name, code);
  }
});

test('1.6: every anomaly has a case', () => {
  const rows = [...section('1.6').matchAll(/^\| (?:header|function|value|pairing) \| (.*) \|$/gm)];
  const names = rows.flatMap(([, list]) => [...list.matchAll(/`(\w+)`/g)].map(([, name]) => name));
  assert.equal(names.length, 48);
  const without = names.filter(
    (name) =>
      !NOT_OF_A_TRANSACTION.includes(name) && !new RegExp(`'[^']*\\b${name}\\b`).test(tests),
  );
  assert.deepEqual(without, []);
});

/** From the heading of this number to the next one. */
function section(number: string): string {
  const begin = fields.indexOf(`### ${number} `);
  assert.ok(begin >= 0, `docs/fields.md has no section ${number}`);
  const end = fields.indexOf('\n#', begin + 4);
  return fields.slice(begin, end);
}
