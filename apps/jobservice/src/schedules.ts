import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { collectionParameters, CollectionRuns } from '@entrepot/jobs/collection-runs';
import { CronSchedules } from '@entrepot/jobs/cron-schedules';
import { collect, expireUploads, foldUsage, mirrorLinks } from '@entrepot/jobs/definitions/content';
import {
  createPartitions,
  pruneLogins,
  pruneTasks,
  rotateSigningKey,
} from '@entrepot/jobs/definitions/housekeeping';
import type { JobQueue } from '@entrepot/jobs/job-queue';
import type { AnyJob, JobDefinition } from '@entrepot/jobs/job';

/** A job that is done every so many seconds. */
export interface Schedule {
  readonly job: AnyJob;
  readonly seconds: number;
  readonly enqueue: (to: Enqueuing) => Promise<unknown>;
}

interface Enqueuing {
  readonly jobs: JobQueue;
  readonly collection: CollectionRuns;
}

function every<Payload>(seconds: number, job: JobDefinition<Payload>, payload: Payload): Schedule {
  return { job, seconds, enqueue: ({ jobs }) => jobs.enqueue(job, payload) };
}

const minute = 60;
const hour = 60 * minute;

/** Every schedule of the product. */
export const schedules: readonly Schedule[] = [
  every(10, mirrorLinks, {}),
  every(minute, foldUsage, {}),
  { job: collect, seconds: 5 * minute, enqueue: ({ collection }) => collection.enqueueContinuous() },
  every(10 * minute, rotateSigningKey, {}),
  every(15 * minute, pruneLogins, {}),
  every(hour, pruneTasks, {}),
  every(hour, expireUploads, {}),
  every(12 * hour, createPartitions, {}),
];

/** The schedules, with as many minutes between two runs of collection; 0: never by itself. */
export function schedulesWith(collectMinutes: number): readonly Schedule[] {
  return schedules.flatMap((schedule) => {
    if (schedule.job.name !== collect.name) return [schedule];
    return collectMinutes === 0 ? [] : [{ ...schedule, seconds: collectMinutes * minute }];
  });
}

const ensure = statement(
  'schedule.ensure',
  `INSERT INTO schedule (job, next_run_at) SELECT name, now() FROM unnest($1::text[]) name ON CONFLICT (job) DO NOTHING`,
);
const take = statement<{ job: string }>(
  'schedule.take',
  `UPDATE schedule s SET last_run_at = now(), next_run_at = now() + make_interval(secs => d.seconds)
   FROM unnest($1::text[], $2::int[]) d(job, seconds) WHERE s.job = d.job AND s.next_run_at <= now()
   RETURNING s.job`,
);

/** Puts jobs to do when their time has come, once for all processes: who moves the row enqueues the task. */
export class Scheduler {
  readonly #database: Database;
  readonly #schedules: readonly Schedule[];
  readonly #crons: CronSchedules;
  readonly #to: Enqueuing;

  constructor(database: Database, jobs: JobQueue, list: readonly Schedule[]) {
    this.#database = database;
    this.#schedules = list;
    this.#crons = new CronSchedules(database);
    this.#to = { jobs, collection: new CollectionRuns(database, jobs) };
  }

  /** Makes the rows of new schedules; their first time is now. */
  async prepare(): Promise<void> {
    await this.#database.run(ensure, [this.#schedules.map(({ job }) => job.name)]);
  }

  /** Enqueues what is due. A job that is still at work is not enqueued twice. */
  async tick(): Promise<void> {
    const names = this.#schedules.map(({ job }) => job.name);
    const seconds = this.#schedules.map((schedule) => schedule.seconds);
    // what people asked for first: it takes the place of a run that nobody did
    await this.#database.transaction(() => this.#collectAsScheduled());
    await this.#database.transaction(async () => {
      const due = new Set((await this.#database.run(take, [names, seconds])).map((row) => row.job));
      for (const { job, enqueue } of this.#schedules) if (due.has(job.name)) await enqueue(this.#to);
    });
  }

  async #collectAsScheduled(): Promise<void> {
    const due = await this.#crons.takeDue(collect);
    if (due === undefined) return;
    await this.#to.collection.ask({ trigger: 'schedule', ...collectionParameters.parse(due.parameters) });
  }
}
