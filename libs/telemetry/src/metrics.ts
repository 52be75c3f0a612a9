import { collectDefaultMetrics, Registry } from 'prom-client';
import { metricDefinitions } from './metric-definitions.ts';
import { Counter, Gauge, Histogram, MetricFamily, type MetricDefinition } from './metric-family.ts';

type Definitions = typeof metricDefinitions;

type Series<D extends MetricDefinition> = D['type'] extends 'counter'
  ? Counter
  : D['type'] extends 'gauge'
    ? Gauge
    : Histogram;

/** A family of series for each metric of the list, e.g. `metrics.requests.with({ app, … }).add()`. */
export type MetricFamilies = {
  readonly [K in keyof Definitions]: MetricFamily<Series<Definitions[K]>, Definitions[K]['labels'][number]>;
};

/** The metrics of one process. */
export interface Metrics extends MetricFamilies {
  /** The Content-Type of {@link Metrics.render}. */
  readonly contentType: string;
  /** Everything in Prometheus text format, gauges read anew. */
  render(): Promise<string>;
}

/**
 * The metrics of {@link metricDefinitions}, all at nought, and (unless `processMetrics` is false) those of the
 * process and of Node. Once per process; apps that share a process share it.
 */
export function createMetrics(options: { processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (options.processMetrics !== false) collectDefaultMetrics({ register: registry });
  const families = createFamilies();
  return {
    ...families,
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
    render: async () => {
      const own = await Promise.all(Object.values(families).map((family) => family.render()));
      return own.join('') + (await registry.metrics());
    },
  };
}

function createFamilies(): MetricFamilies {
  const entries = Object.entries<MetricDefinition>(metricDefinitions).map(([key, definition]) => {
    return [key, new MetricFamily(definition, () => createSeries(definition))];
  });
  // each entry was made by its own definition's type, which Object.fromEntries cannot express
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.fromEntries(entries) as MetricFamilies;
}

function createSeries(definition: MetricDefinition): Counter | Gauge | Histogram {
  switch (definition.type) {
    case 'counter':
      return new Counter();
    case 'gauge':
      return new Gauge();
    case 'histogram':
      return new Histogram(definition.buckets ?? []);
  }
}
