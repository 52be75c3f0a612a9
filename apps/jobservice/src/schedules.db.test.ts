import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '@entrepot/database/database';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { CronSchedules } from '@entrepot/jobs/cron-schedules';
import { collect } from '@entrepot/jobs/definitions/content';
import { Executions } from '@entrepot/jobs/executions';
import { JobQueue } from '@entrepot/jobs/job-queue';
import { Tasks } from '@entrepot/jobs/tasks';
import { migrateQueues, WakeQueue } from '@entrepot/jobs/wake-queue';
import { createLogger } from '@entrepot/telemetry/logger';
import { Scheduler, schedulesWith } from './schedules.ts';

const log = createLogger({ level: 'silent' });

let test: TestDatabase;
let database: Database;
let wakes: WakeQueue;
let crons: CronSchedules;
let executions: Executions;
let tasks: Tasks;

beforeAll(async () => {
  test = await createTestDatabase();
  database = test.database;
  await migrateQueues(test.connection);
  wakes = new WakeQueue({ kind: 'postgres', connection: test.connection }, log);
  crons = new CronSchedules(database);
  executions = new Executions(database);
  tasks = new Tasks(database);
});
beforeEach(async () => {
  await database.query('DELETE FROM task');
  await database.query('DELETE FROM execution');
  await crons.delete(collect);
});
afterAll(async () => {
  await wakes.close();
  await test.close();
});

function aScheduler(collectMinutes = 0): Scheduler {
  return new Scheduler(database, new JobQueue(database, wakes, log), schedulesWith(collectMinutes));
}

async function nextYear(): Promise<void> {
  await crons.put(collect, {
    kind: 'custom',
    cron: '0 0 3 1 1 *',
    parameters: { untagged: true, workers: 3 },
  });
}

async function hasCome(): Promise<void> {
  await database.query(`UPDATE cron_schedule SET next_run_at = now() - interval '3 hours'`);
}

async function continuousIsDue(): Promise<void> {
  await database.query('UPDATE schedule SET next_run_at = now() WHERE job = $1', [collect.name]);
}

async function idOf(unique: string): Promise<number> {
  const [task] = await database.query<{ id: number }>(
    'SELECT id FROM task WHERE unique_key = $1 AND job = $2',
    [unique, collect.name],
  );
  return task?.id ?? 0;
}

async function collections(): Promise<
  readonly { status: string; payload: unknown; execution: number | null }[]
> {
  return await database.query(
    `SELECT status, payload, execution_id AS execution FROM task WHERE job = $1 ORDER BY id`,
    [collect.name],
  );
}

describe('a schedule that somebody made', () => {
  it('is due once for all processes, with its parameters, as an execution that is there at once', async () => {
    await nextYear();
    await hasCome();
    await Promise.all([aScheduler(), aScheduler(), aScheduler()].map((each) => each.tick()));
    await aScheduler().tick();
    const [task, ...more] = await collections();
    expect(more).toEqual([]);
    expect(task?.payload).toEqual({ trigger: 'schedule', dryRun: false, untagged: true, workers: 3 });
    expect(await executions.find(collect.name, task?.execution ?? 0)).toMatchObject({
      trigger: 'schedule',
      status: 'pending',
      detail: { untagged: true, workers: 3 },
    });
    const schedule = await crons.find(collect);
    expect(schedule?.nextRunAt.toISOString()).toMatch(/^\d{4}-01-01T03:00:00.000Z$/);
    expect(schedule?.nextRunAt.getTime()).toBeGreaterThan(Date.now());
  });

  it('does nothing before its time, and nothing more once it is taken away', async () => {
    await nextYear();
    await aScheduler().tick();
    expect(await collections()).toEqual([]);
    await hasCome();
    expect(await crons.delete(collect)).toBe(true);
    await aScheduler().tick();
    expect(await collections()).toEqual([]);
    expect(await crons.delete(collect)).toBe(false);
  });

  it('skips a time at which the run before still works', async () => {
    await nextYear();
    await hasCome();
    await aScheduler().tick();
    await hasCome();
    await aScheduler().tick();
    expect(await collections()).toHaveLength(1);
  });

  it('is replaced by the next one', async () => {
    await nextYear();
    const before = await crons.find(collect);
    await crons.put(collect, { kind: 'hourly', cron: '0 0 * * * *', parameters: {} });
    const after = await crons.find(collect);
    expect(after).toMatchObject({ id: before?.id, kind: 'hourly', parameters: {} });
    expect((after?.nextRunAt.getTime() ?? 0) - Date.now()).toBeLessThanOrEqual(3_600_000);
  });

  it('takes the place of the run that nobody asked for, and those go on after it', async () => {
    await aScheduler(5).prepare();
    await continuousIsDue();
    await aScheduler(5).tick();
    const continuous = await idOf('');
    expect(await tasks.take(continuous, 'a worker')).toMatchObject({ payload: {} });
    await nextYear();
    await hasCome();
    await continuousIsDue();
    await aScheduler(5).tick();
    expect(await tasks.beat([continuous], 'a worker')).toEqual([{ id: continuous, stop: true }]);
    // one at a time: not before the other one has ended
    const asked = await idOf('asked');
    expect(await tasks.take(asked, 'a worker')).toBeUndefined();
    await database.query(`UPDATE task SET status = 'stopped' WHERE id = $1`, [continuous]);
    expect(await tasks.take(asked, 'a worker')).toBeDefined();
  });
});
