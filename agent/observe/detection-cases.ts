/**
 * The life of detections: storm folding (DETECTIONS.md guard F). One case per (code, client,
 * server, unitId or channel) and hour; what happens again within the hour raises counts only.
 */
import type { Digest } from '../../protocols/decoded.ts';
import type { FlowFacts } from '../../protocols/flow.ts';
import {
  DETECTIONS_PER_REPORT_MAX,
  type Detection,
  type DetectionChange,
  type DetectionEvidence,
} from '../../protocols/interval-report.ts';
import type { Finding } from './detections/detection-rule.ts';

/** Cases kept. When full, the one that was silent longest makes room. */
export const DETECTION_CASES_MAX = 1024;
/** A case is told again at most so often. */
export const REPEAT_US = 3_600_000_000;
/** Frames of cases that no report has taken yet; further cases keep their hash only. */
export const EVIDENCE_HELD_BYTES_MAX = 4 * 1024 * 1024;
const DETECTION_ID_DIGITS = 16;

export interface CaseContext {
  readonly flow: FlowFacts;
  readonly unitId?: number;
  /** What stays the same when a client opens its secure channel anew: policy and mode. */
  readonly channel?: string;
  readonly timeUs: number;
}

interface Case {
  detection: Detection;
  /** Capture time at which it was last told. */
  toldUs: number;
  pending: DetectionChange['change'] | undefined;
}

export class DetectionCases {
  readonly #digest: Digest;
  readonly #cases = new Map<string, Case>();
  evictedCount = 0;
  #framesBytesHeld = 0;
  #isNewWaiting = false;

  constructor(digest: Digest) {
    this.#digest = digest;
  }

  get used(): number {
    return this.#cases.size;
  }

  /** A case that no report has told yet. */
  get isNewWaiting(): boolean {
    return this.#isNewWaiting;
  }

  /** `evidence` is asked only for the first hit of a case: frames are copied at once or never. */
  observe(finding: Finding, context: CaseContext, evidence: () => DetectionEvidence): void {
    const { flow, timeUs } = context;
    const { code } = finding.rule;
    const where = context.unitId ?? context.channel ?? '';
    const key = `${code}|${flow.client.ipAddress}|${flow.server.ipAddress}|${where}`;
    const known = this.#cases.get(key);
    if (known === undefined) {
      this.#makeRoom();
      const kept = this.#holdFrames(evidence());
      const detection = this.#describe(finding, context, key, kept);
      this.#cases.set(key, { detection, toldUs: timeUs, pending: 'raised' });
      this.#isNewWaiting = true;
      return;
    }
    known.detection = {
      ...known.detection,
      lastSeenUs: Math.max(known.detection.lastSeenUs, timeUs),
      occurrencesCount: known.detection.occurrencesCount + 1,
    };
    // The map keeps the order of use, so that the first entry is the one silent longest.
    this.#cases.delete(key);
    this.#cases.set(key, known);

    if (timeUs - known.toldUs < REPEAT_US) return;
    known.toldUs = timeUs;
    known.pending ??= 'repeated';
  }

  /** Changes to tell now; what exceeds a report waits for the next one. */
  take(): DetectionChange[] {
    const changes: DetectionChange[] = [];
    this.#isNewWaiting = false;
    for (const one of this.#cases.values()) {
      if (one.pending === undefined) continue;
      if (changes.length >= DETECTIONS_PER_REPORT_MAX) break;
      changes.push({ change: one.pending, detection: one.detection });
      one.pending = undefined;
      one.detection = this.#releaseFrames(one.detection);
    }
    return changes;
  }

  /** All cases, first seen first. */
  list(): Detection[] {
    return [...this.#cases.values()]
      .map((one) => one.detection)
      .sort((a, b) => a.firstSeenUs - b.firstSeenUs);
  }

  #describe(
    finding: Finding,
    context: CaseContext,
    key: string,
    evidence: DetectionEvidence,
  ): Detection {
    const { flow, timeUs, unitId } = context;
    const identity = new TextEncoder().encode(`${key}|${timeUs}`);
    const sha256 = this.#digest.sha256(identity, 0, identity.length);
    const { code, severity, title, techniques } = finding.rule;
    return {
      detectionId: sha256.slice(0, DETECTION_ID_DIGITS),
      code,
      severity,
      title,
      techniques,
      firstSeenUs: timeUs,
      lastSeenUs: timeUs,
      occurrencesCount: 1,
      client: flow.client.ipAddress,
      server: flow.server.ipAddress,
      ...(unitId === undefined ? {} : { unitId }),
      evidence,
      explanation: finding.explanation,
      remedy: finding.remedy,
    };
  }

  #makeRoom(): void {
    if (this.#cases.size < DETECTION_CASES_MAX) return;
    for (const [key, one] of this.#cases) {
      this.#releaseFrames(one.detection);
      this.#cases.delete(key);
      this.evictedCount++;
      return;
    }
  }

  #holdFrames(evidence: DetectionEvidence): DetectionEvidence {
    const bytes = framesBytesOf(evidence);
    if (this.#framesBytesHeld + bytes <= EVIDENCE_HELD_BYTES_MAX) {
      this.#framesBytesHeld += bytes;
      return evidence;
    }
    const { frames: _, ...rest } = evidence;
    return { ...rest, evidenceTruncated: true };
  }

  /** A report has taken the frames, or nobody will: the case keeps their hash. */
  #releaseFrames(detection: Detection): Detection {
    this.#framesBytesHeld -= framesBytesOf(detection.evidence);
    const { frames: _, ...evidence } = detection.evidence;
    return { ...detection, evidence };
  }
}

function framesBytesOf(evidence: DetectionEvidence): number {
  return (evidence.frames ?? []).reduce((sum, frame) => sum + frame.length, 0);
}
