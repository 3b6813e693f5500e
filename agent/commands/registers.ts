/**
 * `fieldtap registers`: what registers, coils and OPC UA nodes held last, how often they changed
 * and who wrote them; values that may be old say why.
 */
import type { KnownNode } from '../observe/node-list.ts';
import type { RegisterRange } from '../observe/register-report.ts';
import { escapeJson, escapeTextShort } from '../platform/wire-text.ts';
import { csvText } from './csv-text.ts';
import { askKnowledge, type KnowledgeOptions } from './knowledge-source.ts';

export interface RegistersOptions extends KnowledgeOptions {
  readonly server?: string;
  readonly unit?: string;
}

const VALUES_SHOWN_MAX = 10;
const HISTORY_SHOWN_MAX = 20;
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
  const folded = Number(answer.value.folded ?? 0);
  const text = options.json
    ? escapeJson(JSON.stringify({ from: answer.from, registers: ranges, nodes, folded }))
    : options.csv
      ? csvOf(ranges, nodes)
      : pageOf(ranges, nodes, folded);
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  return 0;
}

function pageOf(
  ranges: readonly RegisterRange[],
  nodes: readonly KnownNode[],
  folded: number,
): string {
  if (ranges.length + nodes.length === 0) return 'No register and no node has been seen yet.';
  const lines = [...ranges.flatMap(rangeLines), ...nodes.map(nodeLine)];
  if (folded > 0) lines.push(`and ${folded} more: ask for one --server or --unit`);
  return lines.join('\n');
}

function rangeLines(range: RegisterRange): string[] {
  const { server, unitId, object, address, quantity, values, value, periodMs, stale } = range;
  const last = address + quantity - 1;
  const place = quantity === 1 ? `${address}` : `${address}..${last}`;
  const shown = values?.slice(0, VALUES_SHOWN_MAX).join(' ');
  const more = (values?.length ?? 0) > VALUES_SHOWN_MAX ? ' ...' : '';
  const held = shown === undefined ? `all ${value}` : shown + more;
  const often = periodMs === undefined ? '' : `, every ${periodMs} ms`;
  const old = stale === undefined ? '' : `  STALE: ${stale}`;
  const lines = [`${server} unit ${unitId} ${object} ${place} = ${held}${often}${old}`];
  for (const typed of range.typed ?? []) {
    const unit = typed.engineeringUnit === undefined ? '' : ` ${shortly(typed.engineeringUnit)}`;
    lines.push(`    ${typed.reference} ${shortly(typed.name)}: ${typed.value}${unit}`);
  }
  for (const point of (range.history ?? []).slice(0, HISTORY_SHOWN_MAX)) {
    const { lastWriter, writesCount } = point;
    const writer = lastWriter === undefined ? '' : `, ${writesCount} writes, last by ${lastWriter}`;
    lines.push(
      `    ${point.reference} is ${point.value}, was ${point.minimum}..${point.maximum}, ` +
        `${point.changesCount} changes${writer}`,
    );
  }
  return lines;
}

function nodeLine(node: KnownNode): string {
  const { server, nodeId, browseName, value, status, changesCount, lastWriter, stale } = node;
  const name = browseName === undefined ? '' : ` "${shortly(browseName)}"`;
  const writer = lastWriter === undefined ? '' : `, last written by ${lastWriter}`;
  const old = stale === undefined ? '' : `  STALE: ${stale}`;
  const held = value === undefined ? (status ?? 'unknown') : shortly(String(value));
  return `${server} ${shortly(nodeId)}${name} = ${held}, ${changesCount} changes${writer}${old}`;
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
