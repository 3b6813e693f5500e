/**
 * A summary that doesn't fit one message goes out in parts, each with its own sequence. Part 1 has
 * the totals; conversations, detections and asset changes are spread over all of them.
 */

import { NO_TRAFFIC } from '../../protocols/interval-report.ts';
import type { SummaryContent } from './summarize.ts';

/** Parts of one summary (docs/wire-format.cddl). */
export const PARTS_MAX = 255;

/**
 * As few parts as fit, by `bytesOf`. A part of one row that is still too long stays as it is: the
 * hub takes far more than the shortest message that a slow link asks for.
 */
export function splitSummary(
  content: SummaryContent,
  bytesMax: number,
  bytesOf: (content: SummaryContent) => number,
): readonly SummaryContent[] {
  const whole = bytesOf(content);
  if (whole <= bytesMax) return [content];
  const rows = rowsOf(content);
  for (let of = Math.ceil(whole / bytesMax); ; of = Math.ceil(of * 1.25)) {
    const count = Math.min(of, PARTS_MAX, Math.max(1, rows + 1));
    const parts = Array.from({ length: count }, (_, index) => partOf(content, index, count));
    if (count < of || count >= PARTS_MAX || parts.every((part) => bytesOf(part) <= bytesMax)) {
      return parts;
    }
  }
}

function rowsOf({ conversations, detections, assetChanges }: SummaryContent): number {
  return Math.max(conversations.length, detections.length, assetChanges?.length ?? 0);
}

/** `index` from 0. The totals are heavy: part 1 has the least of the rows. */
function partOf(content: SummaryContent, index: number, of: number): SummaryContent {
  const slice = <T>(rows: readonly T[]): readonly T[] => {
    const share = of === 1 ? rows.length : rows.length / (of - 1 / 2);
    const from = index === 0 ? 0 : Math.round((index - 1 / 2) * share);
    const to = index === of - 1 ? rows.length : Math.round((index + 1 / 2) * share);
    return rows.slice(from, to);
  };
  const { assetChanges } = content;
  const rows = {
    conversations: slice(content.conversations),
    detections: slice(content.detections),
    ...(assetChanges !== undefined && { assetChanges: slice(assetChanges) }),
    part: { number: index + 1, of },
  };
  if (index === 0) return { ...content, ...rows };
  const { kind, sharing, programVersion, fromUs, toUs } = content;
  return {
    kind,
    sharing,
    programVersion,
    fromUs,
    toUs,
    coverage: [],
    traffic: NO_TRAFFIC,
    conversationsFolded: 0,
    observationsCount: 0,
    health: NO_HEALTH,
    ...rows,
  };
}

const NO_HEALTH: SummaryContent['health'] = {
  uptimeSeconds: 0,
  residentBytes: 0,
  outboxMessages: 0,
  outboxBytes: 0,
  databaseBytes: 0,
  observationsFolded: 0,
  tables: [],
};
