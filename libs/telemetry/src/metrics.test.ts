import { describe, expect, test } from 'vitest';
import { metricDefinitions } from './metric-definitions.ts';
import { createMetrics } from './metrics.ts';

describe('createMetrics', () => {
  test('counts per label values, and a bound series is the series', async () => {
    const metrics = createMetrics({ processMetrics: false });
    const labels = { app: 'registry', method: 'GET', route: 'manifest', status: 200 };
    const bound = metrics.requests.with(labels);
    bound.add();
    metrics.requests.with(labels).add();
    metrics.requests.with({ ...labels, status: '200' }).add();
    expect(await metrics.render()).toContain(
      'entrepot_requests_total{app="registry",method="GET",route="manifest",status="200"} 3\n',
    );
  });

  test('a histogram counts each value in its bucket and all above', async () => {
    const metrics = createMetrics({ processMetrics: false });
    const series = metrics.lookupBatch.with({});
    for (const keys of [1, 3, 300]) series.observe(keys);
    const text = await metrics.render();
    expect(text).toContain('entrepot_lookup_batch_keys_bucket{le="1"} 1\n');
    expect(text).toContain('entrepot_lookup_batch_keys_bucket{le="4"} 2\n');
    expect(text).toContain('entrepot_lookup_batch_keys_bucket{le="256"} 2\n');
    expect(text).toContain('entrepot_lookup_batch_keys_bucket{le="+Inf"} 3\n');
    expect(text).toContain('entrepot_lookup_batch_keys_sum 304\nentrepot_lookup_batch_keys_count 3\n');
  });

  test('a gauge is read at each collection and keeps its last value while the reader fails', async () => {
    const metrics = createMetrics({ processMetrics: false });
    let read = (): Promise<number> => Promise.resolve(7);
    metrics.outboxRows.with({}).readWith(() => read());
    expect(await metrics.render()).toContain('entrepot_outbox_rows 7\n');
    read = () => Promise.reject(new Error('database away'));
    expect(await metrics.render()).toContain('entrepot_outbox_rows 7\n');
  });

  test('metrics without labels are shown at nought from the start', async () => {
    expect(await createMetrics({ processMetrics: false }).render()).toContain(
      'entrepot_blobs_committed_total 0\n',
    );
  });

  test('escapes label values', async () => {
    const metrics = createMetrics({ processMetrics: false });
    metrics.cacheHits.with({ cache: 'a"b\\c\nd' }).add();
    expect(await metrics.render()).toContain('{cache="a\\"b\\\\c\\nd"} 1\n');
  });

  test('shows the process and Node beside its own', async () => {
    const text = await createMetrics().render();
    expect(text).toContain('process_cpu_seconds_total');
    expect(text).toContain('nodejs_eventloop_lag_seconds');
  });

  test('every name is entrepot_<noun>_<unit>, once, and every histogram has ascending buckets', () => {
    const definitions = Object.values(metricDefinitions);
    for (const definition of definitions) {
      expect(definition.name).toMatch(/^entrepot(_[a-z]+)+$/);
      expect(definition.type === 'counter').toBe(definition.name.endsWith('_total'));
      const buckets: readonly number[] = 'buckets' in definition ? definition.buckets : [];
      expect(buckets).toEqual([...buckets].toSorted((a, b) => a - b));
    }
    expect(new Set(definitions.map(({ name }) => name)).size).toBe(definitions.length);
  });
});
