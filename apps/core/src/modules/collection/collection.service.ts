import { recordAudit } from '@entrepot/access/audit';
import type {
  createGcSchedule,
  getGc,
  getGcHistory,
  getGcLog,
  getGcSchedule,
  Schedule,
  stopGc,
  updateGcSchedule,
} from '@entrepot/api-contract/collection';
import { apiBase, type InputOf, type ResultOf } from '@entrepot/api-contract/operation';
import { readListPage, type ListSource } from '@entrepot/catalog/list-page';
import type { Database } from '@entrepot/database/database';
import { AppError } from '@entrepot/errors/app-error';
import { CollectionRuns, type CollectionParameters } from '@entrepot/jobs/collection-runs';
import { CronSchedules, type CronKind } from '@entrepot/jobs/cron-schedules';
import { collect } from '@entrepot/jobs/definitions/content';
import { executionSource, Executions, type Execution } from '@entrepot/jobs/executions';
import type { JobQueue } from '@entrepot/jobs/job-queue';
import type { z } from 'zod';
import type { Caller } from '../../http/caller.ts';
import { statusWords, toHistory, toSchedule } from './collection-rows.ts';

type Wanted = z.output<typeof Schedule>;

const kinds = { Hourly: 'hourly', Daily: 'daily', Weekly: 'weekly', Custom: 'custom' } as const;

// what Harbor's portal sends with these types
const usualCrons: Readonly<Record<CronKind, string>> = {
  hourly: '0 0 * * * *',
  daily: '0 0 0 * * *',
  weekly: '0 0 0 * * 0',
  custom: '',
};

const path = `${apiBase}/system/gc`;
const words = Object.entries(statusWords).map(([status, word]) => `WHEN '${status}' THEN '${word}'`);
const statusColumn = {
  sql: `(CASE ${executionSource.status} ${words.join(' ')} END)`,
  type: 'text',
} as const;
const started = { sql: 'e.started_at', type: 'time' } as const;
const ended = { sql: 'e.ended_at', type: 'time' } as const;

const source: ListSource = {
  ...executionSource,
  where: ['e.job = $1'],
  values: [collect.name],
  columns: {
    id: { sql: 'e.id', type: 'number' },
    jobstatus: statusColumn,
    status: statusColumn,
    jobkind: { sql: 'upper(e.trigger)', type: 'text' },
    trigger: { sql: 'upper(e.trigger)', type: 'text' },
    creationtime: started,
    starttime: started,
    updatetime: ended,
    endtime: ended,
  },
  order: 'e.started_at DESC, e.id DESC',
};

/** Collection as administrators see it: its runs, and the schedule that they may give it. */
export class CollectionService {
  readonly #database: Database;
  readonly #runs: CollectionRuns;
  readonly #executions: Executions;
  readonly #schedules: CronSchedules;

  constructor(database: Database, jobs: JobQueue) {
    this.#database = database;
    this.#runs = new CollectionRuns(database, jobs);
    this.#executions = new Executions(database);
    this.#schedules = new CronSchedules(database);
  }

  async list({ list }: InputOf<typeof getGcHistory>): Promise<ResultOf<typeof getGcHistory>> {
    const page = await readListPage<Execution>(this.#database, source, list);
    return { items: page.rows.map(toHistory), total: page.total };
  }

  async get({ params }: InputOf<typeof getGc>): Promise<ResultOf<typeof getGc>> {
    return toHistory(await this.#get(params.gc_id));
  }

  async readLog({ params }: InputOf<typeof getGcLog>): Promise<string> {
    const { id } = await this.#get(params.gc_id);
    const lines = await this.#executions.readLog(id);
    return lines.map(({ writtenAt, line }) => `${writtenAt.toISOString()} [INFO] ${line}\n`).join('');
  }

  async getSchedule(): Promise<ResultOf<typeof getGcSchedule>> {
    const schedule = await this.#schedules.find(collect);
    return schedule === undefined ? undefined : toSchedule(schedule);
  }

  async createSchedule(
    { body }: InputOf<typeof createGcSchedule>,
    caller: Caller,
  ): Promise<ResultOf<typeof createGcSchedule>> {
    const execution = await this.#database.transaction(() => this.#apply(body, caller));
    return { location: `${path}/${execution ?? 'schedule'}`, body: undefined };
  }

  async updateSchedule({ body }: InputOf<typeof updateGcSchedule>, caller: Caller): Promise<void> {
    await this.#database.transaction(() => this.#apply(body, caller));
  }

  async stop({ params }: InputOf<typeof stopGc>, caller: Caller): Promise<void> {
    const { id } = await this.#get(params.gc_id);
    await this.#database.transaction(async () => {
      if (await this.#executions.stop(id)) await this.#record(caller, 'stop', `execution ${id}`);
    });
  }

  async #get(id: number): Promise<Execution> {
    const execution = await this.#executions.find(collect.name, id);
    if (execution === undefined) throw new AppError('NOT_FOUND', `there is no run of collection ${id}`);
    return execution;
  }

  /** Does what a request wants; returns the id of the execution when that is to run now. */
  async #apply(wanted: Wanted, caller: Caller): Promise<number | undefined> {
    const { type, cron } = wanted.schedule;
    if (type === 'None') {
      if (await this.#schedules.delete(collect)) await this.#record(caller, 'delete', 'schedule');
      return undefined;
    }
    const parameters = readParameters(wanted);
    if (type === 'Manual') return await this.#runNow(parameters, caller);
    const kind = kinds[type];
    const isThere = (await this.#schedules.find(collect)) !== undefined;
    const times = cron === undefined || cron === null || cron === '' ? usualCrons[kind] : cron;
    await this.#schedules.put(collect, { kind, cron: times, parameters });
    await this.#record(caller, isThere ? 'update' : 'create', 'schedule', {
      type,
      cron: times,
      ...parameters,
    });
    return undefined;
  }

  async #runNow(parameters: CollectionParameters, caller: Caller): Promise<number> {
    const id = await this.#runs.ask({ trigger: 'manual', ...parameters });
    if (id === undefined) {
      const other = await this.#runs.findAsked();
      const which = other === undefined ? '' : ` (${path}/${other})`;
      throw new AppError(
        'CONFLICT',
        `a run of collection is under way${which}: stop it, or wait for its end`,
      );
    }
    await this.#record(caller, 'start', `execution ${id}`, parameters);
    return id;
  }

  async #record(caller: Caller, operation: string, resource: string, detail: object = {}): Promise<void> {
    await recordAudit(this.#database, caller.origin, {
      operation,
      resourceType: 'garbage_collection',
      resource,
      detail: { ...detail },
    });
  }
}

function readParameters({ parameters }: Wanted): CollectionParameters {
  const workers = parameters?.workers ?? 1;
  if (workers < 1 || workers > 10) {
    throw new AppError('BAD_REQUEST', `parameters.workers: ${workers} is not from 1 to 10`);
  }
  const untagged = parameters?.delete_untagged ?? false;
  return { untagged, dryRun: parameters?.dry_run ?? false, workers };
}
