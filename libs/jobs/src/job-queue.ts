import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import type { Logger } from '@entrepot/telemetry/logger';
import type { JobDefinition } from './job.ts';
import type { WakeQueue } from './wake-queue.ts';

const insert = statement<{ id: number }>(
  'task.insert',
  `INSERT INTO task (job, queue, key, unique_key, payload, run_after)
   VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))
   ON CONFLICT (job, unique_key) WHERE unique_key IS NOT NULL AND status IN ('pending', 'running') DO NOTHING
   RETURNING id`,
);

/** What may be said about one task beside its payload. */
export interface EnqueueOptions {
  /** Of an ordered job: tasks of one key are done one after the other. */
  readonly key?: string;
  readonly delaySeconds?: number;
}

/** Puts work to do. */
export class JobQueue {
  readonly #database: Database;
  readonly #wakes: WakeQueue;
  readonly #log: Logger;

  constructor(database: Database, wakes: WakeQueue, log: Logger) {
    this.#database = database;
    this.#wakes = wakes;
    this.#log = log;
  }

  /**
   * Writes a task in the running transaction: it exists exactly if that commits, and a worker is woken after.
   * Returns its id; `undefined` when the same one waits or runs already. Throws a ZodError for another payload.
   */
  async enqueue<Payload>(
    definition: JobDefinition<Payload>,
    payload: Payload,
    options: EnqueueOptions = {},
  ): Promise<number | undefined> {
    const parsed = definition.payload.parse(payload);
    const { name, queue } = definition;
    const unique = definition.uniqueBy?.(parsed) ?? null;
    const key = definition.ordered ? (options.key ?? null) : null;
    const delay = options.delaySeconds ?? 0;
    const [task] = await this.#database.run(insert, [
      name,
      queue,
      key,
      unique,
      JSON.stringify(parsed),
      delay,
    ]);
    if (task === undefined) return undefined;
    this.#database.afterCommit(() => {
      const wake = { queue, taskId: task.id, attempts: 0, delayMilliseconds: delay * 1000 };
      // not waited for: the row is what counts, and the sweeper finds it
      this.#wakes
        .send([wake])
        .catch((error: unknown) => this.#log.warn({ error, task: task.id }, 'task not announced'));
    });
    return task.id;
  }
}
