import { countCollectable } from '@entrepot/catalog/collection/count-collectable';
import type { CollectionWindows } from '@entrepot/catalog/collection/collection-windows';
import { Collector, type CollectionRun } from '@entrepot/catalog/collection/collector';
import { listUntaggedManifests } from '@entrepot/catalog/collection/untagged-manifests';
import type { ContentStore } from '@entrepot/content-store/content-store';
import type { Database } from '@entrepot/database/database';
import { collect } from '@entrepot/jobs/definitions/content';
import { Executions } from '@entrepot/jobs/executions';
import { handle, type JobContext, type JobHandler } from '@entrepot/jobs/handler';
import type { Metrics } from '@entrepot/telemetry/metrics';
import { collectionHeld, isCollectionHeld } from '../collection-hold.ts';
import { CollectionReport, type Counted } from '../collection-report.ts';
import { checkSameStorage } from '../same-storage.ts';

/** What this handler needs. */
export interface CollectResources {
  readonly database: Database;
  readonly store: ContentStore;
  readonly metrics: Metrics;
  readonly windows: CollectionWindows;
}

/**
 * Removes what nobody references, or counts it. A run that nobody asked for leaves an execution behind only when it
 * found something.
 */
export function collectHandler(resources: CollectResources): JobHandler {
  const { database, store, metrics, windows } = resources;
  const executions = new Executions(database);
  const checkStorage = async (): Promise<void> => {
    if (await isCollectionHeld(database)) throw collectionHeld();
    await checkSameStorage(database, store);
  };
  const collector = new Collector({ database, bytes: store, windows, checkStorage });
  return handle(collect, async (payload, context) => {
    const { trigger, dryRun = false, untagged = false, workers } = payload;
    if (trigger === undefined && (await isCollectionHeld(database)))
      return context.log(collectionHeld().message);
    const report = new CollectionReport({ database, executions, metrics, windows, context, trigger });
    if (trigger !== undefined) await report.begin({ dryRun, untagged });
    if (workers !== undefined) context.log(`workers: ${workers} (collection finds its own rate)`);
    try {
      if (dryRun) await report.counted(await count(resources, context.signal, untagged));
      else await report.succeed(await collector.run(runOf(report, context, untagged)));
    } catch (error) {
      await report.fail(error);
      throw error;
    }
  });
}

async function count(
  { database, windows }: CollectResources,
  signal: AbortSignal,
  untagged: boolean,
): Promise<Counted> {
  let found = 0;
  if (untagged) {
    for await (const page of listUntaggedManifests(database, windows.reviewSeconds)) {
      signal.throwIfAborted();
      found += page.length;
    }
  }
  return { ...(await countCollectable(database, windows, signal)), untagged: found };
}

function runOf(report: CollectionReport, { signal }: JobContext, untagged: boolean): CollectionRun {
  return { signal, untagged, onProgress: (totals) => report.progress(totals) };
}
