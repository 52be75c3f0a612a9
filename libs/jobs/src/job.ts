import type { z } from 'zod';

/** Classes of work: what waits in one never delays another. */
export const queueNames = ['content', 'maintenance'] as const;

/** One of {@link queueNames}. */
export type QueueName = (typeof queueNames)[number];

/** Everything about a job but the code that does it. */
export interface JobDefinition<Payload> {
  /** `<noun>.<verb>`. */
  readonly name: string;
  /** Its line in docs/reference/jobs.md. */
  readonly summary: string;
  readonly queue: QueueName;
  /** Ids, not snapshots. Changed by optional members only: tasks of the version before are still waiting. */
  readonly payload: z.ZodType<Payload>;
  /** How often it is tried before it is parked. */
  readonly attempts: number;
  /** Seconds before the second attempt; doubled each time, up to an hour. */
  readonly backoffSeconds: number;
  /** Seconds after which an attempt is stopped. */
  readonly timeoutSeconds: number;
  /** While a task with the same text waits or runs, another one is not made. */
  readonly uniqueBy?: (payload: Payload) => string;
  /** Whether tasks of one key are done one at a time, in the order in which they were made. */
  readonly ordered: boolean;
  /** Whether a task that succeeded stays on record, for a week. Housekeeping does not. */
  readonly recorded: boolean;
}

/** Any job, where the payload does not matter. */
export type AnyJob = Omit<JobDefinition<never>, 'payload' | 'uniqueBy'>;

type Optional = 'attempts' | 'backoffSeconds' | 'timeoutSeconds' | 'ordered' | 'recorded';

/** Declares a job. Unless said otherwise: five attempts, the first again after ten seconds, ten minutes each. */
export function job<Payload>(
  definition: Omit<JobDefinition<Payload>, Optional> & Partial<Pick<JobDefinition<Payload>, Optional>>,
): JobDefinition<Payload> {
  const defaults = { attempts: 5, backoffSeconds: 10, timeoutSeconds: 600, ordered: false, recorded: true };
  return { ...defaults, ...definition };
}

/** Seconds to wait after an attempt (1 for the first) that failed. */
export function backoffAfter(definition: Pick<AnyJob, 'backoffSeconds'>, attempt: number): number {
  return Math.min(3600, definition.backoffSeconds * 2 ** (attempt - 1));
}
