/** `fieldtap replay` as its user meets it: text, JSON, records, exit codes, damaged files. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { slowTest } from '../../hil-tests/needs.ts';
import { activateSessionBody, uaBytes, uaChunk, uaResponse } from '../observe/made-traffic.ts';
import { ManualClock } from '../platform/clock.ts';
import { type ReplayOptions, replay } from './replay.ts';
import { adu, MadeCapture } from './replay-made-capture.ts';
import { ReplayOutput } from './replay-output.ts';
import { ReplayProgress } from './replay-progress.ts';

const MAIN = join(import.meta.dirname, '../main.ts');
const PASSWORD = 'correct horse battery staple';
const folder = mkdtempSync(join(tmpdir(), 'fieldtap-replay-'));
after(() => rmSync(folder, { recursive: true }));

/** Polls of two units, a write, a refusal, function 0, a lost answer, a login in clear text. */
function plant(): Uint8Array {
  const capture = new MadeCapture();
  const plc = capture.connect('10.0.0.5:40012', '10.0.1.9:502');
  for (let poll = 1; poll <= 3; poll++) plc.poll(poll, 1, '0300640002', '030402000007');
  plc.poll(4, 2, '0600010003', '0600010003');
  plc.poll(5, 2, '04ffff0001', '8402');
  plc.poll(6, 1, '00', '8001');
  plc.fromClient(adu(7, 1, '0300640002'));
  plc.loseFromServer(13);
  plc.poll(8, 1, '0300640002', '030402000007');
  const ua = capture.connect('10.0.0.6:51000', '10.0.1.20:4840');
  const url = new TextEncoder().encode('opc.tcp://plc:4840');
  const buffers = uaBytes(0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const hello = uaBytes(
    new TextEncoder().encode('HELF'),
    32 + url.length,
    0,
    0,
    0,
    buffers,
    url.length,
    0,
    0,
    0,
    url,
  );
  ua.fromClient(hello);
  ua.fromServer(uaBytes(new TextEncoder().encode('ACKF'), 28, 0, 0, 0, buffers));
  ua.fromClient(uaChunk(activateSessionBody('operator', PASSWORD)));
  ua.fromServer(uaChunk(uaResponse(470, 0)));
  return capture.bytes();
}

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

class MadeOutput extends ReplayOutput {
  text = '';
  override write(text: string | Uint8Array): void {
    this.text += typeof text === 'string' ? text : new TextDecoder().decode(text);
  }
}

async function run(files: readonly string[], options: ReplayOptions = {}) {
  const output = new MadeOutput();
  let errors = '';
  const code = await replay(files, options, {
    output,
    errors: { write: (text) => (errors += text) },
  });
  for (const text of [output.text, errors]) {
    assert.ok(
      !text.includes('horse') &&
        !text.includes(Buffer.from(PASSWORD).toString('base64').slice(4, 24)),
    );
  }
  return { code, output: output.text, errors };
}

const GOLDEN = `FILE: 23 frames, 1,696 bytes, 2026-09-21 14:13:20 UTC to 2026-09-21 14:13:20 UTC (22 ms)

WHO TALKS TO WHOM
  Modbus  10.0.0.5 -> 10.0.1.9:502, unit 1
          6 requests, 4 answered, 1 refused, 1 without an answer; answers after 1.0 ms (95 % 1.0 ms, slowest 1.0 ms)
          readHoldingRegisters 5, unknownFunction(0) 1
  Modbus  10.0.0.5 -> 10.0.1.9:502, unit 2
          2 requests, 1 answered, 1 refused, 1 of them write; answers after 1.0 ms (95 % 1.0 ms, slowest 1.0 ms)
          readInputRegisters 1, writeSingleRegister 1
  OPC UA  10.0.0.6 -> 10.0.1.20:4840
          1 request, 1 answered; answers after 1.0 ms (95 % 1.0 ms, slowest 1.0 ms)
          ActivateSession 2

WHAT IS WRONG
  CRITICAL  A password crossed the network in clear (OPCUA_PASSWORD_CLEAR_TEXT), once
          10.0.0.6 signed in at the OPC UA server 10.0.1.20:4840 with a user name and a password
          that was not encrypted (security mode unknown). Everyone who can listen on this
          network can read it.
          What to do: Change this password, then let the server offer only user tokens with an
          encrypting security policy. The password itself is not stored here.
  HIGH  Illegal Modbus function 0 (MODBUS_FUNCTION_ZERO), once
          10.0.0.5 sent function code 0, which Modbus does not have, to unit 1 of 10.0.1.9: a
          probe or a faulty program. The device refused it with exception 1.
          What to do: Find 10.0.0.5 and ask what runs on it; check that unit 1 of 10.0.1.9 still
          works as it should.
  Unit 1 of 10.0.1.9 refused unknownFunction(0) of 10.0.0.5 (illegalFunction): once.
  Unit 2 of 10.0.1.9 refused readInputRegisters of 10.0.0.5 (illegalDataAddress): once.

WHAT WAS NOT SEEN
  13 bytes in 1 gap: the capture lost them (a busy mirror port drops frames).
  1 Modbus request has no answer in the capture.

DEVICES
  10.0.0.5  client, 02:00:0a:00:00:05
  10.0.1.9  server, 02:00:0a:00:01:09
  10.0.1.9/1  server, unit 1, gatewayAddress 10.0.1.9
  10.0.1.9/2  server, unit 2, gatewayAddress 10.0.1.9
  10.0.0.6  client, 02:00:0a:00:00:06
  10.0.1.20  server, 02:00:0a:00:01:14
`;

const plantFile = file('plant.pcap', plant());

test('the summary for a person says who talks to whom, what is wrong and what was not seen', async () => {
  const { code, output, errors } = await run([plantFile]);
  assert.equal(code, 0);
  assert.equal(errors, '');
  assert.equal(output.replace(plantFile, 'FILE'), GOLDEN);
});

test('polls and registers cost a third of a replay: the summary has them when asked', async () => {
  const plain = JSON.parse((await run([plantFile], { summary: 'json' })).output);
  assert.deepEqual([plain.conversations[0].polls, plain.registers], [undefined, undefined]);
  const { output } = await run([plantFile], { summary: 'json', registers: true });
  const { conversations, registers } = JSON.parse(output);
  assert.partialDeepStrictEqual(conversations[0].polls[0], { address: 100, quantity: 2, count: 5 });
  assert.partialDeepStrictEqual(registers[0], { server: '10.0.1.9', unitId: 1, address: 100 });
});

test('--summary json is one object on one line in the shape of DESIGN section 6', async () => {
  const { code, output } = await run([plantFile], { summary: 'json' });
  assert.equal(code, 0);
  assert.equal(output.indexOf('\n'), output.length - 1);
  const summary = JSON.parse(output);
  assert.equal(summary.frames, 23);
  assert.partialDeepStrictEqual(summary.carriers, { framesDuplicate: 0, prpLanAFrames: 0 });
  assert.equal(summary.bytesMissed, 13);
  const { requests, responses, exceptions, unmatchedRequests, byFunctionCode } = summary.modbus;
  assert.deepEqual(
    { requests, responses, exceptions, unmatchedRequests },
    { requests: 8, responses: 5, exceptions: 2, unmatchedRequests: 1 },
  );
  assert.deepEqual(byFunctionCode, { 0: 2, 3: 9, 4: 2, 6: 2 });
  assert.equal(summary.opcua.transportMessages, 4);
  assert.deepEqual(summary.opcua.services, { ActivateSession: 2 });
  assert.deepEqual(
    summary.conversations.map((one: { client: string; server: string; unitId?: number }) => [
      one.client,
      one.server,
      one.unitId,
    ]),
    [
      ['10.0.0.5', '10.0.1.9', 1],
      ['10.0.0.5', '10.0.1.9', 2],
      ['10.0.0.6', '10.0.1.20', undefined],
    ],
  );
  assert.deepEqual(summary.conversations[1].functionCodes, {
    4: { requests: 1, responses: 0, exceptions: 1 },
    6: { requests: 1, responses: 1, exceptions: 0 },
  });
  assert.deepEqual(
    summary.assets.map((one: { assetId: string }) => one.assetId),
    ['10.0.0.5', '10.0.1.9', '10.0.1.9/1', '10.0.1.9/2', '10.0.0.6', '10.0.1.20'],
  );
  const [zero, password] = summary.detections;
  assert.equal(zero.code, 'MODBUS_FUNCTION_ZERO');
  assert.equal(password.code, 'OPCUA_PASSWORD_CLEAR_TEXT');
  assert.match(password.evidence.framesSha256, /^[0-9a-f]{64}$/);
  assert.equal(password.evidence.evidenceMasked, true);
  assert.equal(password.evidence.frames, undefined);
});

test('--records ndjson is one record a line, and the detections name theirs', async () => {
  const { code, output } = await run([plantFile], { records: 'ndjson' });
  assert.equal(code, 0);
  const records = output
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
  const { detections } = JSON.parse((await run([plantFile], { summary: 'json' })).output);
  const [zero, password] = detections.map(
    (one: { evidence: { records: string[] } }) => one.evidence.records[0],
  );
  assert.equal(records.find((record) => record.recordId === zero).functionCode, 0);
  assert.equal(records.find((record) => record.recordId === password).service, 'ActivateSession');
  assert.equal(new Set(records.map((record) => record.recordId)).size, records.length);
  assert.deepEqual(
    records.map((record) => record.kind).sort(),
    [...Array(2).fill('transportMessage'), ...Array(9).fill('transaction')].sort(),
  );
  const lost = records.find((record) => record.transactionId === 7);
  assert.equal(lost.decode.status, 'unmatchedRequest');
});

test('files given together are one capture', async () => {
  const whole = plant();
  const other = new MadeCapture();
  other.connect('10.0.0.7:40000', '10.0.1.9:502').poll(1, 1, '0100000008', '010101');
  const { output } = await run([file('one.pcap', whole), file('two.pcap', other.bytes())], {
    summary: 'json',
  });
  assert.equal(JSON.parse(output).frames, 27);
});

// biome-ignore format: one case per line
const faultCases: { name: string; bytes: Uint8Array; code: number; words: RegExp; frames: number }[] = [
  { name: 'a file cut inside a record', bytes: plant().subarray(0, 500), code: 1, words: /damaged at byte .*CAPTURE_FILE_DAMAGED/, frames: 6 },
  { name: 'a file that is no capture', bytes: Buffer.from('%PDF-1.7 not a capture at all, padded'), code: 1, words: /CAPTURE_FILE_NOT_CAPTURE/, frames: 0 },
  { name: 'an empty file', bytes: new Uint8Array(0), code: 1, words: /CAPTURE_FILE_NOT_CAPTURE/, frames: 0 },
  { name: 'a capture without frames', bytes: new MadeCapture().bytes(), code: 0, words: /^$/, frames: 0 },
];

for (const { name, bytes, code, words, frames } of faultCases) {
  test(`${name}: exit ${code}, and what was read is printed`, async () => {
    const found = await run([file('fault.pcap', bytes)], { summary: 'json' });
    assert.equal(found.code, code);
    assert.match(found.errors, words);
    assert.ok(found.errors.split('\n').length <= 2, 'one sentence');
    assert.equal(JSON.parse(found.output).frames, frames);
  });
}

// biome-ignore format: one case per line
const misuseCases: { name: string; files: string[]; options: ReplayOptions; words: string }[] = [
  { name: 'no file', files: [], options: {}, words: 'needs a capture file' },
  { name: 'standard input twice', files: ['-', '-'], options: {}, words: 'only once' },
  { name: 'unknown record format', files: ['x'], options: { records: 'xml' }, words: 'takes ndjson, not "xml"' },
  { name: 'unknown summary format', files: ['x'], options: { summary: '\u001b[2J' }, words: 'not "\\u001b[2J"' },
  { name: 'records and summary', files: ['x'], options: { records: 'ndjson', summary: 'json' }, words: 'once for each' },
  { name: 'a port that is none', files: ['x'], options: { modbusPort: ['502', '65536'] }, words: 'not "65536"' },
];

for (const { name, files, options, words } of misuseCases) {
  test(`wrong use: ${name}`, async () => {
    const { code, output, errors } = await run(files, options);
    assert.equal(code, 2);
    assert.equal(output, '');
    assert.ok(errors.includes(words), errors);
  });
}

test('a port named on the command line is expected to carry Modbus', async () => {
  const capture = new MadeCapture();
  capture.connect('10.0.0.5:40012', '10.0.1.9:1502').poll(1, 1, '0300640002', '');
  const path = file('port.pcap', capture.bytes());
  const requests = async (options: ReplayOptions) =>
    JSON.parse((await run([path], { ...options, summary: 'json' })).output).modbus.requests;
  assert.equal(await requests({}), 0, 'one request alone proves nothing on a strange port');
  assert.equal(await requests({ modbusPort: ['1502'] }), 1);
});

test('a file that is not there: exit 1', async () => {
  const { code, output, errors } = await run([join(folder, 'missing.pcap')]);
  assert.deepEqual([code, output], [1, ''], 'no empty page beside the fault');
  assert.match(errors, /does not exist.*CAPTURE_FILE_MISSING/);
});

slowTest('as a process: standard input, and a reader that has left', () => {
  const replayStdin = [process.execPath, MAIN, 'replay', '-', '--records', 'ndjson'];
  const input = plant();
  const piped = spawnSync(replayStdin[0], replayStdin.slice(1), { input, encoding: 'utf8' });
  assert.deepEqual([piped.status, piped.stderr], [0, '']);
  assert.equal(piped.stdout.split('\n').length, 12);
  const words = replayStdin.map((word) => `'${word}'`).join(' ');
  const left = spawnSync('sh', ['-c', `{ ${words}; echo $? >&2; } | true`], {
    input,
    encoding: 'utf8',
  });
  assert.equal(left.stderr, '0\n', 'quiet, and no fault');
});

// biome-ignore format: one case per line
const progressCases = [
  { name: 'small file in a log: nothing', isTTY: false, total: 1e6, steps: [[500, 5e5]], expect: '' },
  { name: 'small file on a terminal, quickly read: nothing', isTTY: true, total: 1e6, steps: [[500, 5e5]], expect: '' },
  { name: 'large file in a log: a line a quarter', isTTY: false, total: 1e8, steps: [[100, 1e7], [400, 3e7], [500, 4e7], [700, 6e7]], expect: 'f: 30 % of 100 MB, 60 MB/s, 2 s left\nf: 60 % of 100 MB, 35 MB/s, 2 s left\n' },
  { name: 'slow work on a terminal: a line that changes', isTTY: true, total: 1e6, steps: [[2000, 5e5]], expect: '\r\u001b[Kf: 50 % of 1 MB, 0 MB/s, 2 s left\r\u001b[K' },
  { name: 'standard input has no end in sight', isTTY: false, total: undefined, steps: [[6000, 1e8]], expect: 'f: 100 MB, 17 MB/s\n' },
] as const;

for (const { name, isTTY, total, steps, expect } of progressCases) {
  test(`progress: ${name}`, () => {
    const clock = new ManualClock();
    let told = '';
    const progress = new ReplayProgress('f', { isTTY, write: (text) => (told += text) }, clock);
    for (const [afterMs, bytesRead] of steps) {
      clock.advance(afterMs);
      progress.update(bytesRead, total);
    }
    progress.end();
    assert.equal(told, expect);
  });
}
