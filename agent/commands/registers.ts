/**
 * `fieldtap registers`: what registers, coils and OPC UA nodes held last, how often they changed
 * and who wrote them; values that may be old say why.
 */
import type { KnownNode } from '../observe/node-list.ts';
import type { PointHistory, RegisterRange } from '../observe/register-report.ts';
import { escapeJson, escapeTextShort } from '../platform/wire-text.ts';
import { csvText } from './csv-text.ts';
import { askKnowledge, type KnowledgeOptions } from './knowledge-source.ts';
import { folded, periodText, tableLines } from './knowledge-text.ts';
import { timesText, utcText } from './replay-text-format.ts';

export interface RegistersOptions extends KnowledgeOptions {
  readonly server?: string;
  readonly unit?: string;
  /** Each point that changed or was written. */
  readonly details: boolean;
}

const VALUES_SHOWN_MAX = 10;
const HISTORY_SHOWN_MAX = 64;
const TEXT_CHARACTERS_MAX = 80;

export async function registers(options: RegistersOptions): Promise<number> {
  const answer = await askKnowledge(options, {
    topic: 'registers',
    ...(options.server !== undefined && { server: options.server }),
    ...(options.unit !== undefined && { unitId: Number(options.unit) }),
  });
  // Both ends are the same program.
  const ranges = (answer.value.ranges ?? []) as readonly RegisterRange[];
  const nodes = (answer.value.nodes ?? []) as readonly KnownNode[];
  const more = Number(answer.value.folded ?? 0);
  const text = options.json
    ? escapeJson(JSON.stringify({ from: answer.from, registers: ranges, nodes, folded: more }))
    : options.csv
      ? csvOf(ranges, nodes)
      : pageOf(ranges, nodes, more, options);
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  return 0;
}

function pageOf(
  ranges: readonly RegisterRange[],
  nodes: readonly KnownNode[],
  more: number,
  options: RegistersOptions,
): string {
  if (ranges.length + nodes.length === 0) {
    const isAsked = options.server !== undefined || options.unit !== undefined;
    return isAsked
      ? 'Nothing of that server or unit has been seen.'
      : 'No register and no node has been seen yet; "fieldtap doctor" says what the sensor hears.';
  }
  const lines = [
    ...ranges.flatMap((range) => rangeLines(range, options.details)),
    ...nodes.flatMap((node) => folded(nodeLine(node))),
  ];
  if (more > 0) lines.push(`and ${more} more: ask for one --server or --unit`);
  return lines.join('\n');
}

function rangeLines(range: RegisterRange, details: boolean): string[] {
  const { server, unitId, object, address, quantity, values, value, periodMs, stale } = range;
  const last = address + quantity - 1;
  const place = quantity === 1 ? `${address}` : `${address}..${last}`;
  const shown = values?.slice(0, VALUES_SHOWN_MAX).join(' ');
  const rest = (values?.length ?? 0) - VALUES_SHOWN_MAX;
  const held = shown ?? (quantity === 1 ? `${value}` : `all ${value}`);
  const cut = rest > 0 ? ` and ${rest} more` : '';
  const often = periodMs === undefined ? [] : [`read every ${periodText(periodMs)}`];
  const history = range.history ?? [];
  const changed = changesText(history, quantity);
  const facts = [...often, ...(changed === undefined ? [] : [changed])];
  const lines = [
    `${server} unit ${unitId} ${object} ${place} = ${held}${cut}`,
    ...(stale === undefined ? [] : [`    ${staleText(stale, range.lastSeenUs)}`]),
    ...(facts.length > 0 ? [`    ${facts.join('; ')}`] : []),
    ...writersText(history),
    ...typedLines(range),
  ].flatMap(folded);
  return details ? [...lines, ...pointLines(history)] : lines;
}

/** Why the value may be another one by now. */
function staleText(reason: string, lastSeenUs: number): string {
  return `STALE: ${reason}, last heard ${utcText(lastSeenUs)}`;
}

function typedLines({ typed = [] }: RegisterRange): string[] {
  return typed.map(({ reference, name, value, engineeringUnit }) => {
    const unit = engineeringUnit === undefined ? '' : ` ${shortly(engineeringUnit)}`;
    return `    ${reference} ${shortly(name)}: ${value}${unit}`;
  });
}

