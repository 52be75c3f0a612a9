import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { z } from 'zod';
import { collect } from './definitions/content.ts';
import { Executions } from './executions.ts';
import type { JobQueue } from './job-queue.ts';
import { Tasks } from './tasks.ts';

/** How a run of collection is wanted; kept in its schedule and its execution. */
export const collectionParameters = z.object({
  /** Only counts what would go. */
  dryRun: z.boolean().default(false),
  /** Deletes every untagged manifest too, whatever its project wants. */
  untagged: z.boolean().default(false),
  /** As Harbor's clients send it; nothing depends on it. */
  workers: z.int().default(1),
});

/** What {@link collectionParameters} reads. */
export type CollectionParameters = z.output<typeof collectionParameters>;

/** A run of collection that somebody wants. */
export interface CollectionRequest extends CollectionParameters {
  readonly trigger: 'manual' | 'schedule';
}

const continuous = statement<{ id: number }>(
  'collection.continuous',
  `SELECT id FROM task WHERE job = $1 AND unique_key = '' AND status IN ('pending', 'running')`,
);
const asked = statement<{ id: number }>(
  'collection.asked',
  `SELECT execution_id AS id FROM task
   WHERE job = $1 AND unique_key = 'asked' AND status IN ('pending', 'running') AND execution_id IS NOT NULL`,
);

/** Runs of collection are done one at a time, in the order in which they were asked for. */
const key = 'all';

/** Puts collection to do: by itself every few minutes, or because somebody asks. */
export class CollectionRuns {
  readonly #database: Database;
  readonly #jobs: JobQueue;
  readonly #tasks: Tasks;
  readonly #executions: Executions;

  constructor(database: Database, jobs: JobQueue) {
    this.#database = database;
    this.#jobs = jobs;
    this.#tasks = new Tasks(database);
    this.#executions = new Executions(database);
  }

  /** One of the runs that nobody asks for; nothing when one waits or runs. */
  async enqueueContinuous(): Promise<void> {
    await this.#jobs.enqueue(collect, {}, { key });
  }

  /**
   * A run that somebody asks for, in the running transaction. It takes the place of a continuous one, which ends at
   * its next heartbeat. Returns the id of its execution; `undefined` when one that was asked for waits or runs.
   */
  async ask(request: CollectionRequest): Promise<number | undefined> {
    const taskId = await this.#jobs.enqueue(collect, request, { key });
    if (taskId === undefined) return undefined;
    for (const task of await this.#database.run(continuous, [collect.name])) await this.#tasks.stop(task.id);
    const { trigger, ...detail } = request;
    return await this.#executions.begin(taskId, trigger, detail);
  }

  /** The execution that was asked for and waits or runs. */
  async findAsked(): Promise<number | undefined> {
    return (await this.#database.run(asked, [collect.name]))[0]?.id;
  }
}
