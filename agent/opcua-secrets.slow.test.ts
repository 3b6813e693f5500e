/**
 * A login with planted secrets, cut, repeated, reordered and broken in every way that a wire knows,
 * from capture file to output: the planted bytes stand in no record, summary, text, report or
 * evidence frame, in no spelling (docs/fields, section 2.8).
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { LINKTYPE_ETHERNET } from '../protocols/frame-block.ts';
import { encodePcapHeader, encodePcapRecord } from '../protocols/pcap/pcap-write.ts';
import { readCaptureFile } from './capture/file-source.ts';
import { FrameHistory } from './capture/frame-history.ts';
import { type ReplayOptions, replay } from './commands/replay.ts';
import { ReplayOutput } from './commands/replay-output.ts';
import { LOGGED_IN } from './decode/opcua-made-services.ts';
import {
  ACKNOWLEDGE,
  type Bytes,
  chunk,
  HELLO,
  int16,
  int32,
  NULL_TEXT,
  open,
  request,
  response,
  sequence,
  text,
} from './decode/opcua-made-traffic.ts';
import { Pipeline } from './pipeline.ts';
import { SiteDigest } from './platform/digest.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldtap-secrets-'));
after(() => rmSync(folder, { recursive: true }));

/** Each long enough that it can't stand anywhere by chance. */
const PLANTED = {
  password: 'PLANTED-password-of-the-operator',
  userName: 'PLANTED-operator-name',
  clientSignature: 'PLANTED-client-signature',
  tokenSignature: 'PLANTED-token-signature',
  clientNonce: 'PLANTED-client-nonce',
  serverNonce: 'PLANTED-server-nonce',
  channelNonce: 'PLANTED-nonce-of-the-channel',
  token: 'PLANTED-authentication-token',
};

const TIME: Bytes = [0, 0, 0, 0, 0, 0, 0xdc, 1];
const ZERO = new Array<number>(8).fill(0);
const tokenNodeId: Bytes = [3, 1, 0, ...text(PLANTED.token)];

/** As `request`, inside a session. */
function inSession(typeId: number, ...fields: readonly Bytes[]): Bytes {
  const head = [...TIME, ...int32(1), ...int32(0), ...NULL_TEXT, ...int32(60_000), 0, 0, 0];
  return [1, 0, ...int16(typeId), ...tokenNodeId, ...head, ...fields.flat()];
}

const identity = [
  ...text('user'),
  ...text(PLANTED.userName),
  ...text(PLANTED.password),
  ...NULL_TEXT,
];
const login = inSession(
  467,
  text('rsa'),
  text(PLANTED.clientSignature),
  int32(0),
  int32(0),
  [1, 0, 0x44, 1, 1, ...int32(identity.length), ...identity],
  text('rsa'),
  text(PLANTED.tokenSignature),
);
const application = [...text('urn:hmi'), ...NULL_TEXT, 0, ...int32(1), ...NULL_TEXT, ...NULL_TEXT];
const createSession = request(
  461,
  [...application, ...int32(0)],
  NULL_TEXT,
  text('opc.tcp://plc:4840'),
  text('HMI'),
  text(PLANTED.clientNonce),
  NULL_TEXT,
  ZERO,
  int32(0),
);
const sessionCreated = response(
  464,
  0,
  [2, 1, 0, ...int32(5)],
  tokenNodeId,
  ZERO,
  text(PLANTED.serverNonce),
  NULL_TEXT,
  int32(0),
  int32(0),
  text('rsa'),
  text(PLANTED.clientSignature),
  int32(0),
);
const channelOpen = request(
  446,
  int32(0),
  int32(0),
  int32(1),
  text(PLANTED.channelNonce),
  int32(9),
);

interface Segment {
  readonly from: 'client' | 'server';
  readonly bytes: Bytes;
  /** Sent as if it began so many bytes before the end of what went before. */
  readonly back?: number;
  /** Sent, and never captured. */
  readonly isLost?: boolean;
}

const fromClient = (...bytes: readonly Bytes[]): Segment => ({
  from: 'client',
  bytes: bytes.flat(),
});
const fromServer = (...bytes: readonly Bytes[]): Segment => ({
  from: 'server',
  bytes: bytes.flat(),
});

