import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { backoffAfter, type AnyJob } from './job.ts';

/** A task that a worker has taken. */
export interface TakenTask {
  readonly id: number;
  readonly job: string;
  readonly key: string | null;
  readonly payload: unknown;
  /** This one included. */
  readonly attempts: number;
}

/** A task that can be done as far as its row knows. */
export interface OpenTask {
  readonly id: number;
  readonly queue: string;
  readonly attempts: number;
}

/** Seconds without a heartbeat after which a task counts as lost with its worker. */
export const lostSeconds = 45;

const take = statement<TakenTask>(
  'task.take',
  `UPDATE task SET status = 'running', owner = $2, attempts = attempts + 1, heartbeat_at = now(), error = NULL,
     started_at = coalesce(started_at, now())
   WHERE id = $1 AND status = 'pending' AND run_after <= now() AND (key IS NULL OR NOT EXISTS (
     SELECT 1 FROM task o WHERE o.job = task.job AND o.key = task.key AND o.id < task.id
       AND o.status IN ('pending', 'running')))
   RETURNING id, job, key, payload, attempts`,
);
const beat = statement<{ id: number; stop: boolean }>(
  'task.beat',
  `UPDATE task SET heartbeat_at = now() WHERE id = ANY ($1) AND owner = $2 AND status = 'running'
   RETURNING id, stop_requested AS stop`,
);
const end = statement<{ id: number }>(
  'task.end',
  `UPDATE task SET status = $3, error = $4, ended_at = now(), owner = NULL
   WHERE id = $1 AND owner = $2 AND status = 'running' RETURNING id`,
);
const drop = statement<{ id: number }>(
  'task.drop',
  `DELETE FROM task WHERE id = $1 AND owner = $2 AND status = 'running' RETURNING id`,
);
const postpone = statement<OpenTask>(
  'task.postpone',
  `UPDATE task SET status = 'pending', error = $4, owner = NULL, run_after = now() + make_interval(secs => $3)
   WHERE id = $1 AND owner = $2 AND status = 'running' RETURNING id, queue, attempts`,
);
const release = statement(
  'task.release',
  `UPDATE task SET status = 'pending', owner = NULL, attempts = attempts - 1, run_after = now()
   WHERE id = $1 AND owner = $2 AND status = 'running'`,
);
const follower = statement<OpenTask>(
  'task.follower',
  `SELECT id, queue, attempts FROM task WHERE job = $1 AND key = $2 AND status = 'pending' ORDER BY id LIMIT 1`,
);
const recover = statement<OpenTask & { status: string }>(
  'task.recover',
  `UPDATE task t SET owner = NULL, heartbeat_at = NULL, run_after = now(), error = 'lost with its worker',
     status = CASE WHEN t.stop_requested THEN 'stopped' WHEN t.attempts >= j.attempts THEN 'parked' ELSE 'pending' END,
     ended_at = CASE WHEN t.stop_requested OR t.attempts >= j.attempts THEN now() END
   FROM unnest($1::text[], $2::int[]) j(name, attempts)
   WHERE t.job = j.name AND t.status = 'running' AND t.heartbeat_at < now() - interval '${lostSeconds} seconds'
   RETURNING t.id, t.queue, t.attempts, t.status`,
);
const forgotten = statement<OpenTask>(
  'task.forgotten',
  `SELECT t.id, t.queue, t.attempts FROM task t
   WHERE t.status = 'pending' AND t.run_after <= now() - make_interval(secs => $1) AND (t.key IS NULL OR NOT EXISTS (
     SELECT 1 FROM task o WHERE o.job = t.job AND o.key = t.key AND o.id < t.id AND o.status IN ('pending', 'running')))
   ORDER BY t.run_after LIMIT 500`,
);
const stop = statement<{ status: string }>(
  'task.stop',
  `UPDATE task SET stop_requested = true, status = CASE status WHEN 'running' THEN 'running' ELSE 'stopped' END,
     ended_at = CASE status WHEN 'running' THEN ended_at ELSE now() END
   WHERE id = $1 AND status IN ('pending', 'running', 'parked') RETURNING status`,
);
const prune = statement<{ id: number }>(
  'task.prune',
  `DELETE FROM task WHERE id IN (
     SELECT id FROM task WHERE ended_at < now() - interval '7 days' AND status <> 'parked' LIMIT $1) RETURNING id`,
);
const ages = statement<{ queue: string; seconds: number }>(
  'task.ages',
  `SELECT queue, extract(epoch FROM now() - min(run_after))::float8 AS seconds FROM task
   WHERE status = 'pending' AND run_after <= now() GROUP BY queue`,
);

