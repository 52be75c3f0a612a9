import { z } from 'zod';
import { job } from '../job.ts';

/** A fact as the relay puts it into a task; libs/events reads it. */
const fact = z.object({
  id: z.int(),
  fact: z.string(),
  version: z.int(),
  key: z.string(),
  payload: z.unknown(),
  happenedAt: z.string(),
});

export const purgeRepository = job({
  name: 'repository.purge',
  summary: 'Removes the content of a deleted repository, in batches.',
  queue: 'content',
  payload: fact,
  attempts: 10,
  timeoutSeconds: 6 * 3600,
});

export const purgeProject = job({
  name: 'project.purge',
  summary: 'Removes what is left in a deleted project: repositories, members, robots.',
  queue: 'content',
  payload: fact,
  attempts: 10,
  timeoutSeconds: 6 * 3600,
});

export const foldUsage = job({
  name: 'usage.fold',
  summary: 'Adds up what pushes and deletions have changed in the use of projects.',
  queue: 'maintenance',
  payload: z.object({}),
  recorded: false,
  uniqueBy: () => '',
});

export const expireUploads = job({
  name: 'upload.expire',
  summary: 'Removes uploads whose id has expired, and bytes that dead processes left.',
  queue: 'content',
  payload: z.object({}),
  timeoutSeconds: 3600,
  recorded: false,
  uniqueBy: () => '',
});

export const collect = job({
  name: 'content.collect',
  summary:
    'Removes what nobody references: deleted manifests whose time is over, unused links, blobs and their bytes.',
  queue: 'maintenance',
  payload: z.object({
    /** Of a run that somebody asked for; none: one of those that the product does by itself. */
    trigger: z.enum(['manual', 'schedule']).optional(),
    /** Only counts what would go. */
    dryRun: z.boolean().optional(),
    /** Deletes every untagged manifest too, whatever its project wants. */
    untagged: z.boolean().optional(),
    /** What Harbor's clients ask for; told in the log, while collection finds its own rate. */
    workers: z.int().optional(),
  }),
  attempts: 3,
  timeoutSeconds: 24 * 3600,
  uniqueBy: ({ trigger }) => (trigger === undefined ? '' : 'asked'),
  ordered: true,
});

export const mirrorLinks = job({
  name: 'mirror.write',
  summary: 'Makes the files of repositories, in the layout of distribution, equal to what the database says.',
  queue: 'content',
  payload: z.object({}),
  timeoutSeconds: 3600,
  recorded: false,
  uniqueBy: () => '',
});