/** How many of the points changed, and when one did last. */
function changesText(history: readonly PointHistory[], quantity: number): string | undefined {
  const changed = history.filter(({ changesCount }) => changesCount > 0);
  if (changed.length === 0) return undefined;
  const lastUs = Math.max(...changed.map(({ lastChangeUs }) => lastChangeUs ?? 0));
  const many =
    quantity === 1 ? timesText(changed[0].changesCount) : `${changed.length} of ${quantity}`;
  return `changed: ${many}, last ${utcText(lastUs)}`;
}

/** A line for each client that wrote: which points, how often at most, and when last. */
function writersText(history: readonly PointHistory[]): string[] {
  const byWriter = new Map<string, PointHistory[]>();
  for (const point of history) {
    if (point.lastWriter === undefined) continue;
    byWriter.set(point.lastWriter, [...(byWriter.get(point.lastWriter) ?? []), point]);
  }
  return [...byWriter].map(([writer, points]) => {
    const first = points[0].reference;
    const last = points[points.length - 1].reference;
    const place = points.length === 1 ? `${first}` : `${first}..${last}`;
    const times = timesText(Math.max(...points.map(({ writesCount }) => writesCount ?? 0)));
    const lastUs = Math.max(...points.map(({ lastWriteUs }) => lastWriteUs ?? 0));
    return `    WRITTEN: ${place} by ${writer}, ${times}, last ${utcText(lastUs)}`;
  });
}

function pointLines(history: readonly PointHistory[]): string[] {
  if (history.length === 0) return [];
  const rows = history
    .slice(0, HISTORY_SHOWN_MAX)
    .map((point) => [
      point.reference,
      point.value,
      `${point.minimum}..${point.maximum}`,
      point.changesCount,
      point.writesCount ?? 0,
      point.lastWriter ?? '',
    ]);
  const header = ['REFERENCE', 'VALUE', 'RANGE', 'CHANGES', 'WRITES', 'LAST WRITER'];
  const rest = history.length - rows.length;
  return [
    ...tableLines(header, rows).map((line) => `    ${line}`),
    ...(rest > 0 ? [`    and ${rest} more (--csv has them all)`] : []),
  ];
}

function nodeLine(node: KnownNode): string {
  const { server, nodeId, browseName, value, status, changesCount, lastWriter, stale } = node;
  const name = browseName === undefined ? '' : ` "${shortly(browseName)}"`;
  const writer = lastWriter === undefined ? '' : `, last written by ${lastWriter}`;
  const old = stale === undefined ? '' : `; ${staleText(stale, node.lastSeenUs)}`;
  const held = value === undefined ? (status ?? 'unknown') : shortly(String(value));
  const changed = changesCount === 0 ? '' : `, changed ${timesText(changesCount)}`;
  return `${server} ${shortly(nodeId)}${name} = ${held}${changed}${writer}${old}`;
}

/** One line for each point, and for each node. */
function csvOf(ranges: readonly RegisterRange[], nodes: readonly KnownNode[]): string {
  const header = [
    'server',
    'unitId',
    'object',
    'address',
    'nodeId',
    'name',
    'value',
    'minimum',
    'maximum',
    'changesCount',
    'lastWriter',
    'lastWrite',
    'lastChange',
    'lastSeen',
    'stale',
  ];
  const points = ranges.flatMap((range) => {
    const history = new Map(range.history?.map((point) => [point.address, point]));
    return Array.from({ length: range.quantity }, (_, index) => {
      const address = range.address + index;
      const value = range.values?.[index] ?? range.value ?? '';
      const point = history.get(address);
      return [
        range.server,
        range.unitId,
        range.object,
        address,
        '',
        '',
        value,
        point?.minimum ?? value,
        point?.maximum ?? value,
        point?.changesCount ?? 0,
        point?.lastWriter ?? '',
        timeText(point?.lastWriteUs),
        timeText(point?.lastChangeUs),
        timeText(range.lastSeenUs),
        range.stale ?? '',
      ];
    });
  });
  const rows = nodes.map((node) => [
    node.server,
    '',
    'node',
    '',
    node.nodeId,
    node.browseName ?? '',
    node.value === undefined ? '' : String(node.value),
    node.minimum ?? '',
    node.maximum ?? '',
    node.changesCount,
    node.lastWriter ?? '',
    timeText(node.lastWriteUs),
    timeText(node.lastChangeUs),
    timeText(node.lastSeenUs),
    node.stale ?? '',
  ]);
  return csvText([header, ...points, ...rows]);
}

function timeText(timeUs: number | undefined): string {
  if (timeUs === undefined) return '';
  const date = new Date(timeUs / 1000);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}

function shortly(text: string): string {
  return escapeTextShort(text, TEXT_CHARACTERS_MAX);
}
