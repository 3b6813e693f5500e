/**
 * Group commit: observations wait in memory for a block's worth, so that a gateway's flash isn't
 * worn out by one commit a second (docs/benchmarks.md: 9,038 bytes written for an event committed
 * alone, 91 in a block). A detection never waits, and neither does what a signed message tells of.
 * What the disk refuses waits here too, up to a limit, and what exceeds it is counted.
 */
import type { DetectionChange, IntervalReport, Observation } from '../protocols/interval-report.ts';

/** A block is written when so many wait... */
export const OBSERVATIONS_PER_BLOCK = 256;
/** ...or when the oldest has waited so long: what a power cut can take of what nobody was told. */
export const COMMIT_INTERVAL_MS = 5000;
/** While the disk refuses to write. */
const OBSERVATIONS_STAGED_MAX = 2048;
const DETECTIONS_STAGED_MAX = 256;

/** What of a report goes to the disk. */
export type Recordable = Pick<IntervalReport, 'fromUs' | 'toUs' | 'observations' | 'detections'>;

/** What could not wait any longer, since it was told last. */
export interface StagedLoss {
  readonly observations: number;
  readonly detections: number;
  /** Capture time. */
  readonly fromUs: number;
  readonly toUs: number;
}

export class StagedReports {
  #observations: Observation[] = [];
  readonly #detections = new Map<string, DetectionChange>();
  #fromUs = 0;
  #toUs = 0;
  #sinceMs = 0;
  #lost: StagedLoss | undefined;

  get isEmpty(): boolean {
    return this.#observations.length === 0 && this.#detections.size === 0;
  }

  get observationsCount(): number {
    return this.#observations.length;
  }

  get lost(): StagedLoss | undefined {
    return this.#lost;
  }

  /** `nowMs`: monotonic. */
  add(report: Recordable, nowMs: number): void {
    const { observations, detections } = report;
    if (observations.length === 0 && detections.length === 0) return;
    if (this.isEmpty) {
      this.#sinceMs = nowMs;
      this.#fromUs = report.fromUs;
    }
    this.#toUs = report.toUs;
    this.#observations.push(...observations);
    for (const change of detections) this.#addDetection(change);
    this.#bound();
  }

  isDue(nowMs: number): boolean {
    if (this.isEmpty) return false;
    return (
      this.#detections.size > 0 ||
      this.#observations.length >= OBSERVATIONS_PER_BLOCK ||
      nowMs - this.#sinceMs >= COMMIT_INTERVAL_MS
    );
  }

  content(): Recordable {
    return {
      fromUs: this.#fromUs,
      toUs: this.#toUs,
      observations: this.#observations,
      detections: [...this.#detections.values()],
    };
  }

  /** Once the content, and the word about the loss, are on the disk. */
  clear(): void {
    this.#observations = [];
    this.#detections.clear();
    this.#lost = undefined;
  }

  /** The latest state of a case holds the earlier ones; that it is new must not be forgotten. */
  #addDetection(next: DetectionChange): void {
    const { detectionId } = next.detection;
    const known = this.#detections.get(detectionId);
    this.#detections.set(
      detectionId,
      known === undefined ? next : { ...next, change: known.change },
    );
  }

  #bound(): void {
    const observations = Math.max(0, this.#observations.length - OBSERVATIONS_STAGED_MAX);
    const detections = Math.max(0, this.#detections.size - DETECTIONS_STAGED_MAX);
    if (observations === 0 && detections === 0) return;
    this.#observations.splice(0, observations);
    for (const id of [...this.#detections.keys()].slice(0, detections)) this.#detections.delete(id);
    this.#lost = {
      observations: (this.#lost?.observations ?? 0) + observations,
      detections: (this.#lost?.detections ?? 0) + detections,
      fromUs: this.#lost?.fromUs ?? this.#fromUs,
      toUs: this.#toUs,
    };
  }
}
