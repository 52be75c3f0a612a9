import { metricDefinitions } from '../../libs/telemetry/src/metric-definitions.ts';
import type { MetricDefinition } from '../../libs/telemetry/src/metric-family.ts';

/** Writes the list of metrics as a page. */
export function generate(): { path: string; text: string }[] {
  const rows = Object.values<MetricDefinition>(metricDefinitions).map(toRow);
  const text = `# Metrics

Generated from libs/telemetry/src/metric-definitions.ts by \`pnpm gen\`; do not edit.

\`GET /metrics\` answers in the Prometheus text format, on the address of \`ENTREPOT_METRICS_ADDRESS\`.

| metric | type | labels | what it says |
|---|---|---|---|
${rows.join('\n')}

Beside them stand those of the process and of Node: \`process_*\` and \`nodejs_*\`.

## Buckets

${bucketRows().join('\n')}
`;
  return [{ path: 'docs/reference/metrics.md', text }];
}

function toRow({ name, type, labels, help }: MetricDefinition): string {
  return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`;
}

function bucketRows(): string[] {
  return Object.values<MetricDefinition>(metricDefinitions).flatMap(({ name, buckets }) =>
    buckets === undefined ? [] : [`- \`${name}\`: ${buckets.join(', ')}`],
  );
}
