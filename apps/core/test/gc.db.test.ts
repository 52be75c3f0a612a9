import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aRobot, aUser, password } from '@entrepot/access/testing';
import { collect } from '@entrepot/jobs/definitions/content';
import { Executions } from '@entrepot/jobs/executions';
import { TaskLog } from '@entrepot/jobs/task-log';
import { Tasks } from '@entrepot/jobs/tasks';
import { migrateQueues } from '@entrepot/jobs/wake-queue';
import { startTestCore, type As, type TestAnswer, type TestCore } from './test-core.ts';

const admin: As = ['admin', password];
const gc = '/api/v2.0/system/gc';
let core: TestCore;
let executions: Executions;
let tasks: Tasks;

beforeAll(async () => {
  core = await startTestCore();
  await migrateQueues(core.connection);
  await aUser(core.database, { username: 'admin', sysadmin: true });
  executions = new Executions(core.database);
  tasks = new Tasks(core.database);
});
beforeEach(async () => {
  for (const table of ['task', 'execution', 'cron_schedule'])
    await core.database.query(`DELETE FROM ${table}`);
});
afterAll(() => core.close());

function want(method: string, type: string, more: object = {}, as: As = admin): Promise<TestAnswer> {
  const { cron, ...parameters } = more as { cron?: string };
  const schedule = { type, ...(cron === undefined ? {} : { cron }) };
  return core.send(method, `${gc}/schedule`, as, { body: { schedule, parameters } });
}

/** A run that somebody has asked for. */
async function aRun(parameters: object = {}): Promise<{ id: number; taskId: number }> {
  const answer = await want('POST', 'Manual', parameters);
  expect(answer.status).toBe(201);
  const id = Number(answer.headers.location?.split('/').at(-1));
  const [task] = await core.database.query<{ id: number }>('SELECT id FROM task WHERE execution_id = $1', [
    id,
  ]);
  return { id, taskId: task?.id ?? 0 };
}

async function get(path: string): Promise<TestAnswer['json']> {
  const answer = await core.send('GET', `${gc}${path}`, admin);
  expect(answer.status).toBe(200);
  return answer.json;
}

async function audited(): Promise<readonly string[]> {
  const rows = await core.database.query<{ line: string }>(
    `SELECT actor || ' ' || operation || ' ' || resource AS line FROM audit_log
     WHERE resource_type = 'garbage_collection' ORDER BY happened_at, id`,
  );
  await core.database.query(`DELETE FROM audit_log`);
  return rows.map(({ line }) => line);
}

