import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { readReviewAge, reviewKinds } from '@entrepot/catalog/collection/due-reviews';
import type { CollectionWindows } from '@entrepot/catalog/collection/collection-windows';
import { queueNames } from '@entrepot/jobs/job';
import { Tasks } from '@entrepot/jobs/tasks';
import type { Metrics } from '@entrepot/telemetry/metrics';

// an outbox that nobody empties must not make the scrape slow as well
const depth = statement<{ rows: number }>(
  'outbox.depth',
  'SELECT count(*)::int AS rows FROM (SELECT 1 FROM outbox LIMIT 100000) waiting',
);

/** Lets the metrics read, when they are asked for, how long tasks and reviews have waited and how many facts wait. */
export function reportQueues(database: Database, metrics: Metrics, windows: CollectionWindows): void {
  const tasks = new Tasks(database);
  for (const queue of queueNames) {
    metrics.queueAge.with({ queue }).readWith(async () => (await tasks.ages()).get(queue) ?? 0);
  }
  for (const kind of reviewKinds) {
    metrics.reviewAge.with({ kind }).readWith(() => readReviewAge(database, kind, windows));
  }
  metrics.outboxRows.with({}).readWith(async () => (await database.run(depth))[0]?.rows ?? 0);
}
