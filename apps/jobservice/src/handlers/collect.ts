import { countCollectable } from '@entrepot/catalog/collection/count-collectable';
import type { CollectionWindows } from '@entrepot/catalog/collection/collection-windows';
import { Collector, type CollectionRun } from '@entrepot/catalog/collection/collector';
import type { ContentStore } from '@entrepot/content-store/content-store';
import type { Database } from '@entrepot/database/database';
import { collect } from '@entrepot/jobs/definitions/content';
import { Executions } from '@entrepot/jobs/executions';
import { handle, type JobContext, type JobHandler } from '@entrepot/jobs/handler';
import type { Metrics } from '@entrepot/telemetry/metrics';
import { CollectionReport } from '../collection-report.ts';
import { checkSameStorage } from '../same-storage.ts';

/** What this handler needs. */
export interface CollectResources {
  readonly database: Database;
  readonly store: ContentStore;
  readonly metrics: Metrics;
  readonly windows: CollectionWindows;
}

/**
 * Removes what nobody references, or counts it. A run of the schedule that finds nothing leaves no execution behind; one
 * that somebody asked for always does.
 */
export function collectHandler(resources: CollectResources): JobHandler {
  const { database, store, metrics, windows } = resources;
  const executions = new Executions(database);
  const checkStorage = (): Promise<void> => checkSameStorage(database, store);
  const collector = new Collector({ database, bytes: store, windows, checkStorage });
  return handle(collect, async ({ trigger = 'schedule', dryRun = false, untagged = false }, context) => {
    const report = new CollectionReport({ database, executions, metrics, windows, context, trigger });
    if (trigger === 'manual') await report.begin({ dryRun, untagged });
    try {
      if (dryRun) await report.counted(await countCollectable(database, windows, context.signal));
      else await report.succeed(await collector.run(runOf(report, context, untagged)));
    } catch (error) {
      await report.fail(error);
      throw error;
    }
  });
}

function runOf(report: CollectionReport, { signal }: JobContext, untagged: boolean): CollectionRun {
  return { signal, untagged, onProgress: (totals) => report.progress(totals) };
}
