/** What the tests of buffer and uplink share: buffers that clean up, and reports. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Database } from 'better-sqlite3';
import { ManualClock } from '../agent/platform/clock.ts';
import { SeededRandom } from '../agent/platform/random.ts';
import { type Detection, type IntervalReport, NO_TRAFFIC } from '../protocols/interval-report.ts';
import type { Receipt, Stream } from '../protocols/uplink/messages.ts';
import { migrate } from './migrations.ts';
import type { ChainPosition, ChainSigner } from './outbox.ts';
import { SiteBuffer, type SiteBufferOptions } from './site-buffer.ts';

export const signer: ChainSigner = {
  agentId: 'a'.repeat(26),
  epochBegins: (position, facts) =>
    text({ ...shown(position), ...facts, lastSha256: hex(facts.lastSha256) }),
};

/** As the agent's: it also signs what was evicted and what was lost. */
export const fullSigner: ChainSigner = {
  ...signer,
  tombstone: (position, facts) =>
    text({ ...shown(position), ...facts, kind: 'tombstone', lastSha256: hex(facts.lastSha256) }),
  statement: (position, facts) => text({ ...shown(position), ...facts, kind: 'statement' }),
};

/** Memory where there is some: what a crash leaves is shown by kill.slow.test.ts, on a disk. */
export function fastFolder(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
}

/** Buffers in a folder of their own, which goes when the file's tests have run. */
export class TestBuffers {
  readonly clock = new ManualClock();
  readonly folder = mkdtempSync(join(fastFolder(), 'fieldtap-buffer-'));
  #made = 0;

  constructor() {
    after(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  newPath(): string {
    return join(this.folder, `b${++this.#made}.db`);
  }

  /** A file as an earlier version has left it, without rows. */
  migrateTo(database: Database, schema: number): void {
    migrate(database, 'test', schema);
  }

  open(path: string, quotaMiB = 16, more: Partial<SiteBufferOptions> = {}): SiteBuffer {
    const random = new SeededRandom(++this.#made);
    return SiteBuffer.open({ path, quotaMiB, clock: this.clock, random, ...more });
  }

  opened(path: string, quotaMiB?: number, more: Partial<SiteBufferOptions> = {}): SiteBuffer {
    const buffer = this.open(path, quotaMiB, more);
    assert.equal(buffer.signAs(signer).kind, 'recorded');
    return buffer;
  }

  /** With a signer that knows tombstones and statements. */
  openedFull(path: string, quotaMiB?: number, more: Partial<SiteBufferOptions> = {}): SiteBuffer {
    const buffer = this.open(path, quotaMiB, more);
    assert.equal(buffer.signAs(fullSigner).kind, 'recorded');
    return buffer;
  }
}

export const text = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
export const hex = (bytes: Uint8Array | undefined): string =>
  Buffer.from(bytes ?? []).toString('hex');
export const shown = (position: ChainPosition): object => ({
  ...position,
  previousSha256: hex(position.previousSha256),
});
export const sha = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

export function append(
  buffer: SiteBuffer,
  stream: Stream,
  padding = 0,
): { sequence: number; epoch: number } {
  const result = buffer.append(stream, (position) =>
    text({ ...shown(position), padding: 'x'.repeat(padding) }),
  );
  if (result.kind !== 'appended') throw result.fault;
  return result;
}

export interface Read {
  id: number;
  epoch: number;
  sequence: number;
  message: Uint8Array;
  value: {
    sequence: number;
    previousSha256: string;
    reason?: string;
    previousEpoch?: number;
    lastSequence?: number;
    lastSha256?: string;
    kind?: 'tombstone' | 'statement';
    epochOf?: number;
    streamOf?: number;
    from?: number;
    to?: number;
    messages?: number;
    count?: number;
    text?: string;
  };
}

export function readAll(buffer: SiteBuffer, stream: Stream): Read[] {
  return buffer.pending(stream, 0, 10_000).map(({ id, epoch, sequence }) => {
    const read = buffer.read(id);
    assert.equal(read.kind, 'message');
    assert.ok(read.kind === 'message');
    return {
      id,
      epoch,
      sequence,
      message: read.message,
      value: JSON.parse(Buffer.from(read.message).toString()),
    };
  });
}

export function receipt(over: Partial<Receipt>): Receipt {
  return {
    kind: 'receipt',
    agentId: signer.agentId,
    epoch: 0,
    stream: 2,
    cumulative: 0,
    cumulativeSha256: new Uint8Array(32),
    have: [],
    refused: [],
    receiptSerial: 1,
    hubEpoch: 7,
    hubTimeMs: 1,
    ...over,
  };
}

export function report(
  observations: number,
  detections: IntervalReport['detections'] = [],
): IntervalReport {
  return {
    reportNumber: 1,
    fromUs: 1_000_000,
    toUs: 2_000_000,
    coverage: [],
    conversations: [],
    conversationsFolded: 0,
    observationsFolded: 0,
    tables: [],
    detections,
    traffic: NO_TRAFFIC,
    observations: Array.from({ length: observations }, (_, index) => ({
      kind: 'write' as const,
      timeUs: index,
      serverIpAddress: '10.0.0.9',
      unitId: 3,
      address: index,
    })),
  };
}

export function detection(over: Partial<Detection>): Detection {
  return {
    detectionId: '0123456789abcdef',
    code: 'MODBUS_FUNCTION_ZERO',
    severity: 'high',
    title: 'Illegal function 0',
    techniques: [],
    firstSeenUs: 1,
    lastSeenUs: 1,
    occurrencesCount: 1,
    evidence: { records: ['0-1'], frames: [Uint8Array.of(1, 2, 3), Uint8Array.of()] },
    explanation: 'e',
    remedy: 'r',
    ...over,
  };
}