const begin: readonly Segment[] = [
  fromClient(HELLO),
  fromServer(ACKNOWLEDGE),
  fromClient(open('None', 0, sequence(1, 1), channelOpen)),
  fromClient(chunk('F', 2, 2, createSession)),
  fromServer(chunk('F', 2, 2, sessionCreated)),
];
const end: readonly Segment[] = [
  fromServer(chunk('F', 3, 3, LOGGED_IN)),
  fromClient(chunk('F', 9, 4, inSession(473, [1]))),
];
const whole = chunk('F', 3, 3, login);
const at = (planted: string): number => Buffer.from(whole).indexOf(planted);
const inPassword = at(PLANTED.password) + 11;
const inBody = inPassword - 24;
const chunks = (first: string, second: string): readonly [Bytes, Bytes] => [
  chunk(first, 3, 3, login.slice(0, inBody)),
  chunk(second, 4, 3, login.slice(inBody)),
];
const [firstChunk, lastChunk] = chunks('C', 'F');
const short = [...whole.slice(0, 4), ...int32(inPassword), ...whole.slice(8)];
const first = whole.slice(0, inPassword);
const rest = whole.slice(inPassword);

// biome-ignore format: one case per line
const cases: readonly { name: string; login: readonly Segment[]; isCut?: boolean }[] = [
  { name: 'in one segment', login: [fromClient(whole)] },
  { name: 'with its neighbours in one segment', login: [fromClient(chunk('F', 3, 9, createSession), chunk('F', 4, 3, login), chunk('F', 5, 8, login))] },
  { name: 'over two segments', login: [fromClient(first), fromClient(rest)] },
  { name: 'over two chunks in one segment', login: [fromClient(firstChunk, lastChunk)] },
  { name: 'over two chunks and two segments', login: [fromClient(firstChunk), fromClient(lastChunk)] },
  { name: 'over two chunks, the cut elsewhere', login: [fromClient(firstChunk.slice(0, -7)), fromClient(firstChunk.slice(-7), lastChunk)] },
  { name: 'retransmitted whole', login: [fromClient(whole), { ...fromClient(whole), back: whole.length }] },
  { name: 'retransmitted with other borders', login: [fromClient(first), { ...fromClient(whole), back: first.length }] },
  { name: 'retransmitted halves', login: [fromClient(first), { ...fromClient(first), back: first.length }, fromClient(rest), { ...fromClient(rest), back: rest.length }] },
  { name: 'an aborted message of two chunks', login: [fromClient(firstChunk), fromClient(chunks('C', 'A')[1])] },
  { name: 'the first segment was never captured', login: [{ ...fromClient(first), isLost: true }, fromClient(rest)] },
  { name: 'the second segment was never captured', login: [fromClient(first), { ...fromClient(rest), isLost: true }] },
  { name: 'a size that ends inside the password', login: [fromClient(short)] },
  { name: 'a size that ends inside the password, over two segments', login: [fromClient(short.slice(0, 60)), fromClient(short.slice(60))] },
  { name: 'joined before the login', login: [fromClient(whole)], isCut: true },
  { name: 'joined inside the login', login: [fromClient(rest), fromClient(whole)], isCut: true },
  { name: 'under another type id', login: [fromClient(chunk('F', 3, 3, login.with(2, 468 & 0xff).with(3, 468 >> 8)))] },
  { name: 'a token of an unknown type', login: [fromClient(chunk('F', 3, 3, login.map((byte, index) => (byte === 0x44 && login[index - 2] === 1 ? 0x45 : byte))))] },
  { name: 'a length that runs past the end', login: [fromClient(whole.with(at(PLANTED.password) - 1, 0x7f))] },
];

