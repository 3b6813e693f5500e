/** `fieldtap replay FILE --explain FRAME` as its user meets it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { slowTest } from '../../hil-tests/needs.ts';
import { coverFault } from '../../protocols/explain.ts';
import { CaptureFileDecoder } from '../../protocols/pcap/capture-file.ts';
import { activateSessionBody, uaChunk } from '../observe/made-traffic.ts';
import { ExplainRun, type FrameExplanation } from './explain-run.ts';
import { explanationText } from './explain-text.ts';
import { type ReplayExplainOptions, replayExplain } from './replay-explain.ts';
import { adu, MadeCapture } from './replay-made-capture.ts';
import { ReplayOutput } from './replay-output.ts';

const PASSWORD = 'QXJ9ZK4VW7YB';
const USER = 'UZ8Q3XW1K';
const digest = { pseudonym: () => 'pseudonym', sha256: () => 'digest' };
const folder = mkdtempSync(join(tmpdir(), 'fieldtap-explain-'));
after(() => rmSync(folder, { recursive: true }));

class MadeOutput extends ReplayOutput {
  text = '';
  override write(text: string): void {
    this.text += text;
  }
}

async function run(files: readonly string[], options: ReplayExplainOptions) {
  const output = new MadeOutput();
  let errors = '';
  const write = (text: string) => (errors += text);
  const code = await replayExplain(files, options, { output, errors: { write } });
  return { code, output: output.text, errors };
}

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

function explainAll(bytes: Uint8Array): readonly FrameExplanation[] {
  const explain = new ExplainRun({ isWanted: () => true, digest });
  const reader = new CaptureFileDecoder({ sink: explain, interfaceIndex: 0 });
  reader.push(bytes);
  reader.finish();
  explain.end();
  return Array.from({ length: reader.framesCount }, (_, index) =>
    explain.explain(index + 1),
  ).filter((explanation) => explanation !== undefined);
}

/** What stands below the TCP header. */
function applicationOf(explanation: FrameExplanation): string {
  const { fields } = explanation;
  const behindTcp = fields.slice(fields.findIndex(({ name }) => name === 'tcp') + 1);
  return explanationText({ ...explanation, fields: behindTcp })
    .split('\n')
    .slice(2)
    .join('\n');
}

function polls(): MadeCapture {
  const capture = new MadeCapture();
  const plc = capture.connect('10.0.0.5:40012', '10.0.1.9:502');
  plc.poll(17, 3, '0300640002', '030402000007');
  plc.poll(18, 3, '0300640002', '8302');
  return capture;
}

const LOGIN = uaChunk(activateSessionBody(USER, PASSWORD));
const pollsFile = file('polls.pcap', polls().bytes());

test('a Modbus read, its answer with the addresses that were asked for, and an exception', () => {
  const [, , request, response, , exception] = explainAll(polls().bytes());
  assert.equal(applicationOf(request), READ_REQUEST);
  assert.equal(applicationOf(response), READ_RESPONSE);
  assert.equal(applicationOf(exception), EXCEPTION);
});

const READ_REQUEST = `\
0036     12  modbus                               request, readHoldingRegisters
0036      2    transactionId                      17  | 00 11
0038      2    protocolId                         0  | 00 00
003a      2    lengthBytes                        6  | 00 06
003c      1    unitId                             3  | 03
003d      1    functionCode                       3 (readHoldingRegisters)  | 03
003e      2    address                            100  | 00 64
0040      2    quantity                           2  | 00 02
`;

const READ_RESPONSE = `\
0036     13  modbus                               response, readHoldingRegisters
0036      2    transactionId                      17  | 00 11
0038      2    protocolId                         0  | 00 00
003a      2    lengthBytes                        7  | 00 07
003c      1    unitId                             3  | 03
003d      1    functionCode                       3 (readHoldingRegisters)  | 03
003e      1    byteCount                          4  | 04
003f      4    registers                          2 registers
003f      2      [0]                              512  | 02 00  <- address 100
0041      2      [1]                              7  | 00 07  <- address 101
`;

