import type { JobHandler } from '@entrepot/jobs/handler';
import { foldUsageHandler } from './fold-usage.ts';
import { housekeepingHandlers, type HousekeepingResources } from './housekeeping.ts';
import { purgeProjectHandler } from './purge-project.ts';
import { purgeRepositoryHandler } from './purge-repository.ts';

/** Every handler. Jobservice refuses to start when a job has none here, or two. */
export function createHandlers(resources: HousekeepingResources): JobHandler[] {
  return [
    purgeRepositoryHandler(resources),
    purgeProjectHandler(resources),
    foldUsageHandler(resources),
    ...housekeepingHandlers(resources),
  ];
}