describe('a run now', () => {
  it('is an execution at once, which waits for a worker, and an audit row', async () => {
    await audited();
    const answer = await want('POST', 'Manual', { delete_untagged: true, workers: 3 });
    expect(answer).toMatchObject({ status: 201, text: '' });
    const id = Number(/^\/api\/v2\.0\/system\/gc\/(\d+)$/.exec(answer.headers.location ?? '')?.[1]);
    const run = await get(`/${id}`);
    expect(run).toMatchObject({
      id,
      job_name: 'GARBAGE_COLLECTION',
      job_kind: 'MANUAL',
      job_status: 'Pending',
      deleted: false,
      schedule: { type: 'Manual' },
      progress: 0,
      bytes_freed: 0,
    });
    expect(JSON.parse(run.job_parameters)).toMatchObject({
      delete_untagged: true,
      dry_run: false,
      workers: 3,
      purged_blobs: 0,
      purged_manifests: 0,
      freed_space: 0,
    });
    const payloads = await core.database.query('SELECT payload FROM task WHERE job = $1', [collect.name]);
    expect(payloads).toEqual([{ payload: { trigger: 'manual', dryRun: false, untagged: true, workers: 3 } }]);
    expect(await audited()).toEqual([`admin start execution ${id}`]);
  });

  it('is refused while another one waits or runs, and leaves nothing then', async () => {
    const { id, taskId } = await aRun();
    await tasks.take(taskId, 'a worker');
    await audited();
    const refused = await want('POST', 'Manual');
    expect(refused.status).toBe(409);
    expect(refused.json.errors[0]).toMatchObject({ code: 'CONFLICT' });
    expect(refused.json.errors[0].message).toContain(`${gc}/${id}`);
    expect(await audited()).toEqual([]);
    expect(await get('')).toHaveLength(1);
    await executions.stop(id);
    await core.database.query(`UPDATE task SET status = 'stopped' WHERE id = $1`, [taskId]);
    expect((await want('POST', 'Manual')).status).toBe(201);
  });

  it('happens once, however many ask at the same moment', async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => want('POST', 'Manual')));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      201, 409, 409, 409, 409, 409,
    ]);
  });

  it('can be asked for by PUT too, as in Harbor', async () => {
    expect(await want('PUT', 'Manual', { dry_run: true })).toMatchObject({ status: 200, text: '' });
    expect(await get('')).toMatchObject([{ job_status: 'Pending' }]);
  });

  it('shows how far it is, what it freed, and its end', async () => {
    const { id, taskId } = await aRun();
    await tasks.take(taskId, 'a worker');
    const totals = {
      looked: 30,
      manifests: 2,
      untagged: 0,
      links: 5,
      quarantined: 0,
      blobs: 4,
      bytes: 9_000,
    };
    await executions.report(id, { totals, due: { manifest: 10, link: 20, blob: 60 }, secondsLeft: 42 });
    expect(await get(`/${id}`)).toMatchObject({
      job_status: 'Running',
      progress: 25,
      bytes_freed: 9_000,
      eta_seconds: 42,
    });
    await executions.end(id, 'succeeded', { secondsLeft: 0 });
    const done = await get(`/${id}`);
    expect(done).toMatchObject({ job_status: 'Success', progress: 100, bytes_freed: 9_000 });
    expect(done).not.toHaveProperty('eta_seconds');
    expect(JSON.parse(done.job_parameters)).toMatchObject({
      purged_blobs: 4,
      purged_manifests: 2,
      freed_space: 9_000,
    });
    await executions.end(id, 'failed', { error: 'the storage does not answer' });
    await core.database.query(`UPDATE task SET status = 'parked' WHERE id = $1`, [taskId]);
    expect(await get(`/${id}`)).toMatchObject({ job_status: 'Error', error: 'the storage does not answer' });
  });

  it('that only counts frees nothing, and says what would go', async () => {
    const { id } = await aRun({ dry_run: true });
    await executions.end(id, 'succeeded', {
      collectable: { manifests: 1, untagged: 7, blobs: 2, bytes: 50 },
    });
    const run = await get(`/${id}`);
    expect(run.bytes_freed).toBe(0);
    expect(JSON.parse(run.job_parameters)).toMatchObject({
      dry_run: true,
      purged_blobs: 2,
      purged_manifests: 1,
      freed_space: 50,
      untagged_manifests: 7,
    });
  });

  it('has a log that can be read while it runs', async () => {
    const { id, taskId } = await aRun();
    const log = new TaskLog(core.database, taskId);
    log.add('3 blobs removed');
    log.add('done');
    await log.flush();
    const answer = await core.send('GET', `${gc}/${id}/log`, admin);
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(answer.text).toMatch(/^\d{4}-[\d-]+T[\d:.]+Z \[INFO\] 3 blobs removed\n\S+ \[INFO\] done\n$/);
  });

  it('stops: at once while it waits, at its next heartbeat while it runs, and never twice', async () => {
    const waiting = await aRun();
    await audited();
    expect(await core.send('PUT', `${gc}/${waiting.id}`, admin)).toMatchObject({ status: 200, text: '' });
    expect(await get(`/${waiting.id}`)).toMatchObject({ job_status: 'Stopped' });
    expect((await core.send('PUT', `${gc}/${waiting.id}`, admin)).status).toBe(200);
    expect(await audited()).toEqual([`admin stop execution ${waiting.id}`]);
    const running = await aRun();
    await tasks.take(running.taskId, 'a worker');
    expect((await core.send('PUT', `${gc}/${running.id}`, admin)).status).toBe(200);
    expect(await get(`/${running.id}`)).toMatchObject({ job_status: 'Running' });
    expect(await tasks.beat([running.taskId], 'a worker')).toEqual([{ id: running.taskId, stop: true }]);
  });

  it.each(['GET', 'PUT'])('that does not exist is not there to %s', async (method) => {
    expect((await core.send(method, `${gc}/4711`, admin)).status).toBe(404);
    expect((await core.send('GET', `${gc}/4711/log`, admin)).status).toBe(404);
    // an execution of another job is none of collection
    await core.database.query(
      `INSERT INTO execution (id, job, trigger) VALUES (4711, 'other.job', 'manual')`,
    );
    expect((await core.send(method, `${gc}/4711`, admin)).status).toBe(404);
  });
});