const EXCEPTION = `\
0036      9  modbus                               response, readHoldingRegisters
0036      2    transactionId                      18  | 00 12
0038      2    protocolId                         0  | 00 00
003a      2    lengthBytes                        3  | 00 03
003c      1    unitId                             3  | 03
003d      1    functionCode                       3 (readHoldingRegisters, refused)  | 83
003e      1    exceptionCode                      2 (illegalDataAddress)  | 02
`;

test('a VLAN frame of our own making', async () => {
  const capture = new MadeCapture();
  const hex = `02aabbccddee02112233445581006064080045000020000140004006${'0000'}0a0000050a000109`;
  capture.add(Uint8Array.from(Buffer.from(`${hex}9c4001f600000001000000`, 'hex')));
  const { code, output } = await run([file('vlan.pcap', capture.bytes())], { explain: '1' });
  assert.equal(code, 0);
  assert.equal(output.replace(/^Frame 1, .*UTC/, 'Frame 1, TIME'), VLAN_FRAME);
});

const VLAN_FRAME = `\
Frame 1, TIME, 49 bytes, link type 1 (ETHERNET)
offset length  name
0000     14  ethernet
0000      6    destinationMacAddress              02:aa:bb:cc:dd:ee  | 02 aa bb cc dd ee
0006      6    sourceMacAddress                   02:11:22:33:44:55  | 02 11 22 33 44 55
000c      2    etherType                          0x8100 (VLAN tag)  | 81 00
000e      4  vlanTag                              vlanId 100
000e      2    priorityCodePoint+vlanId           priorityCodePoint 3, vlanId 100  | 60 64
0010      2    etherType                          0x0800 (IPv4)  | 08 00
0012     20  ipv4                                 10.0.0.5 -> 10.0.1.9
0012      1    version                            4, header of 20 bytes  | 45
0013      1    differentiatedServices             0x00  | 00
0014      2    totalLengthBytes                   32  | 00 20
0016      2    identification                     1  | 00 01
0018      2    fragment                           none, don't fragment  | 40 00
001a      1    ttl                                64  | 40
001b      1    protocol                           6 (TCP)  | 06
001c      2    headerChecksum                     0x0000, wrong  | 00 00
001e      4    sourceIpAddress                    10.0.0.5  | 0a 00 00 05
0022      4    destinationIpAddress               10.0.1.9  | 0a 00 01 09
0026     11  payload                              | 9c 40 01 f6 00 00 00 01 00 00 00
`;

test('a login: who and with what is not shown, in text and in JSON', async () => {
  const capture = new MadeCapture();
  capture.connect('10.0.0.6:51000', '10.0.1.20:4840').fromClient(LOGIN);
  const path = file('login.pcap', capture.bytes());
  const { output } = await run([path], { explain: '3' });
  assert.match(output, /opcua +MSG F, ActivateSession request\n/);
  assert.match(output, / userName +\(userName, 9 bytes, not shown\) {2}\| 09 00 00 00 \*\* \*\*/);
  assert.match(output, / password +\(password, 12 bytes, not shown\) {2}\| 0c 00 00 00 \*\* \*\*/);
  const json = await run([path], { explain: '3', json: true });
  assert.equal(JSON.parse(json.output).frame, 3);
  for (const text of [output, json.output]) checkSecret(text);
});

slowTest('a login in two segments cut anywhere, also sent again or seen alone', () => {
  for (let cut = 1; cut < LOGIN.length; cut += 5) {
    const capture = new MadeCapture();
    const server = capture.connect('10.0.0.6:51000', '10.0.1.20:4840');
    server.fromClient(LOGIN.subarray(0, cut));
    server.fromClient(LOGIN.subarray(cut));
    server.againFromClient(LOGIN.subarray(cut));
    server.loseFromClient(77);
    server.fromClient(LOGIN.subarray(cut));
    const explained = explainAll(capture.bytes());
    assert.equal(explained.length, 6);
    for (const explanation of explained) checkSecret(explanationText(explanation));
    assert.match(explanationText(explained[3]), new RegExp(`bytes ${cut}\\.\\.`));
  }
});

test('what is on a port of OPC UA and has no place is not shown', () => {
  const capture = new MadeCapture();
  const server = capture.connect('10.0.0.6:51000', '10.0.1.20:4840');
  for (let cut = 60; cut + 8 < LOGIN.length; cut += 7) server.fromClient(LOGIN.subarray(cut));
  for (const explanation of explainAll(capture.bytes())) {
    checkSecret(explanationText(explanation));
  }
});

