import { z } from 'zod';
import { job } from '../job.ts';

const once = { queue: 'maintenance', payload: z.object({}), recorded: false, uniqueBy: () => '' } as const;

export const rotateSigningKey = job({
  ...once,
  name: 'signing-key.rotate',
  summary: 'Announces the next signing key, lets it sign when every verifier knows it, removes old ones.',
});

export const createPartitions = job({
  ...once,
  name: 'audit.partition',
  summary: 'Creates the coming months of the tables that grow with time.',
});

export const pruneLogins = job({
  ...once,
  name: 'login-failure.prune',
  summary: 'Forgets failed log-ins and refresh tokens whose time is over.',
});

export const pruneTasks = job({
  ...once,
  name: 'task.prune',
  summary: 'Removes tasks that ended more than a week ago, and their logs.',
});
