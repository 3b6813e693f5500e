/**
 * The screen of `top` as lines for a terminal of a given size, a pure function: whatever the size,
 * no line is longer than it is wide, there are no more lines than it is high, and nothing from the
 * wire can move the cursor.
 */
import { escapeText } from '../platform/wire-text.ts';
import { alertLine, isWrite, observationLine } from './observation-text.ts';
import type { ConversationRow, TopView } from './top-model.ts';

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** SGR codes (ECMA-48); none on a terminal without them. */
const INVERSE = '\u001b[7m';
const BOLD = '\u001b[1m';
const RED = '\u001b[31m';
const YELLOW = '\u001b[33m';
const PLAIN = '\u001b[0m';

interface Line {
  readonly text: string;
  readonly style?: string;
}

export function topScreen(
  view: TopView,
  siteName: string,
  size: ScreenSize,
  hasColours: boolean,
): string[] {
  const columns = Math.max(1, Math.floor(size.columns));
  const rows = Math.max(1, Math.floor(size.rows));
  const facts = factLines(view);
  const shown = columnsThatFit(columns);
  const heads = headLines(view, siteName, shown);
  // A quarter for the newest facts, at most ten; the rest for conversations.
  const factRows = Math.min(facts.length, 10, Math.max(0, Math.floor(rows / 4)));
  const roomForRows = Math.max(0, rows - heads.length - factRows - (factRows > 0 ? 1 : 0));
  const lines: Line[] = [
    ...heads,
    ...view.rows.slice(0, roomForRows).map((row) => rowLine(row, shown)),
    ...(factRows > 0 ? [{ text: 'NEWEST', style: INVERSE }, ...facts.slice(0, factRows)] : []),
  ];
  return lines.slice(0, rows).map((line) => styled(line, columns, hasColours));
}

function headLines(view: TopView, siteName: string, shown: readonly number[]): Line[] {
  const { framesDropped, bytesMissed, linksDown, missedIntervals } = view;
  const lost = [
    ...(framesDropped > 0 ? [`${framesDropped} frames DROPPED`] : []),
    ...(bytesMissed > 0 ? [`${bytesMissed} bytes MISSED`] : []),
    ...linksDown.map((name) => `${name} DOWN`),
    ...(missedIntervals > 0 ? [`${missedIntervals} intervals not shown`] : []),
  ];
  const rates =
    `${Math.round(view.framesPerSecond)} frames/s   ` +
    `${Math.round(view.transactionsPerSecond)} transactions/s`;
  return [
    { text: `${siteName}   ${rates}`, style: BOLD },
    lost.length === 0 ? { text: 'nothing dropped' } : { text: lost.join(', '), style: RED },
    {
      text: tableText(['', 'CLIENT', 'SERVER', 'UNIT', 'REQ/S', 'WRITES', 'EXC', 'RTT ms'], shown),
      style: INVERSE,
    },
  ];
}

function rowLine(row: ConversationRow, shown: readonly number[]): Line {
  const cells = [
    row.protocol,
    row.client,
    row.server,
    row.unitId === undefined ? '' : String(row.unitId),
    row.requestsPerSecond.toFixed(1),
    String(row.writes),
    String(row.exceptions),
    row.rttUs === undefined ? '' : (row.rttUs / 1000).toFixed(1),
  ];
  const text = tableText(cells, shown);
  if (row.writes > 0) return { text, style: YELLOW };
  return { text };
}

/** IPv4 with a port fits; all together fit a terminal of 80 columns. */
const WIDTHS = [6, 15, 21, 4, 7, 6, 4, 6] as const;
/** Those that a narrow terminal does without: round trip, exceptions, unit. */
const SPARED_FIRST = [7, 6, 3] as const;

function columnsThatFit(columns: number): readonly number[] {
  let shown = WIDTHS.map((_, at) => at);
  for (const spared of SPARED_FIRST) {
    const width = shown.reduce((sum, at) => sum + WIDTHS[at] + 1, -1);
    if (width > columns) shown = shown.filter((at) => at !== spared);
  }
  return shown;
}

function tableText(cells: readonly string[], shown: readonly number[]): string {
  return shown
    .map((at) => (at < 3 ? cells[at].padEnd(WIDTHS[at]) : cells[at].padStart(WIDTHS[at])))
    .join(' ');
}

/** Alerts before observations: there are few, and they matter. */
function factLines({ alerts, observations }: TopView): Line[] {
  return [
    ...alerts.slice(0, 3).map((alert) => ({ text: alertLine(alert), style: RED })),
    ...observations.map((each) => ({
      text: observationLine(each),
      ...(isWrite(each) && { style: YELLOW }),
    })),
  ];
}

function styled({ text, style }: Line, columns: number, hasColours: boolean): string {
  const cut = escapeText(text).slice(0, columns);
  return style === undefined || !hasColours ? cut : `${style}${cut}${PLAIN}`;
}
