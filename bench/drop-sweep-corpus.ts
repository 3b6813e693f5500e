/**
 * The drop sweep over the corpus: every Modbus and OPC UA capture in pieces of some hundred frames
 * (so that a drop costs the same in a long one), each frame left out in turn, or a sample of them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FrameBlock } from '../protocols/frame-block.ts';
import { type DropOutcome, type SweptCapture, sweepCapture } from './drop-sweep.ts';
import { frameNumbersOf, holdFrames, keepFrames } from './held-frames.ts';
import { SeededRandom } from './seeded-random.ts';

export interface SweepReport {
  readonly capturesCount: number;
  dropsCount: number;
  /** How the loss showed. */
  readonly told: Record<DropOutcome['told'], number>;
  /** Messages missing beyond those of the dropped frame: at most so many for one drop. */
  beyondMax: number;
  /** Drops that cost more than their own messages, and that BEYOND_CAUSES doesn't explain. */
  unexplainedCount: number;
  /** `path frame: messages: cause`, one a drop. */
  readonly beyond: string[];
  readonly untold: string[];
  readonly invented: string[];
}

/** Fuzzed sequence numbers: what a hole is, each reader decides for itself. */
const WITHOUT_TRUTH = ['zeek__zeek/testing/btest/Traces/modbus/fuzz-72.pcap'];
const PIECE_FRAMES = 300;

const LIES_ABOUT_LENGTH =
  'behind the lost frame stands a header that is three bytes too short: after a loss only a segment ' +
  'of whole messages is believed, so that it counts as bytes missed';

/** Why a message beyond those of the dropped frame is missing. */
// biome-ignore format: one drop per line
export const BEYOND_CAUSES: readonly { readonly path: string; readonly frame: number; readonly cause: string }[] = [
  { path: 'arkime__arkime/tests/pcap/modbus.pcap', frame: 109, cause: LIES_ABOUT_LENGTH },
  { path: 'digitalbond__Quickdraw-Snort/modbus_test_data_part1.pcap', frame: 109, cause: LIES_ABOUT_LENGTH },
];

interface Piece {
  readonly path: string;
  readonly frames: readonly number[];
}

/** `dropsMax` drops chosen by `seed`, or all of them. */
export function sweepCorpus(
  folder: string,
  sample: { readonly dropsMax: number; readonly seed: number } | 'all',
  say: (text: string) => void = () => {},
): SweepReport {
  const paths = capturesOf(folder);
  const pieces = paths.flatMap((path) => piecesOf(path, blocksOf(folder, path)));
  const report = emptyReport(paths.length);
  const chosen = sample === 'all' ? pieces : choose(pieces, sample.dropsMax, sample.seed);
  let path = '';
  let blocks: readonly FrameBlock[] = [];
  for (const piece of chosen) {
    if (piece.path !== path) {
      path = piece.path;
      say(`${report.dropsCount} drops, ${path}`);
      blocks = blocksOf(folder, path);
    }
    const kept = new Set(pieceAround(pieces, piece));
    const swept = sweepCapture(keepFrames(blocks, (frame) => kept.has(frame)));
    for (const frame of piece.frames) note(report, path, swept, frame);
  }
  return report;
}

function note(report: SweepReport, path: string, swept: SweptCapture, frame: number): void {
  const outcome = swept.drop(frame);
  const place = `${path} ${frame}`;
  report.dropsCount += 1;
  report.told[outcome.told] += 1;
  report.beyondMax = Math.max(report.beyondMax, outcome.beyond.length);
  if (outcome.beyond.length > 0) {
    const known = BEYOND_CAUSES.find((each) => each.path === path && each.frame === frame);
    if (known === undefined) report.unexplainedCount += 1;
    report.beyond.push(`${place}: ${outcome.beyond.join(', ')}: ${known?.cause ?? 'unexplained'}`);
  }
  if (outcome.invented.length > 0) report.invented.push(`${place}: ${outcome.invented.join(', ')}`);
  if (outcome.told === 'no') report.untold.push(`${place}: ${outcome.ownMissing.join(', ')}`);
}

/** All frames of the piece that a sampled one was taken from. */
function pieceAround(pieces: readonly Piece[], sampled: Piece): readonly number[] {
  const [first] = sampled.frames;
  const whole = pieces.find(({ path, frames }) => path === sampled.path && frames.includes(first));
  return whole?.frames ?? sampled.frames;
}

function choose(pieces: readonly Piece[], dropsMax: number, seed: number): Piece[] {
  const random = new SeededRandom(seed);
  const total = pieces.reduce((sum, { frames }) => sum + frames.length, 0);
  const share = Math.min(1, dropsMax / total);
  return pieces
    .map(({ path, frames }) => ({ path, frames: frames.filter(() => random.fraction() < share) }))
    .filter(({ frames }) => frames.length > 0);
}

function piecesOf(path: string, blocks: readonly FrameBlock[]): Piece[] {
  const numbers = frameNumbersOf(blocks);
  const pieces: Piece[] = [];
  for (let at = 0; at < numbers.length; at += PIECE_FRAMES) {
    pieces.push({ path, frames: numbers.slice(at, at + PIECE_FRAMES) });
  }
  return pieces;
}

function blocksOf(folder: string, path: string): FrameBlock[] {
  return holdFrames(readFileSync(join(folder, 'captures', path)));
}

function capturesOf(folder: string): string[] {
  const [head, ...rows] = readFileSync(join(folder, 'MANIFEST.tsv'), 'utf8').trim().split('\n');
  const names = head.split('\t');
  return rows
    .map((row) => row.split('\t'))
    .filter((cells) => ['modbus', 'opcua'].includes(cells[names.indexOf('kind')]))
    .map((cells) => cells[names.indexOf('path')])
    .filter((path) => !WITHOUT_TRUTH.includes(path));
}

function emptyReport(capturesCount: number): SweepReport {
  return {
    capturesCount,
    dropsCount: 0,
    told: {
      nothingMissing: 0,
      bytesMissed: 0,
      oneSided: 0,
      unmatched: 0,
      malformed: 0,
      atEdge: 0,
      no: 0,
    },
    beyondMax: 0,
    unexplainedCount: 0,
    beyond: [],
    untold: [],
    invented: [],
  };
}