describe('the history', () => {
  beforeEach(async () => {
    await core.database.query(
      `INSERT INTO execution (id, job, trigger, status, started_at, ended_at, detail)
       SELECT i, $1, CASE WHEN i % 2 = 0 THEN 'manual' ELSE 'schedule' END,
         (ARRAY['succeeded', 'failed', 'stopped'])[1 + i % 3], now() - make_interval(hours => 100 - i), now(),
         CASE WHEN i % 2 = 0 THEN '{"dryRun": false}' ELSE '{"continuous": true}' END::jsonb
       FROM generate_series(1, 12) i`,
      [collect.name],
    );
  });

  it('comes in pages, the last run first', async () => {
    const answer = await core.send('GET', `${gc}?page=2&page_size=5`, admin);
    expect(answer.json.map(({ id }: { id: number }) => id)).toEqual([7, 6, 5, 4, 3]);
    expect(answer.headers['x-total-count']).toBe('12');
    expect(answer.headers['link']).toBe(
      `<${gc}?page=1&page_size=5>; rel="prev" , <${gc}?page=3&page_size=5>; rel="next"`,
    );
    expect((await core.send('GET', `${gc}?page=9`, admin)).text).toBe('[]');
  });

  it('is sorted and filtered', async () => {
    const ids = async (query: string): Promise<number[]> =>
      (await get(`?page_size=100&${query}`)).map(({ id }: { id: number }) => id);
    expect(await ids('sort=creation_time')).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(await ids('q=job_status=Error')).toEqual([10, 7, 4, 1]);
    expect(await ids('q=trigger=MANUAL&sort=-id')).toEqual([12, 10, 8, 6, 4, 2]);
    expect((await core.send('GET', `${gc}?q=x`, admin)).status).toBe(400);
  });

  it('tells the runs of every few minutes from others', async () => {
    const [manual, continuous] = await get('');
    expect(manual).toMatchObject({ id: 12, job_kind: 'MANUAL' });
    expect(continuous).toMatchObject({ id: 11, job_kind: 'SCHEDULE', schedule: { type: 'Schedule' } });
    expect(JSON.parse(continuous.job_parameters)).toMatchObject({ continuous: true });
    expect(JSON.parse(manual.job_parameters)).not.toHaveProperty('continuous');
  });
});