/** The rows of tasks: the durable record of what is to be done, is being done, and was done. */
export class Tasks {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Takes a task for `owner`. `undefined` when it is not to be done now: taken, ended, due later, or, where order
   * matters, an earlier one of its key is open.
   */
  async take(id: number, owner: string): Promise<TakenTask | undefined> {
    return (await this.#database.run(take, [id, owner]))[0];
  }

  /** Says that tasks are being worked on. Returns those that still are this owner's; `stop`: stop it. */
  async beat(ids: readonly number[], owner: string): Promise<readonly { id: number; stop: boolean }[]> {
    return await this.#database.run(beat, [ids, owner]);
  }

  /** Ends a task well: off the record when nobody wants to read it. False when it was taken away meanwhile. */
  async succeed(task: TakenTask, owner: string, definition: Pick<AnyJob, 'recorded'>): Promise<boolean> {
    if (!definition.recorded) return (await this.#database.run(drop, [task.id, owner])).length > 0;
    return (await this.#database.run(end, [task.id, owner, 'succeeded', null])).length > 0;
  }

  /** Ends a task that was asked to stop. */
  async stopped(task: TakenTask, owner: string): Promise<void> {
    await this.#database.run(end, [task.id, owner, 'stopped', null]);
  }

  /** Gives a task back that was not finished because its process ends: the attempt does not count. */
  async release(task: TakenTask, owner: string): Promise<void> {
    await this.#database.run(release, [task.id, owner]);
  }

  /**
   * Ends an attempt that failed: to be tried again later, which is returned, or parked when it was the last.
   * A parked task stays on record until somebody looks, and its key goes on.
   */
  async fail(
    task: TakenTask,
    owner: string,
    definition: Pick<AnyJob, 'attempts' | 'backoffSeconds'>,
    error: string,
  ): Promise<(OpenTask & { readonly seconds: number }) | undefined> {
    if (task.attempts >= definition.attempts) {
      await this.#database.run(end, [task.id, owner, 'parked', error]);
      return undefined;
    }
    const seconds = backoffAfter(definition, task.attempts);
    const [open] = await this.#database.run(postpone, [task.id, owner, seconds, error]);
    return open === undefined ? undefined : { ...open, seconds };
  }

  /** The next task of a key, which could not begin while the one before it was open. */
  async findFollower(task: TakenTask): Promise<OpenTask | undefined> {
    if (task.key === null) return undefined;
    return (await this.#database.run(follower, [task.job, task.key]))[0];
  }

  /**
   * Finds what was lost: tasks whose worker died (open again, or parked after the last attempt), and tasks that
   * have been due for `dueSeconds` and whose message did not come. Returns all that can be done now.
   */
  async sweep(definitions: readonly AnyJob[], dueSeconds = 10): Promise<OpenTask[]> {
    const names = definitions.map((definition) => definition.name);
    const attempts = definitions.map((definition) => definition.attempts);
    const lost = await this.#database.run(recover, [names, attempts]);
    const open = lost.filter((task) => task.status === 'pending');
    return [...open, ...(await this.#database.run(forgotten, [dueSeconds]))];
  }

  /**
   * Stops a task: at once while it waits, at its next heartbeat while it runs. False when it has ended.
   */
  async stop(id: number): Promise<boolean> {
    return (await this.#database.run(stop, [id])).length > 0;
  }

  /** Removes up to `limit` tasks that ended more than a week ago. Parked ones stay. Returns how many went. */
  async prune(limit: number): Promise<number> {
    return (await this.#database.run(prune, [limit])).length;
  }

  /** Seconds for which the oldest due task of each queue has waited; queues without one are left out. */
  async ages(): Promise<ReadonlyMap<string, number>> {
    return new Map((await this.#database.run(ages)).map((row) => [row.queue, row.seconds]));
  }
}
