/** `fieldtap buffer check|stats|compact`: a person looks after the file, agent running or not. */
import { type CheckReport, checkFile } from '../../buffer/check-file.ts';
import { compactFile } from '../../buffer/compact.ts';
import { ReadOnlyBuffer } from '../../buffer/read-only-buffer.ts';
import type { BufferStatistics } from '../../buffer/statistics.ts';
import { loadConfig } from '../config.ts';
import { SystemClock } from '../platform/clock.ts';
import { escapeText } from '../platform/wire-text.ts';

const MIB = 2 ** 20;
const LOSSES_SHOWN = 10;

export interface BufferCommandOptions {
  readonly config: string;
  /** Instead of the configuration's. */
  readonly path?: string;
  readonly json: boolean;
}

/** 1 when anything is damaged. */
export function bufferCheck(options: BufferCommandOptions): number {
  const path = pathOf(options);
  const report = checkFile(path);
  print(options, { path, ...report }, () => checkText(path, report));
  return report.isGood ? 0 : 1;
}

export function bufferStats(options: BufferCommandOptions): number {
  const path = pathOf(options);
  const buffer = new ReadOnlyBuffer(path);
  try {
    const statistics = buffer.statistics(new SystemClock().wallMs());
    const losses = buffer.losses(LOSSES_SHOWN);
    print(options, { path, ...statistics, losses }, () =>
      statsText(
        path,
        statistics,
        losses.map(({ text }) => text),
      ),
    );
    return 0;
  } finally {
    buffer.close();
  }
}

export function bufferCompact(options: BufferCommandOptions): number {
  const path = pathOf(options);
  const report = compactFile(path);
  print(
    options,
    { path, ...report },
    () => `${escapeText(path)}: ${mib(report.bytesBefore)} before, ${mib(report.bytesAfter)} now\n`,
  );
  return 0;
}

function pathOf(options: BufferCommandOptions): string {
  return options.path ?? loadConfig(options.config).buffer.path;
}

function print(options: BufferCommandOptions, facts: object, text: () => string): void {
  process.stdout.write(options.json ? `${JSON.stringify(facts)}\n` : text());
}

function checkText(path: string, report: CheckReport): string {
  const rows = Object.entries(report.rows).map(
    ([table, { count, damaged }]) =>
      `  ${table.padEnd(18)} ${count} rows, ${damaged === 0 ? 'all good' : `${damaged} DAMAGED`}`,
  );
  const pages =
    report.pages.length === 0
      ? '  pages              in order'
      : `  pages              DAMAGED: ${escapeText(report.pages[0])}`;
  const heads = report.heads === 0 ? [] : [`  heads of streams   ${report.heads} DAMAGED`];
  const verdict = report.isGood
    ? 'Nothing is damaged.'
    : 'Damaged. A running agent sets the file aside, salvages what is readable and says so to ' +
      'the hub; start it, or keep a copy of the file first.';
  const title = `${escapeText(path)}, schema ${report.schema}`;
  return `${[title, pages, ...heads, ...rows, verdict].join('\n')}\n`;
}

function statsText(path: string, statistics: BufferStatistics, losses: readonly string[]): string {
  const counters = Object.entries(statistics.counters);
  return `${[
    `${escapeText(path)}: ${mib(statistics.databaseBytes)}, epoch ${statistics.epoch}`,
    `  waiting            ${statistics.outboxMessages} messages, ${statistics.outboxBytes} bytes`,
    `  refused            ${statistics.refusedMessages} messages`,
    `  observations       ${statistics.observationsStored}`,
    `  cases              ${statistics.casesStored}, frames of ${statistics.evidenceStored}`,
    `  written            ${mib(statistics.bytesWrittenToday)} today, ` +
      `${mib(statistics.bytesWrittenYesterday)} yesterday`,
    ...counters.map(([name, value]) => `  ${name.padEnd(18)} ${value}`),
    ...losses.map((text) => `  lost               ${escapeText(text)}`),
  ].join('\n')}\n`;
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