describe('the schedule', () => {
  it('is a body of no bytes when there is none', async () => {
    const none = await core.send('GET', `${gc}/schedule`, admin);
    expect(none).toMatchObject({ status: 200, text: '' });
    expect(none.headers['content-length']).toBe('0');
  });

  it('is made, changed and taken away, as terraform does it', async () => {
    await audited();
    const made = await want('POST', 'Daily', { cron: '0 0 0 * * *', delete_untagged: true, workers: 1 });
    expect(made).toMatchObject({ status: 201, text: '' });
    expect(made.headers.location).toBe(`${gc}/schedule`);
    const daily = await get('/schedule');
    expect(daily).toMatchObject({
      job_kind: '0 0 0 * * *',
      schedule: { type: 'Daily', cron: '0 0 0 * * *' },
    });
    expect(daily.schedule.next_scheduled_time).toMatch(/T00:00:00\.000Z$/);
    expect(JSON.parse(daily.job_parameters)).toEqual({ delete_untagged: true, dry_run: false, workers: 1 });
    const changed = await want('PUT', 'Custom', { cron: '0 15 3 * * 6' });
    expect(changed).toMatchObject({ status: 200, text: '' });
    expect(await get('/schedule')).toMatchObject({
      id: daily.id,
      schedule: { type: 'Custom', cron: '0 15 3 * * 6' },
    });
    expect(await want('PUT', 'None', { cron: '', workers: 0 })).toMatchObject({ status: 200, text: '' });
    expect((await core.send('GET', `${gc}/schedule`, admin)).text).toBe('');
    expect((await want('PUT', 'None')).status).toBe(200);
    expect(await audited()).toEqual([
      'admin create schedule',
      'admin update schedule',
      'admin delete schedule',
    ]);
  });

  it.each([
    ['Hourly', '0 0 * * * *'],
    ['Daily', '0 0 0 * * *'],
    ['Weekly', '0 0 0 * * 0'],
  ])('%s has its usual time when none is said', async (type, cron) => {
    expect((await want('POST', type)).status).toBe(201);
    expect(await get('/schedule')).toMatchObject({ schedule: { type, cron } });
  });

  it.each([
    ['no cron', 'Custom', {}, '400 six fields'],
    ['five fields', 'Custom', { cron: '0 3 * * *' }, '400 six fields'],
    ['an hour 24', 'Custom', { cron: '0 0 24 * * *' }, '400 24'],
    ['a day that never comes', 'Custom', { cron: '0 0 0 30 2 *' }, '400 day of month'],
    ['another dialect', 'Custom', { cron: '@daily' }, '400 six fields'],
    ['an unknown type', 'Yearly', {}, '400 type'],
    ['eleven workers', 'Manual', { workers: 11 }, '400 workers'],
    ['no worker', 'Manual', { workers: 0 }, '400 workers'],
    ['a flag that is none', 'Manual', { dry_run: 'yes' }, '422 dry_run'],
  ])('refuses %s', async (_, type, more, refusal) => {
    const { status, json } = await want('POST', type, more);
    const [, code, why] = /^(\d+) (.+)$/.exec(refusal) ?? [];
    expect(String(status)).toBe(code);
    expect(json.errors[0].message).toContain(why);
    expect(await core.database.query('SELECT 1 FROM task UNION ALL SELECT 1 FROM cron_schedule')).toEqual([]);
  });

  it('takes what clients send besides', async () => {
    const body = {
      id: 1,
      schedule: { type: 'Hourly', cron: '0 0 * * * *', next_scheduled_time: '0001-01-01T00:00:00.000Z' },
      parameters: { delete_tag: true, audit_retention_hour: 24, include_operations: '', workers: 2 },
    };
    expect((await core.send('POST', `${gc}/schedule`, admin, { body })).status).toBe(201);
    const without = { schedule: { type: 'None' } };
    expect((await core.send('POST', `${gc}/schedule`, admin, { body: without })).status).toBe(201);
  });
});

describe('who may', () => {
  it('is whoever holds it in the system', async () => {
    await aUser(core.database, { username: 'somebody' });
    expect((await want('POST', 'Manual', {}, ['somebody', password])).status).toBe(403);
    const reader = await aRobot(core.database, { name: 'reader', system: ['garbage-collection:list'] });
    const as: As = ['robot$reader', reader.secret];
    expect((await core.send('GET', gc, as)).status).toBe(200);
    expect((await want('POST', 'Manual', {}, as)).status).toBe(403);
    const runner = await aRobot(core.database, { name: 'runner', system: ['garbage-collection:create'] });
    expect((await want('POST', 'Manual', {}, ['robot$runner', runner.secret])).status).toBe(201);
  });
});