/** Frames of one TCP connection; lost segments advance the sequence number all the same. */
function capture(segments: readonly Segment[], isCut: boolean): Uint8Array {
  const next = { client: 1000, server: 5000 };
  const parts = [encodePcapHeader({ linkType: LINKTYPE_ETHERNET, unit: 'microseconds' })];
  let count = 0;
  const send = (from: 'client' | 'server', flags: number, bytes: Bytes, back: number): void => {
    const frame = new Uint8Array(54 + bytes.length);
    const view = new DataView(frame.buffer);
    const isClient = from === 'client';
    frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45]);
    view.setUint16(16, frame.length - 14);
    const [source, target] = isClient ? [6, 20] : [20, 6];
    frame.set([64, 6, 0, 0, 10, 0, 0, source, 10, 0, 0, target], 22);
    view.setUint16(34, isClient ? 51_000 : 4840);
    view.setUint16(36, isClient ? 4840 : 51_000);
    view.setUint32(38, next[from] - back);
    view.setUint32(42, next[isClient ? 'server' : 'client']);
    frame.set([0x50, flags, 0xff, 0xff], 46);
    frame.set(bytes, 54);
    parts.push(encodePcapRecord(frame, 1_790_000_000, ++count * 1000));
  };
  if (!isCut) {
    send('client', 0x02, [], 0);
    next.client++;
    send('server', 0x12, [], 0);
    next.server++;
  }
  for (const { from, bytes, back = 0, isLost = false } of segments) {
    if (!isLost) send(from, 0x18, bytes, back);
    if (back === 0) next[from] += bytes.length;
  }
  return Buffer.concat(parts);
}

/** The planted texts as they may stand in text or bytes: plain, Base64 at any place, hexadecimal. */
const spellings = Object.entries(PLANTED).flatMap(([name, planted]) => {
  const bytes = Buffer.from(planted);
  // Without the first and last characters, which depend on what stands beside them.
  const base64 = [0, 1, 2].map((skip) => {
    return Buffer.concat([Buffer.alloc(skip), bytes])
      .toString('base64')
      .slice(4, -4);
  });
  const parts = [bytes.toString('hex'), planted.slice(0, 16), planted.slice(-16), ...base64];
  return parts.map((spelling) => ({ name, spelling }));
});

function assertNone(output: string | Uint8Array, what: string): void {
  const bytes = Buffer.from(output);
  for (const { name, spelling } of spellings) {
    assert.equal(bytes.includes(spelling), false, `${name} stands in the ${what}`);
  }
}

class MadeOutput extends ReplayOutput {
  text = '';
  override write(text: string | Uint8Array): void {
    this.text += typeof text === 'string' ? text : new TextDecoder().decode(text);
  }
}

async function replayed(path: string, options: ReplayOptions): Promise<string> {
  const output = new MadeOutput();
  let errors = '';
  const write = (words: string): void => {
    errors += words;
  };
  await replay([path], options, { output, errors: { write } });
  return output.text + errors;
}

/** The report of the same capture, with the frames that a detection keeps. */
async function reported(path: string): Promise<ReturnType<Pipeline['report']>> {
  const history = new FrameHistory();
  const digest = new SiteDigest(new Uint8Array(32).fill(7));
  const pipeline = new Pipeline({ interfaces: [], digest, evidence: history });
  await readCaptureFile(path, { interfaceIndex: 0, history }, pipeline);
  pipeline.end();
  return pipeline.report(0, 1_790_000_001_000_000, []);
}

for (const { name, login: segments, isCut = false } of cases) {
  test(`a login ${name}: nothing of it comes out`, async () => {
    const path = join(folder, `${name}.pcap`);
    const rows = isCut ? [...segments, ...end] : [...begin, ...segments, ...end];
    writeFileSync(path, capture(rows, isCut));
    assertNone(await replayed(path, { records: 'ndjson' }), 'records');
    assertNone(await replayed(path, { summary: 'json', registers: true }), 'summary');
    assertNone(await replayed(path, {}), 'text');
    const report = await reported(path);
    assertNone(JSON.stringify(report), 'report');
    for (const { detection } of report.detections) {
      for (const frame of detection.evidence.frames ?? []) assertNone(frame, 'evidence');
    }
  });
}

test('the login is seen, and its secrets are in the capture: the test can fail', async () => {
  const path = join(folder, 'in one segment.pcap');
  assert.match(await replayed(path, { records: 'ndjson' }), /"passwordIsClearText":true/);
  const report = await reported(path);
  const frames = report.detections.flatMap(({ detection }) => detection.evidence.frames ?? []);
  assert.equal(frames.length > 0, true);
  assert.throws(() => assertNone(capture([...begin, ...cases[0].login], false), 'capture'));
});
