/** Capture files on disk, in a pipe and in the corpus: what is delivered, and the fault's words. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { corpusFolder, testNeeding } from '../../hil-tests/needs.ts';
import { FRAME_NUMBER, type FrameBlock } from '../../protocols/frame-block.ts';
import { encodePcapHeader, encodePcapRecord } from '../../protocols/pcap/pcap-write.ts';
import { type CaptureFileOptions, readCaptureFile } from './file-source.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldtap-file-source-'));
after(() => rmSync(folder, { recursive: true }));

const header = encodePcapHeader({ linkType: 1, unit: 'microseconds' });
const record = encodePcapRecord(new Uint8Array(60), 1_790_000_000, 0);
const capture = Buffer.concat([header, ...Array.from({ length: 3000 }, () => record)]);

function file(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

async function read(path: string, options: Partial<CaptureFileOptions> = {}) {
  const blocks: { framesCount: number; firstNumber: number; historyAddress: number }[] = [];
  const sink = {
    block: ({ framesCount, index, historyAddress }: FrameBlock) =>
      blocks.push({ framesCount, firstNumber: index[FRAME_NUMBER], historyAddress }),
  };
  const result = await readCaptureFile(path, { interfaceIndex: 0, ...options }, sink);
  const framesDelivered = blocks.reduce((sum, { framesCount }) => sum + framesCount, 0);
  return { ...result, blocks, framesDelivered };
}

// biome-ignore format: one case per line
const faults = [
  { name: 'no such file', path: () => join(folder, 'none.pcap'), code: 'CAPTURE_FILE_MISSING', words: /none\.pcap" does not exist\. Check the path; "-" reads/, frames: 0 },
  { name: 'a folder', path: () => { mkdirSync(join(folder, 'sub')); return join(folder, 'sub'); }, code: 'CAPTURE_FILE_NOT_CAPTURE', words: /sub" is a folder\. Name the capture files/, frames: 0 },
  { name: 'an empty file', path: () => file('empty.pcap', ''), code: 'CAPTURE_FILE_NOT_CAPTURE', words: /empty\.pcap" is empty: .* Record it again/, frames: 0 },
  { name: 'text', path: () => file('notes.txt', 'hello'), code: 'CAPTURE_FILE_NOT_CAPTURE', words: /notes\.txt" is no pcap or pcapng capture: it begins with 0x68656c6c\. Give a file/, frames: 0 },
  { name: 'zstd', path: () => file('x.pcap.zst', Buffer.from('28b52ffd', 'hex')), code: 'CAPTURE_FILE_COMPRESSED', words: /is compressed with zstd\. Decompress it first: zstd -dc/, frames: 0 },
  { name: 'gzip that ends in its header', path: () => file('x.pcap.gz', Buffer.from('1f8b0800', 'hex')), code: 'CAPTURE_FILE_DAMAGED', words: /gzip compression can't be read on \(unexpected end of file\)\. 0 frames were read/, frames: 0 },
  { name: 'gzip of text', path: () => file('notes.gz', gzipSync('hello')), code: 'CAPTURE_FILE_NOT_CAPTURE', words: /no pcap or pcapng capture: it begins with 0x68656c6c/, frames: 0 },
  { name: 'gzip in gzip', path: () => file('twice.gz', gzipSync(gzipSync(capture))), code: 'CAPTURE_FILE_COMPRESSED', words: /compressed with gzip/, frames: 0 },
  { name: 'a foreign link type', path: () => file('radio.pcap', encodePcapHeader({ linkType: 127, unit: 'nanoseconds' })), code: 'CAPTURE_FILE_LINK_TYPE_UNSUPPORTED', words: /has the link type 127 \(IEEE802_11_RADIOTAP\), and no frame was read\. Capture on/, frames: 0 },
  { name: 'a link type without a name', path: () => file('odd.pcap', encodePcapHeader({ linkType: 9999, unit: 'nanoseconds' })), code: 'CAPTURE_FILE_LINK_TYPE_UNSUPPORTED', words: /has the link type 9999, and/, frames: 0 },
  { name: 'half a last record', path: () => file('cut.pcap', capture.subarray(0, -1)), code: 'CAPTURE_FILE_DAMAGED', words: /cut\.pcap" is damaged at byte 227948: frame 3000 is cut off 75 bytes after its beginning\. 2999 frames were read/, frames: 2999 },
] as const;

for (const { name, path, code, words, frames } of faults) {
  test(`capture file: ${name}`, async () => {
    const { fault, framesCount, framesDelivered } = await read(path());
    assert.equal(fault?.code, code);
    assert.match(fault?.message ?? '', words);
    assert.equal(framesCount, frames);
    assert.equal(framesDelivered, frames);
  });
}

test('gzip of a whole file, in one member or two, and cut: every frame that is there', async () => {
  const compressed = gzipSync(capture);
  const halves = [capture.subarray(0, 1000), capture.subarray(1000)].map((half) => gzipSync(half));
  for (const bytes of [compressed, Buffer.concat(halves)]) {
    const { framesCount, framesDelivered, fault } = await read(file('whole.pcap.gz', bytes));
    assert.deepEqual([framesCount, framesDelivered, fault], [3000, 3000, undefined]);
  }
  const cut = await read(file('cut.pcap.gz', compressed.subarray(0, compressed.length / 2)));
  assert.equal(cut.fault?.code, 'CAPTURE_FILE_DAMAGED');
  assert.ok(cut.framesDelivered > 500 && cut.framesDelivered < 3000);
});

test('a whole file: every frame once, numbered from 1, no fault', async () => {
  const progress: (number | undefined)[][] = [];
  const path = file('whole.pcap', capture);
  const result = await read(path, { onProgress: (...values) => progress.push(values) });
  assert.equal(result.fault, undefined);
  assert.deepEqual(
    [result.framesCount, result.framesDelivered, result.bytesCount],
    [3000, 3000, 180_000],
  );
  assert.equal(result.blocks[0].firstNumber, 1);
  assert.equal(result.blocks[1].firstNumber, 1 + result.blocks[0].framesCount);
  assert.deepEqual(progress.at(-1), [capture.length, capture.length]);
  assert.ok(result.blocks.every(({ historyAddress }) => historyAddress === -1));
});

test('a header alone is an empty capture, not a fault', async () => {
  const result = await read(file('header.pcap', header));
  assert.deepEqual([result.fault, result.framesCount], [undefined, 0]);
});

test('blocks are kept in the history, and their addresses go on', async () => {
  let bytesKept = 0;
  const history = {
    append(bytes: Uint8Array): number {
      const address = bytesKept;
      bytesKept += bytes.length;
      return address;
    },
  };
  const { blocks } = await read(file('history.pcap', capture), { history });
  assert.equal(bytesKept, capture.length - header.length);
  assert.equal(blocks[0].historyAddress, 0);
  assert.equal(blocks[1].historyAddress, blocks[0].framesCount * record.length);
});

test('a stop between two chunks delivers what was read, without a fault', async () => {
  const controller = new AbortController();
  const large = Buffer.concat([header, ...Array.from({ length: 40_000 }, () => record)]);
  const result = await read(file('large.pcap', large), {
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  assert.equal(result.fault, undefined);
  assert.ok(result.framesCount > 0 && result.framesCount < 40_000);
});

testNeeding([{ kind: 'privilege', capability: 'root' }], 'an unreadable file', async () => {
  const path = file('secret.pcap', capture);
  chmodSync(path, 0o600);
  const script = `
    const { readCaptureFile } = await import(${JSON.stringify(join(import.meta.dirname, 'file-source.ts'))});
    process.setegid(65534); process.seteuid(65534);
    const { fault } = await readCaptureFile(${JSON.stringify(path)}, { interfaceIndex: 0 }, { block() {} });
    console.log(fault.code);`;
  chmodSync(folder, 0o755);
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script]);
  assert.equal(output.toString(), 'CAPTURE_FILE_UNREADABLE\n');
});

const PIPE_SCRIPT = `
  const { readCaptureFile } = await import(${JSON.stringify(join(import.meta.dirname, 'file-source.ts'))});
  let frames = 0;
  const result = await readCaptureFile('-', { interfaceIndex: 0 }, { block(block) { frames += block.framesCount; } });
  console.log(frames, result.framesCount, result.fault?.code);`;

// biome-ignore format: one case per line
const inputs = [
  { name: 'whole', input: capture, expect: '3000 3000 undefined\n' },
  { name: 'cut', input: capture.subarray(0, -1), expect: '2999 2999 CAPTURE_FILE_DAMAGED\n' },
  { name: 'empty', input: Buffer.alloc(0), expect: '0 0 CAPTURE_FILE_NOT_CAPTURE\n' },
  { name: 'not a capture, and more than a pipe holds', input: Buffer.alloc(1_000_000, 'x'), expect: '0 0 CAPTURE_FILE_NOT_CAPTURE\n' },
];

for (const { name, input, expect } of inputs) {
  test(`standard input: ${name}`, () => {
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', PIPE_SCRIPT], {
      input,
    });
    assert.equal(child.stdout.toString(), expect, child.stderr.toString());
  });
}

/** Files of the corpus that we don't read to their end, with the reason. */
const CORPUS_FAULTS: Readonly<Record<string, { code: string; framesCount: number }>> = {
  'zeek__zeek/testing/btest/Traces/nflog-http.pcap': linkType(),
  'secdev__scapy/test/pcaps/bad_rsn_parsing_overrides_ssid.pcap': linkType(),
  // The second of three sections has the version 2.0; tshark stops there, the manifest counts it.
  'google__gopacket/pcapgo/tests/be/test901.pcapng': {
    code: 'CAPTURE_FILE_DAMAGED',
    framesCount: 2,
  },
  'google__gopacket/pcapgo/tests/le/test901.pcapng': {
    code: 'CAPTURE_FILE_DAMAGED',
    framesCount: 2,
  },
};

testNeeding(
  [{ kind: 'corpus' }],
  'every file of the corpus has the frames of its manifest',
  async () => {
    const manifest = readFileSync(join(corpusFolder ?? '', 'MANIFEST.tsv'), 'utf8')
      .trim()
      .split('\n');
    const wrong: string[] = [];
    for (const line of manifest.slice(1)) {
      const [path, , , packets] = line.split('\t');
      const whole = { code: undefined, framesCount: Number(packets) };
      const expected = CORPUS_FAULTS[path] ?? whole;
      const { fault, framesCount, framesDelivered } = await read(
        join(corpusFolder ?? '', 'captures', path),
      );
      const isRight = framesCount === expected.framesCount && framesDelivered === framesCount;
      if (!isRight || fault?.code !== expected.code) {
        wrong.push(`${path}: ${framesCount} of ${packets} frames, ${fault?.message ?? 'no fault'}`);
      }
    }
    assert.deepEqual(wrong, []);
    assert.ok(manifest.length > 200);
  },
);

function linkType() {
  return { code: 'CAPTURE_FILE_LINK_TYPE_UNSUPPORTED', framesCount: 0 };
}
