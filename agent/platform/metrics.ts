/**
 * Metrics in Prometheus's text form (prom-client, loaded at the first scrape). The names are the
 * words of the records and summaries behind `fieldtap_`, so that one word means one thing.
 */

export interface Metric {
  /** Without the prefix: `framesSeen`. */
  readonly name: string;
  readonly help: string;
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

const PREFIX = 'fieldtap_';

/** Counts since start are given as gauges: the agent keeps the counts, not the library. */
export async function metricsText(metrics: readonly Metric[]): Promise<string> {
  const { Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  const gauges = new Map<string, InstanceType<typeof Gauge>>();
  for (const metric of metrics) {
    let gauge = gauges.get(metric.name);
    if (gauge === undefined) {
      gauge = new Gauge({
        name: `${PREFIX}${metric.name}`,
        help: metric.help,
        labelNames: Object.keys(metric.labels ?? {}),
        registers: [registry],
      });
      gauges.set(metric.name, gauge);
    }
    if (metric.labels === undefined) gauge.set(metric.value);
    else gauge.set({ ...metric.labels }, metric.value);
  }
  return registry.metrics();
}
