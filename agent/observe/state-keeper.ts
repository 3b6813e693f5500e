/**
 * What of knowledge outlives a restart, as rows of JSON: new things within ten seconds, what merely
 * went on once a minute, so that a gateway's flash memory isn't worn out by it. A register that
 * changes each second costs one small row a minute.
 */
import type { StateRow } from '../../protocols/interval-report.ts';
import type { AssetRow } from './asset-table.ts';
import type { Knowledge } from './knowledge.ts';
import { CLEAN, POINTS_NEW } from './register-points.ts';
import { saveAsset, saveMac } from './state-assets.ts';
import { saveConversation } from './state-conversations.ts';
import { saveNode, savePage } from './state-registers.ts';
import { restoreRow } from './state-restore.ts';
import { STATE_VERSION } from './state-version.ts';

/** How often the state is looked through, and how often what goes on is saved again. */
const LOOK_US = 10_000_000;
const AGAIN_US = 60_000_000;
/** One delta; what exceeds it follows in the next. The last one takes more. */
export const STATE_ROWS_MAX = 512;
const LAST_ROWS_MAX = 16_384;
const STATE_CHARACTERS_MAX = 1024 * 1024;
const LAST_CHARACTERS_MAX = 16 * 1024 * 1024;

export interface RestoreCounts {
  restored: number;
  /** Rows of another version, damaged, or without room. */
  refused: number;
}

interface Due {
  readonly isNew: boolean;
  readonly save: () => StateRow;
  /** It is on its way to the disk. */
  readonly saved: (nowUs: number) => void;
}

export class StateKeeper {
  readonly #knowledge: Knowledge;
  #lookedUs = 0;

  constructor(knowledge: Knowledge) {
    this.#knowledge = knowledge;
  }

  /** `told`: saved at once, with the report that tells of them. */
  take(nowUs: number, isLast: boolean, told: readonly AssetRow[]): readonly StateRow[] {
    const toldRows = told.map((row) => {
      const due = dueAsset(row);
      due.saved(nowUs);
      return due.save();
    });
    const isTooEarly = !isLast && nowUs >= this.#lookedUs && nowUs - this.#lookedUs < LOOK_US;
    if (isTooEarly) return toldRows;
    this.#lookedUs = nowUs;
    const beforeUs = isLast ? Number.POSITIVE_INFINITY : nowUs - AGAIN_US;
    const due = inTurns([
      [...this.#assets(beforeUs)],
      [...this.#conversations(beforeUs)],
      [...this.#pages(beforeUs)],
      [...this.#nodes(beforeUs)],
    ]);
    due.sort((a, b) => Number(b.isNew) - Number(a.isNew));
    const rows: StateRow[] = [...toldRows];
    let room = isLast ? LAST_CHARACTERS_MAX : STATE_CHARACTERS_MAX;
    for (const { save, saved } of due.slice(0, isLast ? LAST_ROWS_MAX : STATE_ROWS_MAX)) {
      const row = save();
      room -= row.body.length;
      if (room < 0 && rows.length > 0) break;
      rows.push(row);
      saved(nowUs);
    }
    return rows;
  }

  *#assets(beforeUs: number): Generator<Due> {
    const { assets } = this.#knowledge;
    for (const row of assets.rows()) {
      // Who is there is told when it changes; when it was heard last, once a minute.
      if (!row.isNew && (row.savedUs >= beforeUs || !(row.isChanged || isHeard(row)))) continue;
      yield dueAsset(row);
    }
    for (const row of assets.macs.rows()) {
      if (!row.isChanged) continue;
      yield {
        isNew: true,
        save: () => saveMac(row),
        saved: () => {
          row.isChanged = false;
        },
      };
    }
  }

  *#conversations(beforeUs: number): Generator<Due> {
    const knowledge = this.#knowledge;
    const polls = knowledge.pollRows();
    for (const row of knowledge.conversationMemory.rows()) {
      if (!row.isChanged || (!row.isNew && row.savedUs >= beforeUs)) continue;
      yield {
        isNew: row.isNew,
        save: () => saveConversation(knowledge, row, polls),
        saved: (nowUs) => {
          row.isNew = false;
          row.isChanged = false;
          row.savedUs = nowUs;
        },
      };
    }
  }

  *#pages(beforeUs: number): Generator<Due> {
    const { registers } = this.#knowledge;
    const { points } = registers;
    registers.settle();
    for (let page = 0; page < points.pagesEnd; page++) {
      if (points.bank[page] < 0) continue;
      const isNew = points.news[page] === POINTS_NEW;
      const isDue = points.news[page] !== CLEAN || points.lastSeenUs[page] > points.savedUs[page];
      if (!isDue || (!isNew && points.savedUs[page] >= beforeUs)) continue;
      yield {
        isNew,
        save: () => savePage(registers, page),
        saved: (nowUs) => {
          points.news[page] = CLEAN;
          points.savedUs[page] = nowUs;
        },
      };
    }
  }

  *#nodes(beforeUs: number): Generator<Due> {
    const { nodes } = this.#knowledge;
    for (const node of nodes.nodes()) {
      const isDue = node.news !== 'none' || nodes.rows.lastSeenUsOf(node.row) > node.savedUs;
      if (!isDue || (node.news !== 'new' && node.savedUs >= beforeUs)) continue;
      yield {
        isNew: node.news === 'new',
        save: () => saveNode(nodes, node),
        saved: (nowUs) => {
          node.news = 'none';
          node.savedUs = nowUs;
        },
      };
    }
  }
}

/** One of each kind after the other: ten thousand devices don't keep a register off the disk. */
function inTurns(kinds: readonly (readonly Due[])[]): Due[] {
  const turns: Due[] = [];
  const longest = Math.max(...kinds.map(({ length }) => length));
  for (let turn = 0; turn < longest; turn++) {
    for (const kind of kinds) if (turn < kind.length) turns.push(kind[turn]);
  }
  return turns;
}

function dueAsset(row: AssetRow): Due {
  return {
    isNew: row.isNew,
    save: () => saveAsset(row),
    saved: (nowUs) => {
      row.isNew = false;
      row.isChanged = false;
      row.savedUs = nowUs;
    },
  };
}

function isHeard(row: { readonly lastSeenUs: number; readonly savedUs: number }): boolean {
  return row.lastSeenUs > row.savedUs;
}

/** Rows in any order; what was learned since the start stays. */
export function restoreRows(knowledge: Knowledge, rows: readonly StateRow[]): RestoreCounts {
  const counts: RestoreCounts = { restored: 0, refused: 0 };
  for (const row of rows) {
    if (row.version === STATE_VERSION && restoreRow(knowledge, row)) counts.restored++;
    else counts.refused++;
  }
  return counts;
}
