import type { JobHandler } from '@entrepot/jobs/handler';
import { collectHandler, type CollectResources } from './collect.ts';
import { expireUploadsHandler, type UploadResources } from './expire-uploads.ts';
import { foldUsageHandler } from './fold-usage.ts';
import { housekeepingHandlers, type HousekeepingResources } from './housekeeping.ts';
import { mirrorLinksHandler } from './mirror-links.ts';
import { purgeProjectHandler } from './purge-project.ts';
import { purgeRepositoryHandler } from './purge-repository.ts';

/** Every handler. Jobservice refuses to start when a job has none here, or two. */
export function createHandlers(
  resources: HousekeepingResources & UploadResources & CollectResources,
): JobHandler[] {
  return [
    purgeRepositoryHandler(resources),
    purgeProjectHandler(resources),
    expireUploadsHandler(resources),
    collectHandler(resources),
    foldUsageHandler(resources),
    mirrorLinksHandler(resources),
    ...housekeepingHandlers(resources),
  ];
}
