import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { Tasks } from './tasks.ts';

/** What started a job. */
export type ExecutionTrigger = 'manual' | 'schedule' | 'event';

/** How a run of a job stands. Pending: nobody has begun, or it failed and is tried again soon. */
export type ExecutionStatus = 'pending' | 'running' | 'succeeded' | 'failed' | 'stopped';

/** One run of a job, as people are shown it. `detail` is the job's own: options, progress, result. */
export interface Execution {
  readonly id: number;
  readonly job: string;
  readonly trigger: ExecutionTrigger;
  readonly status: ExecutionStatus;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  /** Its end, or the last sign of life. */
  readonly seenAt: Date;
  readonly detail: Readonly<Record<string, unknown>>;
}

const begin = statement<{ id: number }>(
  'execution.begin',
  `WITH mine AS (SELECT id, job, execution_id FROM task WHERE id = $1), fresh AS (
     INSERT INTO execution (job, trigger, detail) SELECT job, $2, $3 FROM mine WHERE execution_id IS NULL RETURNING id
   ), tied AS (
     UPDATE task t SET execution_id = f.id FROM fresh f WHERE t.id = $1
   ), again AS (
     UPDATE execution e SET status = 'running', ended_at = NULL FROM mine m WHERE e.id = m.execution_id RETURNING e.id
   ) SELECT id FROM fresh UNION ALL SELECT id FROM again`,
);
const report = statement(
  'execution.report',
  'UPDATE execution SET detail = detail || $2::jsonb WHERE id = $1',
);
const end = statement(
  'execution.end',
  'UPDATE execution SET status = $2, ended_at = now(), detail = detail || $3::jsonb WHERE id = $1',
);
// a run whose task was parked after its process had died never ended itself
const statusNow = `CASE WHEN e.status IN ('running', 'failed') AND t.pending THEN 'pending'
  WHEN e.status = 'running' AND t.running IS NOT TRUE THEN 'failed' ELSE e.status END`;

/** Runs as a list of the REST API reads them: `select` gives an {@link Execution}. */
export const executionSource = {
  select: `e.id, e.job, e.trigger, ${statusNow} AS status, e.started_at AS "startedAt", e.ended_at AS "endedAt",
    coalesce(e.ended_at, t.heartbeat_at, e.started_at) AS "seenAt", e.detail`,
  from: `execution e CROSS JOIN LATERAL (
    SELECT bool_or(status = 'pending') AS pending, bool_or(status = 'running') AS running,
      max(heartbeat_at) AS heartbeat_at
    FROM task WHERE execution_id = e.id AND status IN ('pending', 'running')) t`,
  status: statusNow,
} as const;

const find = statement<Execution>(
  'execution.find',
  `SELECT ${executionSource.select} FROM ${executionSource.from} WHERE e.id = $1 AND e.job = $2`,
);
const lines = statement<{ writtenAt: Date; line: string }>(
  'execution.log',
  `SELECT l.written_at AS "writtenAt", l.line FROM task t JOIN task_log l ON l.task_id = t.id
   WHERE t.execution_id = $1 ORDER BY l.id LIMIT 10000`,
);
const openTasks = statement<{ id: number }>(
  'execution.open-tasks',
  `SELECT id FROM task WHERE execution_id = $1 AND status IN ('pending', 'running')`,
);
const endStopped = statement(
  'execution.end-stopped',
  `UPDATE execution SET status = 'stopped', ended_at = now() WHERE id = $1 AND status IN ('running', 'failed') AND NOT EXISTS (
     SELECT 1 FROM task t WHERE t.execution_id = $1 AND t.status IN ('pending', 'running'))`,
);
const prune = statement<{ id: number }>(
  'execution.prune',
  `DELETE FROM execution WHERE id IN (
     SELECT id FROM execution e WHERE started_at < now() - interval '90 days'
       AND NOT EXISTS (SELECT 1 FROM task t WHERE t.execution_id = e.id) LIMIT $1) RETURNING id`,
);

/** The runs of jobs that people watch, stop and look back at. What they do is in the log of their tasks. */
export class Executions {
  readonly #database: Database;
  readonly #tasks: Tasks;

  constructor(database: Database) {
    this.#database = database;
    this.#tasks = new Tasks(database);
  }

  /** The run of which a task is, made at its first attempt, or by whoever put the task to do. */
  async begin(
    taskId: number,
    trigger: ExecutionTrigger,
    detail: Readonly<Record<string, unknown>> = {},
  ): Promise<number> {
    const [row] = await this.#database.run(begin, [taskId, trigger, JSON.stringify(detail)]);
    if (row === undefined) throw new Error(`there is no task ${taskId}`);
    return row.id;
  }

  /** Adds to the detail of a run. */
  async report(id: number, detail: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#database.run(report, [id, JSON.stringify(detail)]);
  }

  /** Ends a run. */
  async end(
    id: number,
    status: Exclude<ExecutionStatus, 'pending' | 'running'>,
    detail: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    await this.#database.run(end, [id, status, JSON.stringify(detail)]);
  }

  /** One run of a job. */
  async find(job: string, id: number): Promise<Execution | undefined> {
    return (await this.#database.run(find, [id, job]))[0];
  }

  /** What a run has written so far, up to 10,000 lines. Kept for a week after its end. */
  async readLog(id: number): Promise<readonly { readonly writtenAt: Date; readonly line: string }[]> {
    return await this.#database.run(lines, [id]);
  }

  /** Stops a run: at once while it waits, at its next heartbeat while it runs. False when it has ended. */
  async stop(id: number): Promise<boolean> {
    let stopped = false;
    for (const task of await this.#database.run(openTasks, [id])) {
      stopped = (await this.#tasks.stop(task.id)) || stopped;
    }
    if (stopped) await this.#database.run(endStopped, [id]);
    return stopped;
  }

  /** Removes up to `limit` runs of more than 90 days ago. Returns how many went. */
  async prune(limit: number): Promise<number> {
    return (await this.#database.run(prune, [limit])).length;
  }
}
