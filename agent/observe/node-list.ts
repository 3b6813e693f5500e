/** Reads OPC UA node memory out: what each node said last, and whether that still holds. */
import type { NodeMemory, NodeRow, NodeValue } from './node-memory.ts';
import type { StaleReason } from './register-report.ts';

/** A node is silent once it wasn't heard for so many of its periods, and at least SILENT_US. */
const SILENT_PERIODS = 5;
const SILENT_US = 60_000_000;
const ATTRIBUTE_VALUE = 13;

export interface KnownNode {
  readonly server: string;
  readonly nodeId: string;
  readonly browseName?: string;
  /** Absent: the Value attribute. */
  readonly attributeId?: number;
  readonly type?: string;
  readonly value?: NodeValue;
  /** Absent: Good. */
  readonly status?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly readsCount: number;
  readonly notificationsCount: number;
  readonly writesCount: number;
  readonly changesCount: number;
  readonly firstSeenUs: number;
  readonly lastSeenUs: number;
  readonly lastChangeUs?: number;
  readonly lastWriter?: string;
  readonly lastWriteUs?: number;
  readonly periodMs?: number;
  readonly periodJitterMs?: number;
  readonly stale?: StaleReason;
}

export interface NodeListOptions {
  readonly nowUs: number;
  readonly blindUntilUs?: number;
  readonly blindReason?: StaleReason;
  readonly server?: string;
  readonly nodesMax?: number;
}

/** Sorted by server and node id; `folded`: nodes beyond `nodesMax`. */
export function listNodes(
  memory: NodeMemory,
  options: NodeListOptions,
): { readonly nodes: readonly KnownNode[]; readonly folded: number } {
  const rows = [...memory.nodes()]
    .filter(({ server }) => (options.server ?? server) === server)
    .sort(
      (a, b) =>
        a.server.localeCompare(b.server, 'en', { numeric: true }) ||
        a.nodeId.localeCompare(b.nodeId, 'en', { numeric: true }) ||
        a.attributeId - b.attributeId,
    );
  const kept = rows.slice(0, options.nodesMax ?? rows.length);
  return {
    nodes: kept.map((row) => describe(memory, row, options)),
    folded: rows.length - kept.length,
  };
}

function describe(memory: NodeMemory, row: NodeRow, options: NodeListOptions): KnownNode {
  const { count: _, firstSeenUs, lastSeenUs, ...period } = memory.regularity(row);
  const browseName = memory.browseName(row.server, row.nodeId);
  const stale = staleOf(memory, row, lastSeenUs, period.periodMs ?? 0, options);
  return {
    server: row.server,
    nodeId: row.nodeId,
    ...(browseName !== undefined && { browseName }),
    ...(row.attributeId !== ATTRIBUTE_VALUE && { attributeId: row.attributeId }),
    ...(row.type !== undefined && { type: row.type }),
    ...(row.value !== undefined && { value: row.value }),
    ...(row.statusName !== undefined && { status: row.statusName }),
    ...(row.minimum !== undefined && { minimum: row.minimum }),
    ...(row.maximum !== undefined && { maximum: row.maximum }),
    readsCount: row.readsCount,
    notificationsCount: row.notificationsCount,
    writesCount: row.writesCount,
    changesCount: row.changesCount,
    firstSeenUs,
    lastSeenUs,
    ...(row.lastChangeUs !== undefined && { lastChangeUs: row.lastChangeUs }),
    ...(row.lastWriter !== undefined && { lastWriter: row.lastWriter }),
    ...(row.lastWriteUs !== undefined && { lastWriteUs: row.lastWriteUs }),
    ...period,
    ...(stale !== undefined && { stale }),
  };
}

function staleOf(
  memory: NodeMemory,
  row: NodeRow,
  lastSeenUs: number,
  periodMs: number,
  { nowUs, blindUntilUs, blindReason }: NodeListOptions,
): StaleReason | undefined {
  if (blindUntilUs !== undefined && lastSeenUs < blindUntilUs) return blindReason ?? 'gap';
  if (lastSeenUs < memory.gapUs(row.server)) return 'gap';
  // A subscribed node is told when it changes: silence says nothing of it.
  if (row.notificationsCount > 0) return undefined;
  const patienceUs = Math.max(SILENT_US, SILENT_PERIODS * periodMs * 1000);
  return nowUs - lastSeenUs > patienceUs ? 'silent' : undefined;
}
