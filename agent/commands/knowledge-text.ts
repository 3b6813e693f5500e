/** Lines and tables of the commands that say what is there, for a terminal of 80 columns. */

const COLUMNS = 80;
const CONTINUED = '    ';

/** Breaks a line between words; what follows is indented four further than the line. */
export function folded(text: string): string[] {
  const indent = /^ */.exec(text)?.[0] ?? '';
  const lines: string[] = [];
  let line = indent;
  for (const word of text.slice(indent.length).split(' ')) {
    const isBegun = line.trim() !== '';
    if (isBegun && line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = indent + CONTINUED + word;
    } else {
      line += isBegun ? ` ${word}` : word;
    }
  }
  lines.push(line);
  return lines;
}

/** Columns as wide as their longest cell; numbers stand to the right. */
export function tableLines(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string[] {
  const cells = [header, ...rows.map((row) => row.map(String))];
  const widths = header.map((_, column) =>
    cells.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0),
  );
  const isNumber = header.map((_, column) =>
    rows.every((row) => /^[\d,-]*$/.test(`${row[column]}`)),
  );
  return cells.map((row) =>
    row
      .map((cell, column) =>
        isNumber[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** `86 ms`, `1.5 s`, `5 min`: as exact as a poll is. */
export function periodText(ms: number): string {
  if (ms < 1) return `${ms} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 120_000
    ? `${Number((ms / 1000).toPrecision(3))} s`
    : `${Math.round(ms / 60_000)} min`;
}
