/**
 * What `replay --records ndjson` would print of a capture, as objects: the whole pipeline on frames
 * held in memory, for tests that compare records with those of other decoders.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { RecordWriter } from '../agent/observe/record-writer.ts';
import { Pipeline, type PipelineTotals } from '../agent/pipeline.ts';
import { SiteDigest } from '../agent/platform/digest.ts';
import type { FrameBlock } from '../protocols/frame-block.ts';
import { holdFrames } from './held-frames.ts';

/** One line of records; fields are looked at by name, as every reader of NDJSON would. */
export type RecordObject = Readonly<Record<string, unknown>>;

export interface CollectedRecords {
  readonly records: readonly RecordObject[];
  readonly totals: PipelineTotals;
}

export interface CollectOptions {
  readonly modbusPorts?: readonly number[];
  readonly flowsMax?: number;
}

const SITE_KEY = new Uint8Array(32).fill(7);
const FLOWS_MAX = 1024;

export function collectFile(path: string, options: CollectOptions = {}): CollectedRecords {
  return collectRecords(holdFrames(readFileSync(path)), options);
}

export function collectRecords(
  blocks: readonly FrameBlock[],
  options: CollectOptions = {},
): CollectedRecords {
  const pieces: string[] = [];
  const digest = new SiteDigest(SITE_KEY);
  const sha1Base64 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('base64');
  const write = (lines: Uint8Array): void => {
    pieces.push(new TextDecoder().decode(lines));
  };
  const records = new RecordWriter({ interfaces: [], digest, sha1Base64, write });
  const pipeline = new Pipeline({
    interfaces: [],
    digest,
    records,
    flowsMax: FLOWS_MAX,
    ...options,
  });
  for (const block of blocks) pipeline.block(block);
  pipeline.end();
  return { records: parseLines(pieces.join('')), totals: pipeline.totals() };
}

function parseLines(text: string): RecordObject[] {
  const lines = text.split('\n');
  lines.pop();
  return lines.map((line): RecordObject => JSON.parse(line));
}
