/**
 * What the sensor saw, kept at the site: the observations of a report as one packed block (250 in
 * a block cost 91 bytes each on the disk, one row each 461 and more), detections as rows of their
 * own.
 */
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Database, Statement } from 'better-sqlite3';
import type { Detection, DetectionChange, Observation } from '../protocols/interval-report.ts';
import { EvidenceStore, unpackEvidence, unpackOldFrames } from './evidence-store.ts';
import { schemaVersionOf } from './migrations.ts';
import { prepared, preparedPluck } from './prepared.ts';
import type { Recordable } from './staged-reports.ts';

/** Cases kept; beyond it the one seen longest ago goes, unless its alert is still to be made. */
const DETECTIONS_MAX = 10_000;
/** One alert per case and hour for what repeats (docs/detections, guard F). */
const REPEAT_ALERT_US = 3_600_000_000;
const INFLATED_BYTES_MAX = 4 * 1024 * 1024;

/** A case whose alert has not been signed yet. */
export interface DueAlert {
  readonly rowId: number;
  readonly change: DetectionChange['change'];
  readonly detection: Detection;
}

export interface StoredDetection {
  readonly state: 'raised' | 'acknowledged' | 'closed';
  readonly detection: Detection;
}

interface DetectionRow {
  id: number;
  detectionId: string;
  state: StoredDetection['state'];
  alertDue: DetectionChange['change'] | null;
  alertedUs: number | null;
  crc32: number;
  body: Uint8Array;
  /** Schema 1. */
  frames: Uint8Array | null;
  evidenceCrc32: number | null;
  evidenceBody: Uint8Array | null;
}

type KnownDetection = Pick<DetectionRow, 'id' | 'alertDue' | 'alertedUs'>;

interface BlockRow {
  crc32: number;
  body: Uint8Array;
}

const DETECTIONS = `SELECT detection.*, e.crc32 AS evidenceCrc32, e.body AS evidenceBody
  FROM detection LEFT JOIN evidence_block AS e USING (detectionId)`;
/** A door that only reads may meet a file that no newer version has written to. */
const DETECTIONS_OF_SCHEMA_1 =
  'SELECT *, NULL AS evidenceCrc32, NULL AS evidenceBody FROM detection';

/** Writing methods are to be called inside a transaction. */
export class ReportStore {
  readonly #evidence: EvidenceStore;
  readonly #database: Database;
  readonly #insertBlock: Statement<(number | Uint8Array)[]>;
  readonly #runningTotal: Statement<[], number>;
  readonly #detection: Statement<[string], KnownDetection>;
  readonly #due: Statement<[number], DetectionRow>;
  readonly #alerted: Statement<[number]>;

  constructor(database: Database) {
    this.#database = database;
    this.#evidence = new EvidenceStore(database);
    this.#insertBlock = database.prepare(
      `INSERT INTO observation_block (fromUs, toUs, count, total, crc32, body)
       VALUES (?, ?, ?, ?, ?, ?)`,
    );
    this.#runningTotal = database
      .prepare<[], number>('SELECT total FROM observation_block ORDER BY id DESC LIMIT 1')
      .pluck();
    this.#detection = database.prepare(
      'SELECT id, alertDue, alertedUs FROM detection WHERE detectionId = ?',
    );
    this.#due = database.prepare(
      `${DETECTIONS} WHERE alertDue IS NOT NULL ORDER BY detection.id LIMIT ?`,
    );
    this.#alerted = database.prepare(
      'UPDATE detection SET alertDue = NULL, alertedUs = lastSeenUs WHERE id = ?',
    );
  }

  record(report: Recordable): void {
    const { observations, detections } = report;
    if (observations.length > 0) {
      const body = pack(observations);
      // The columns are strict: a fraction of a microsecond would be refused.
      const fromUs = Math.round(report.fromUs);
      const toUs = Math.round(report.toUs);
      const total = (this.#runningTotal.get() ?? 0) + observations.length;
      this.#insertBlock.run(fromUs, toUs, observations.length, total, crc32(body), body);
    }
    for (const change of detections) this.#recordDetection(change);
    if (detections.length > 0) this.#boundDetections();
  }

  /** Oldest first. A row whose body is damaged is left out and never alerted. */
  alertsDue(alertsMax: number): DueAlert[] {
    return this.#due.all(alertsMax).flatMap((row) => {
      const detection = detectionOf(row);
      if (detection === undefined || row.alertDue === null) return [];
      return [{ rowId: row.id, change: row.alertDue, detection }];
    });
  }

  markAlerted(rowId: number): void {
    this.#alerted.run(rowId);
  }

  /** Deletes up to `rowsMax` of the oldest blocks; answers how many observations went with them. */
  evictBlocks(rowsMax: number): { readonly blocks: number; readonly observations: number } {
    const oldest = 'SELECT id FROM observation_block ORDER BY id LIMIT ?';
    const observations = preparedPluck<[number], number>(
      this.#database,
      `SELECT coalesce(sum(count), 0) FROM observation_block WHERE id IN (${oldest})`,
    ).get(rowsMax);
    const { changes } = prepared<[number], never>(
      this.#database,
      `DELETE FROM observation_block WHERE id IN (${oldest})`,
    ).run(rowsMax);
    return { blocks: changes, observations: observations ?? 0 };
  }

  /** Drops the oldest frames; the cases stay. */
  evictFrames(rowsMax: number): number {
    return this.#evidence.evict(rowsMax);
  }

  #recordDetection({ change, detection }: DetectionChange): void {
    const { detectionId, code, severity, occurrencesCount } = detection;
    const firstSeenUs = Math.round(detection.firstSeenUs);
    const lastSeenUs = Math.round(detection.lastSeenUs);
    const known = this.#detection.get(detectionId);
    const { frames, ...evidence } = detection.evidence;
    const body = pack({ ...detection, evidence });
    if (frames !== undefined) this.#evidence.record(detectionId, lastSeenUs, frames);
    if (known === undefined) {
      this.#database
        .prepare(
          `INSERT INTO detection (detectionId, code, severity, state, firstSeenUs, lastSeenUs,
             occurrencesCount, alertDue, crc32, body)
           VALUES (?, ?, ?, 'raised', ?, ?, ?, ?, ?, ?)`,
        )
        .run(
          detectionId,
          code,
          severity,
          firstSeenUs,
          lastSeenUs,
          occurrencesCount,
          change,
          crc32(body),
          body,
        );
      return;
    }
    const isDue = known.alertedUs !== null && lastSeenUs - known.alertedUs >= REPEAT_ALERT_US;
    this.#database
      .prepare(
        `UPDATE detection SET severity = ?, lastSeenUs = ?, occurrencesCount = ?, crc32 = ?,
           body = ?, alertDue = ? WHERE id = ?`,
      )
      .run(
        severity,
        lastSeenUs,
        occurrencesCount,
        crc32(body),
        body,
        known.alertDue ?? (isDue ? 'repeated' : null),
        known.id,
      );
  }

  #boundDetections(): void {
    const { changes } = this.#database
      .prepare(
        `DELETE FROM detection WHERE id IN
           (SELECT id FROM detection WHERE alertDue IS NULL ORDER BY lastSeenUs
            LIMIT max(0, (SELECT count(*) FROM detection) - ?))`,
      )
      .run(DETECTIONS_MAX);
    if (changes === 0) return;
    this.#database.exec(
      'DELETE FROM evidence_block WHERE detectionId NOT IN (SELECT detectionId FROM detection)',
    );
  }
}

