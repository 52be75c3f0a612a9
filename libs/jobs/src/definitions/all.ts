import type { AnyJob } from '../job.ts';
import { collect, expireUploads, foldUsage, mirrorLinks, purgeProject, purgeRepository } from './content.ts';
import { createPartitions, pruneLogins, pruneTasks, rotateSigningKey } from './housekeeping.ts';

/** Every job of the product. Jobservice refuses to start when one has no handler, or two. */
export const jobDefinitions: readonly AnyJob[] = [
  purgeRepository,
  purgeProject,
  expireUploads,
  collect,
  foldUsage,
  mirrorLinks,
  rotateSigningKey,
  createPartitions,
  pruneLogins,
  pruneTasks,
];