test('a message in two segments: the second says which bytes it has', () => {
  const capture = new MadeCapture();
  const plc = capture.connect('10.0.0.5:40012', '10.0.1.9:502');
  plc.poll(1, 1, '0300640002', '');
  const answer = adu(1, 1, '030402000007');
  plc.fromServer(answer.subarray(0, 10));
  plc.fromServer(answer.subarray(10));
  const explained = explainAll(capture.bytes());
  assert.match(applicationOf(explained[3]), /part of a response, bytes 0\.\.9 of 13; it goes on/);
  assert.match(applicationOf(explained[4]), /part of a response, bytes 10\.\.12 of 13\n/);
  assert.match(applicationOf(explained[4]), /\[0\] .*<- address 100; bytes 1\.\.1 of 2/);
});

test('a segment that repeats the last bytes and brings new ones: both are told', () => {
  const capture = new MadeCapture();
  const plc = capture.connect('10.0.0.5:40012', '10.0.1.9:502');
  const first = adu(1, 1, '0300640002');
  plc.fromClient(first);
  plc.againFromClient(first, adu(2, 1, '0300640002'));
  const [, , , repeated] = explainAll(capture.bytes());
  assert.match(applicationOf(repeated), /^0036 +12 +retransmitted .*\n0042 +12 +modbus /);
});

// biome-ignore format: one case per line
const misuses = [
  { explain: '99',  code: 1, errors: /polls\.pcap has 6 frames; there is no frame 99\.\n$/ },
  { explain: 'two', code: 2, errors: /--explain takes the number of a frame, 1 or more, not "two"\./ },
  { explain: '0',   code: 2, errors: /1 or more, not "0"/ },
  { explain: '-1',  code: 2, errors: /1 or more, not "-1"/ },
] as const;

for (const { explain, code, errors } of misuses) {
  test(`--explain ${explain}: exit code ${code} and a sentence`, async () => {
    const result = await run([pollsFile], { explain });
    assert.equal(result.code, code);
    assert.equal(result.output, '');
    assert.match(result.errors, errors);
  });
}

test('two files, or records as well: wrong use; a missing file: a fault', async () => {
  assert.equal((await run([pollsFile, pollsFile], { explain: '1' })).code, 2);
  assert.equal((await run([pollsFile], { explain: '1', records: 'ndjson' })).code, 2);
  assert.equal((await run([pollsFile], { explain: '1', modbusPort: ['x'] })).code, 2);
  const missing = await run([join(folder, 'none.pcap')], { explain: '1' });
  assert.equal(missing.code, 1);
  assert.match(missing.errors, /CAPTURE_FILE_MISSING/);
});

test('any segments on both ports: every byte in one field', () => {
  const parts = fc.array(fc.tuple(fc.boolean(), fc.nat(60), fc.uint8Array({ maxLength: 30 })), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(parts, fc.constantFrom(502, 4840), (segments, port) => {
      const capture = new MadeCapture();
      const server = capture.connect('10.0.0.5:40012', `10.0.1.9:${port}`);
      const begin = port === 502 ? adu(1, 1, '0300640002') : LOGIN;
      server.fromClient(begin);
      for (const [isClient, cut, tail] of segments) {
        const payload = Uint8Array.from([...begin.subarray(cut % begin.length), ...tail]);
        if (cut % 7 === 6) server.loseFromServer(cut);
        if (isClient) server.fromClient(payload);
        else server.fromServer(payload);
        if (cut % 5 === 4) server.againFromClient(payload);
      }
      for (const { bytes, fields, frame } of explainAll(capture.bytes())) {
        assert.equal(coverFault(fields, 0, bytes.length), undefined, `frame ${frame}`);
      }
    }),
    { numRuns: 60 },
  );
});

/** No four characters of a secret, nor their bytes. */
function checkSecret(text: string): void {
  for (const secret of [PASSWORD, USER]) {
    for (let at = 0; at + 4 <= secret.length; at++) {
      const part = secret.slice(at, at + 4);
      const hex = [...Buffer.from(part)].map((byte) => byte.toString(16)).join(' ');
      assert.ok(!text.includes(part) && !text.includes(hex), `${part} in ${text}`);
    }
  }
}