/** Newest first, at most `observationsMax`; damaged blocks are left out and counted. */
export function readObservations(
  database: Database,
  observationsMax: number,
): { readonly observations: readonly Observation[]; readonly blocksDamaged: number } {
  const rows = database.prepare<[], BlockRow>(
    'SELECT crc32, body FROM observation_block ORDER BY id DESC',
  );
  const observations: Observation[] = [];
  let blocksDamaged = 0;
  for (const row of rows.iterate()) {
    // `record` has packed an array of observations under this checksum.
    const block = unpack(row) as readonly Observation[] | undefined;
    if (block === undefined) blocksDamaged++;
    else observations.push(...block.toReversed());
    if (observations.length >= observationsMax) break;
  }
  return { observations: observations.slice(0, observationsMax), blocksDamaged };
}

/** One case with its frames; undefined where it isn't known, or its row is damaged. */
export function readDetection(database: Database, detectionId: string): Detection | undefined {
  const row = database
    .prepare<[string], DetectionRow>(`${DETECTIONS} WHERE detection.detectionId = ?`)
    .get(detectionId);
  return row === undefined ? undefined : detectionOf(row);
}

/** Last seen first, at most `detectionsMax`; damaged rows are left out. */
export function readDetections(database: Database, detectionsMax: number): StoredDetection[] {
  const select = schemaVersionOf(database) < 2 ? DETECTIONS_OF_SCHEMA_1 : DETECTIONS;
  return database
    .prepare<[number], DetectionRow>(`${select} ORDER BY lastSeenUs DESC LIMIT ?`)
    .all(detectionsMax)
    .flatMap((row) => {
      const detection = detectionOf(row);
      return detection === undefined ? [] : [{ state: row.state, detection }];
    });
}

function detectionOf(row: DetectionRow): Detection | undefined {
  // `#recordDetection` has packed a detection without its frames under this checksum.
  const detection = unpack(row) as Detection | undefined;
  if (detection === undefined) return undefined;
  const frames = framesOf(row, detection.evidence.framesSha256);
  if (frames === undefined) return detection;
  return { ...detection, evidence: { ...detection.evidence, frames } };
}

/** Damaged frames are left out: evidence that may be wrong is none. */
function framesOf(row: DetectionRow, sha256: string | undefined): Uint8Array[] | undefined {
  if (row.evidenceBody !== null && row.evidenceCrc32 !== null) {
    return unpackEvidence({ crc32: row.evidenceCrc32, body: row.evidenceBody });
  }
  return row.frames === null ? undefined : unpackOldFrames(row.frames, sha256);
}

/** Deflated JSON, as blocks and cases are kept. */
export function pack(value: unknown): Uint8Array {
  return deflateRawSync(JSON.stringify(value));
}

/** Undefined where the checksum doesn't agree. */
export function unpack(row: BlockRow): unknown {
  if (crc32(row.body) !== row.crc32) return undefined;
  const text = inflateRawSync(row.body, { maxOutputLength: INFLATED_BYTES_MAX }).toString('utf8');
  return JSON.parse(text);
}
