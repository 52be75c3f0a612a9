import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { nextCronTime } from './cron.ts';
import type { AnyJob } from './job.ts';

/** How people chose the times of a schedule. */
export type CronKind = 'hourly' | 'daily' | 'weekly' | 'custom';

/** Times at which a job is done, as somebody wants it. */
export interface CronSchedule {
  readonly id: number;
  readonly kind: CronKind;
  /** Six fields, as cron.ts reads them. */
  readonly cron: string;
  /** The job's own. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly nextRunAt: Date;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const columns = `id, kind, cron, parameters, next_run_at AS "nextRunAt", created_at AS "createdAt",
  updated_at AS "updatedAt"`;
const find = statement<CronSchedule>(
  'cron-schedule.find',
  `SELECT ${columns} FROM cron_schedule WHERE job = $1`,
);
const put = statement(
  'cron-schedule.put',
  `INSERT INTO cron_schedule (job, kind, cron, parameters, next_run_at) VALUES ($1, $2, $3, $4, $5)
   ON CONFLICT (job) DO UPDATE SET kind = excluded.kind, cron = excluded.cron, parameters = excluded.parameters,
     next_run_at = excluded.next_run_at, updated_at = now()`,
);
const remove = statement<{ id: number }>(
  'cron-schedule.delete',
  'DELETE FROM cron_schedule WHERE job = $1 RETURNING id',
);
const clock = statement<{ now: Date }>('cron-schedule.clock', 'SELECT now() AS now');
const due = statement<CronSchedule & { now: Date }>(
  'cron-schedule.due',
  `SELECT ${columns}, now() AS now FROM cron_schedule WHERE job = $1 AND next_run_at <= now()
   FOR UPDATE SKIP LOCKED`,
);
const move = statement(
  'cron-schedule.move',
  'UPDATE cron_schedule SET last_run_at = now(), next_run_at = $2 WHERE id = $1',
);

/** What people schedule: at most one schedule of a job. Times are those of the database's clock. */
export class CronSchedules {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The schedule of a job, when it has one. */
  async find({ name }: Pick<AnyJob, 'name'>): Promise<CronSchedule | undefined> {
    return (await this.#database.run(find, [name]))[0];
  }

  /** Gives a job its schedule, instead of the one that it had. `BAD_REQUEST` for a bad one. */
  async put(
    { name }: Pick<AnyJob, 'name'>,
    { kind, cron, parameters }: Pick<CronSchedule, 'kind' | 'cron' | 'parameters'>,
  ): Promise<void> {
    const [time] = await this.#database.run(clock);
    const next = nextCronTime(cron, time?.now ?? new Date());
    await this.#database.run(put, [name, kind, cron, JSON.stringify(parameters), next]);
  }

  /** Takes the schedule of a job away. False when there was none. */
  async delete({ name }: Pick<AnyJob, 'name'>): Promise<boolean> {
    return (await this.#database.run(remove, [name])).length > 0;
  }

  /**
   * The schedule of a job when its time has come, in the running transaction: whoever is given it puts the job to
   * do. Nobody else is given it until its next time; times that passed while nobody looked count as one.
   */
  async takeDue({ name }: Pick<AnyJob, 'name'>): Promise<CronSchedule | undefined> {
    const [schedule] = await this.#database.run(due, [name]);
    if (schedule === undefined) return undefined;
    await this.#database.run(move, [schedule.id, nextCronTime(schedule.cron, schedule.now)]);
    return schedule;
  }
}
