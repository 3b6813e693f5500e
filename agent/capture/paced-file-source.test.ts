/** A capture played as an interface: its own pace, stamps of now, rounds of new connections. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  FRAME_CAPTURED_BYTES,
  FRAME_NANOSECONDS,
  FRAME_OFFSET,
  FRAME_SECONDS,
  FRAME_WORDS,
  type FrameBlock,
} from '../../protocols/frame-block.ts';
import { encodePcapHeader, encodePcapRecord } from '../../protocols/pcap/pcap-write.ts';
import { ManualClock } from '../platform/clock.ts';
import { PacedFileSource } from './paced-file-source.ts';

const folder = mkdtempSync(join(tmpdir(), 'fieldtap-paced-'));
after(() => rmSync(folder, { recursive: true }));

const RECORDED_SECONDS = 1_000_000_000;
const TURN_MS = 50;
const PAUSE_MS = 1000;
const ROUND_STEP = 0x1000_0000;
const HEADER = encodePcapHeader({ linkType: 1, unit: 'microseconds' });

/** Ethernet, IPv4, TCP from port 40000 to 502 with this sequence number and acknowledgment. */
function segment(sequence: number, acknowledgment: number): Uint8Array {
  const hex =
    `020000000001 020000000002 0800 4500002800000000400600000a0000010a000002 9c4001f6` +
    `${hex32(sequence)}${hex32(acknowledgment)}50${acknowledgment === 0 ? '02' : '10'}ffff00000000`;
  return Buffer.from(hex.replaceAll(' ', ''), 'hex');
}

const SEGMENT_BYTES = 54;

/** Frames at 0, 100 ms and 2.5 s. */
const frames = [segment(1000, 0), segment(0xffff_fff0, 77), Buffer.alloc(60, 0xff)];
const atMs = [0, 100, 2500];
const LAST_MS = 2500;

interface Played {
  readonly clock: ManualClock;
  readonly source: PacedFileSource;
  /** Hex of the frames that came, and the wall clock of their stamps relative to the start. */
  readonly got: { readonly hex: string; readonly stampMs: number }[];
}

async function play(bytes: Uint8Array): Promise<Played> {
  const path = join(folder, 'played.pcap');
  writeFileSync(path, bytes);
  const clock = new ManualClock();
  const startedMs = clock.wallMs();
  const source = new PacedFileSource(path, clock);
  const got: { hex: string; stampMs: number }[] = [];
  await source.start({
    block({ bytes: held, index, framesCount, monotonicMs }: FrameBlock) {
      assert.equal(monotonicMs, clock.monotonicMs());
      for (let word = 0; word < framesCount * FRAME_WORDS; word += FRAME_WORDS) {
        const offset = index[word + FRAME_OFFSET];
        const frame = held.subarray(offset, offset + index[word + FRAME_CAPTURED_BYTES]);
        const stampMs = index[word + FRAME_SECONDS] * 1000 + index[word + FRAME_NANOSECONDS] / 1e6;
        const hex = Buffer.from(frame).toString('hex');
        got.push({ hex, stampMs: Math.round(stampMs - startedMs) });
      }
    },
  });
  return { clock, source, got };
}

const capture = Buffer.concat([
  HEADER,
  ...frames.map((frame, index) => {
    const ms = atMs[index];
    const seconds = RECORDED_SECONDS + Math.floor(ms / 1000);
    return encodePcapRecord(frame, seconds, (ms % 1000) * 1000);
  }),
]);

test('frames come when their time has come, stamped with it', async () => {
  const { clock, got } = await play(capture);
  assert.equal(got.length, 0);
  clock.advance(TURN_MS);
  assert.deepEqual(got.map(stampOf), [0]);
  clock.advance(2 * TURN_MS);
  assert.deepEqual(got.map(stampOf), [0, 100]);
  clock.advance(LAST_MS - 4 * TURN_MS);
  assert.equal(got.length, 2);
  clock.advance(2 * TURN_MS);
  assert.deepEqual(got.map(stampOf), atMs);
  assert.deepEqual(
    got.map(({ hex }) => hex),
    frames.map((frame) => Buffer.from(frame).toString('hex')),
  );
});

test('the next round begins after a pause, with connections of its own', async () => {
  const { clock, got } = await play(capture);
  clock.advance(LAST_MS + PAUSE_MS);
  assert.equal(got.length, 3);
  clock.advance(2 * TURN_MS + LAST_MS);
  assert.equal(got.length, 6);
  const [first, second, third] = got.slice(3);
  assert.ok(first.stampMs > LAST_MS + PAUSE_MS && first.stampMs <= LAST_MS + PAUSE_MS + TURN_MS);
  assert.equal(third.stampMs - first.stampMs, LAST_MS);
  // The SYN acknowledges nothing; numbers wrap round; what is no TCP stays as it was.
  assert.equal(first.hex, hexOf(segment(1000 + ROUND_STEP, 0)));
  assert.equal(second.hex, hexOf(segment(ROUND_STEP - 16, 77 + ROUND_STEP)));
  assert.equal(third.hex, hexOf(frames[2]));
});

test('statistics count what was played; after stop nothing comes', async () => {
  const { clock, source, got } = await play(capture);
  clock.advance(200);
  const { coveredMs, ...counts } = source.statistics();
  assert.equal(coveredMs, 200);
  assert.deepEqual(counts, {
    framesSeen: 2,
    framesDropped: 0,
    framesTruncated: 0,
    bytesSeen: 2 * SEGMENT_BYTES,
    linkUp: true,
  });
  source.stop();
  clock.advance(60_000);
  assert.equal(got.length, 2);
});

test('a capture without frames, and one that is none, are faults', async () => {
  await assert.rejects(play(HEADER), { code: 'CAPTURE_FILE_EMPTY' });
  await assert.rejects(play(Buffer.from('no capture')), { code: 'CAPTURE_FILE_NOT_CAPTURE' });
});

test('a damaged capture is played as far as it goes', async () => {
  const { clock, got } = await play(capture.subarray(0, -1));
  clock.advance(200);
  assert.equal(got.length, 2);
});

function stampOf({ stampMs }: { readonly stampMs: number }): number {
  return stampMs;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0');
}
