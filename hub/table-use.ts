/** How full a bounded table of a worker is, and how many had to leave it: for the metrics. */
import type { Metric } from '../agent/platform/metrics.ts';

export interface TableUse {
  readonly table: string;
  readonly used: number;
  readonly max: number;
  /** Entries that made room or were not taken, since the worker's start. */
  readonly evicted: number;
}

export function tableMetrics(tables: readonly TableUse[]): Metric[] {
  return tables.flatMap(({ table, used, max, evicted }) => {
    const labels = { table };
    return [
      { name: 'hub_tableUsed', help: 'entries in a table of this worker', value: used, labels },
      { name: 'hub_tableMax', help: 'its limit', value: max, labels },
      {
        name: 'hub_tableEvicted',
        help: 'entries that made room or were not taken, since the start of this worker',
        value: evicted,
        labels,
      },
    ];
  });
}
