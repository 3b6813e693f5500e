/** Frames found again by their addresses: in files of both kinds, in a pipe, and when they're gone. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  FRAME_CAPTURED_BYTES,
  FRAME_OFFSET,
  FRAME_WORDS,
  type FrameBlock,
} from '../../protocols/frame-block.ts';
import { encodePcapHeader, encodePcapRecord } from '../../protocols/pcap/pcap-write.ts';
import { readCaptureFile } from './file-source.ts';
import { CaptureFileEvidence } from './file-source-evidence.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldtap-evidence-'));
after(() => rmSync(folder, { recursive: true }));

const FRAMES = 20_000;
const frames = Array.from({ length: FRAMES }, (_, index) => {
  const frame = Buffer.alloc(60 + (index % 40), index);
  frame.writeUInt32BE(index);
  return frame;
});
const pcap = join(folder, 'frames.pcap');
const header = encodePcapHeader({ linkType: 1, unit: 'nanoseconds' });
writeFileSync(
  pcap,
  Buffer.concat([header, ...frames.map((frame) => encodePcapRecord(frame, 1, 0))]),
);
const pcapng = join(folder, 'frames.pcapng');
writeFileSync(pcapng, Buffer.concat([section(), ...frames.map(enhancedPacket)]));

for (const path of [pcap, pcapng]) {
  test(`every frame of ${path.slice(folder.length + 1)} is found, after the file was read`, async () => {
    const evidence = new CaptureFileEvidence();
    const places = await placesOf(path, evidence);
    assert.equal(places.length, FRAMES);
    for (let index = 0; index < FRAMES; index += 97) {
      const { address, length } = places[index];
      assert.deepEqual(Buffer.from(evidence.copy(address, length) ?? []), frames[index]);
    }
    evidence.close();
    assert.equal(evidence.copy(places[0].address, 60), undefined);
  });
}

test('frames of the file before are gone, and never taken for those of this one', async () => {
  const evidence = new CaptureFileEvidence();
  const before = await placesOf(pcap, evidence);
  const now = await placesOf(pcapng, evidence);
  assert.equal(evidence.copy(before[5].address, 60), undefined);
  assert.deepEqual(Buffer.from(evidence.copy(now[0].address, 60) ?? []), frames[0]);
  evidence.close();
});

test('what no frame can have is refused: other addresses, other lengths, a file cut meanwhile', async () => {
  const path = join(folder, 'cut.pcap');
  writeFileSync(path, Buffer.concat([header, encodePcapRecord(frames[0], 1, 0)]));
  const evidence = new CaptureFileEvidence();
  const [{ address }] = await placesOf(path, evidence);
  // biome-ignore format: one case per line
  const wrong = [[-1, 60], [address, -1], [address, 262_145], [Number.NaN, 60], [address, Number.NaN], [2 ** 50, 1], [address + 1, 60]];
  for (const [place, length] of wrong) assert.equal(evidence.copy(place, length), undefined);
  assert.equal(evidence.copy(address, 60)?.length, 60);
  truncateSync(path, 50);
  assert.equal(evidence.copy(address, 60), undefined);
  evidence.close();
});

test('frames of a pipe are found in the ring', () => {
  const script = `
    const { readCaptureFile } = await import(${pathOf('file-source.ts')});
    const { CaptureFileEvidence } = await import(${pathOf('file-source-evidence.ts')});
    const evidence = new CaptureFileEvidence();
    let last;
    await readCaptureFile('-', { interfaceIndex: 0, evidence }, { block({ index, framesCount, historyAddress }) {
      const word = (framesCount - 1) * ${FRAME_WORDS};
      last = { address: historyAddress + index[word], length: index[word + 1] };
    } });
    console.log(Buffer.from(evidence.copy(last.address, last.length)).toString('hex'));`;
  const words = ['--input-type=module', '-e', script];
  const input = Buffer.concat([
    header,
    encodePcapRecord(frames[0], 1, 0),
    encodePcapRecord(frames[7], 1, 0),
  ]);
  const output = execFileSync(process.execPath, words, { input });
  assert.equal(output.toString().trim(), frames[7].toString('hex'));
});

/** As a string of JavaScript. */
function pathOf(file: string): string {
  return JSON.stringify(join(import.meta.dirname, file));
}

async function placesOf(path: string, evidence: CaptureFileEvidence) {
  const places: { address: number; length: number }[] = [];
  const sink = {
    block({ index, framesCount, historyAddress }: FrameBlock): void {
      for (let word = 0; word < framesCount * FRAME_WORDS; word += FRAME_WORDS) {
        const address = historyAddress + index[word + FRAME_OFFSET];
        places.push({ address, length: index[word + FRAME_CAPTURED_BYTES] });
      }
    },
  };
  const { fault } = await readCaptureFile(path, { interfaceIndex: 0, evidence }, sink);
  assert.equal(fault, undefined);
  return places;
}

/** A section header and one Ethernet interface, little-endian. */
function section(): Buffer {
  const blocks = '0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000';
  return Buffer.from(`${blocks}0100000014000000010000000000000014000000`, 'hex');
}

function enhancedPacket(frame: Buffer): Buffer {
  const padded = (frame.length + 3) & ~3;
  const block = Buffer.alloc(32 + padded);
  block.writeUInt32LE(6, 0);
  block.writeUInt32LE(block.length, 4);
  block.writeUInt32LE(frame.length, 20);
  block.writeUInt32LE(frame.length, 24);
  frame.copy(block, 28);
  block.writeUInt32LE(block.length, 28 + padded);
  return block;
}
