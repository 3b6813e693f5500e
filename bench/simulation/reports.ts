/** What the capture worker would tell: small reports, a few with a detection or much to say. */

import {
  type ConversationCounts,
  type Detection,
  type IntervalReport,
  NO_TRAFFIC,
} from '../../protocols/interval-report.ts';
import type { SeededRandom } from '../seeded-random.ts';

export interface ReportFacts {
  readonly reportNumber: number;
  readonly fromUs: number;
  readonly toUs: number;
  readonly conversations: number;
  readonly observations: number;
  readonly detections: readonly Detection[];
}

export function makeReport(facts: ReportFacts, random: SeededRandom): IntervalReport {
  const { fromUs, toUs } = facts;
  return {
    reportNumber: facts.reportNumber,
    fromUs,
    toUs,
    coverage: [],
    traffic: { ...NO_TRAFFIC, frames: random.below(1000) },
    conversations: Array.from({ length: facts.conversations }, (_, at) =>
      conversation(at, random, fromUs, toUs),
    ),
    conversationsFolded: 0,
    observations: Array.from({ length: facts.observations }, (_, at) => ({
      kind: 'write' as const,
      timeUs: fromUs + at,
      serverIpAddress: '10.0.0.9',
      unitId: random.below(248),
      address: random.below(65_536),
    })),
    observationsFolded: 0,
    detections: facts.detections.map((detection) => ({ change: 'raised' as const, detection })),
    tables: [],
  };
}

/** `detectionId`: 16 hex digits. */
export function makeDetection(
  detectionId: string,
  timeUs: number,
  random: SeededRandom,
): Detection {
  const frame = Uint8Array.from({ length: 60 + random.below(400) }, () => random.below(256));
  return {
    detectionId,
    code: 'MODBUS_FUNCTION_ZERO',
    severity: 'high',
    title: 'Illegal function 0',
    techniques: [],
    firstSeenUs: timeUs,
    lastSeenUs: timeUs,
    occurrencesCount: 1,
    evidence: { records: ['0-1'], frames: [frame] },
    explanation: 'Function 0 was asked for.',
    remedy: 'Look at the client.',
  };
}

function conversation(
  at: number,
  random: SeededRandom,
  fromUs: number,
  toUs: number,
): ConversationCounts {
  const requests = random.below(100_000);
  return {
    protocol: 'modbus',
    transport: 'tcp',
    clientIpAddress: `10.0.${at >> 8}.${at & 255}`,
    serverIpAddress: '10.9.0.1',
    serverPort: 502,
    unitId: random.below(248),
    requests,
    responses: requests,
    exceptions: 0,
    unmatchedRequests: 0,
    writes: random.below(100),
    anomalies: 0,
    rttUs: { p50: 100, p95: 200, max: random.below(100_000) },
    functionCodes: [{ functionCode: 3, requests, responses: requests, exceptions: 0 }],
    bytesMissed: 0,
    firstSeenUs: fromUs,
    lastSeenUs: toUs,
    roleConfidence: 1,
  };
}
