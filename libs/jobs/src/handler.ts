import { AppError } from '@entrepot/errors/app-error';
import type { AnyJob, JobDefinition } from './job.ts';

/** What a handler is given beside the payload. */
export interface JobContext {
  readonly taskId: number;
  /** 1 for the first. */
  readonly attempt: number;
  /** Aborted when the task is stopped, its time is over, or the process ends: end soon, or throw its reason. */
  readonly signal: AbortSignal;
  /** A line of the task's log, which people can read while it runs. No secrets. */
  readonly log: (line: string) => void;
}

/** A job with the code that does it. */
export interface JobHandler {
  readonly definition: AnyJob;
  /** Throws a ZodError for a payload that is none of the job's. */
  run(payload: unknown, context: JobContext): Promise<void>;
}

/**
 * Ties code to a job. It must be idempotent: a task is done at least once, and again after a crash. Long ones
 * work in batches, each its own transaction, and look at `signal` between them.
 */
export function handle<Payload>(
  definition: JobDefinition<Payload>,
  work: (payload: Payload, context: JobContext) => Promise<void>,
): JobHandler {
  return { definition, run: (payload, context) => work(definition.payload.parse(payload), context) };
}

/** Refuses (`INTERNAL`) a list of handlers in which a definition has none, or two. */
export function checkHandlers(definitions: readonly AnyJob[], handlers: readonly JobHandler[]): void {
  const problems = definitions.flatMap(({ name }) => {
    const count = handlers.filter((handler) => handler.definition.name === name).length;
    return count === 1 ? [] : [`${name} has ${count === 0 ? 'none' : count}`];
  });
  const unknown = handlers.filter(
    ({ definition }) => !definitions.some(({ name }) => name === definition.name),
  );
  problems.push(...unknown.map(({ definition }) => `${definition.name} is not declared`));
  if (problems.length > 0) {
    throw new AppError('INTERNAL', `each job needs one handler: ${problems.join(', ')}`);
  }
}
