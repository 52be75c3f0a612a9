import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ContentBuilder, repositoryName, testOrigin } from '@entrepot/catalog/testing/content-builder';
import { ContentStore } from '@entrepot/content-store/content-store';
import { writeIdentity } from '@entrepot/content-store/identity';
import type { Database } from '@entrepot/database/database';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { collect } from '@entrepot/jobs/definitions/content';
import { executionSource, Executions, type Execution } from '@entrepot/jobs/executions';
import { Tasks } from '@entrepot/jobs/tasks';
import { MemoryDriver } from '@entrepot/storage/memory/memory-driver';
import { createMetrics } from '@entrepot/telemetry/metrics';
import { collectHandler } from './collect.ts';

const windows = { reviewSeconds: 0, quarantineSeconds: 0, recycleDays: 0, leaseSeconds: 60 };

let test: TestDatabase;
let database: Database;
let build: ContentBuilder;
let executions: Executions;
let store: ContentStore;
let project: number;
let identity: { instance: string; epoch: number };
const repository = repositoryName('collect/app');

beforeAll(async () => {
  test = await createTestDatabase();
  database = test.database;
  build = new ContentBuilder(database);
  executions = new Executions(database);
  project = await build.aProject('collect');
  const [row] = await database.query<{ instance: string; epoch: number }>(
    `INSERT INTO instance (instance_id) VALUES (gen_random_uuid()) RETURNING instance_id AS instance, epoch`,
  );
  identity = row ?? { instance: randomUUID(), epoch: 1 };
});
beforeEach(async () => {
  store = new ContentStore(new MemoryDriver());
  await writeIdentity(store, { format: 1, ...identity });
  await database.query('DELETE FROM task');
  await database.query('DELETE FROM execution');
});
afterAll(() => test.close());

async function aBlob(size: number): Promise<Awaited<ReturnType<ContentBuilder['aBlob']>>> {
  const writer = await store.openUpload(randomUUID(), 0, { algorithm: 'sha256' });
  await writer.write(randomBytes(size));
  const digest = await writer.digest('sha256');
  const { id: blobId } = await build.blobs.announce(digest, size);
  await writer.publish(digest);
  await build.blobs.link({ projectId: project, repository, digest, blobId });
  return digest;
}

async function aTask(): Promise<number> {
  const [row] = await database.query<{ id: number }>(
    `INSERT INTO task (job, queue, payload, status) VALUES ($1, 'maintenance', '{}', 'running') RETURNING id`,
    [collect.name],
  );
  return row?.id ?? 0;
}

async function run(
  payload: object,
  signal = new AbortController().signal,
  taskId?: number,
): Promise<string[]> {
  const lines: string[] = [];
  const metrics = createMetrics({ processMetrics: false });
  const handler = collectHandler({ database, store, metrics, windows });
  const log = (line: string): void => void lines.push(line);
  await handler.run(payload, { taskId: taskId ?? (await aTask()), attempt: 1, signal, log });
  return [...lines, await metrics.render()];
}

async function history(): Promise<readonly Execution[]> {
  const { select, from } = executionSource;
  return await database.query<Execution>(`SELECT ${select} FROM ${from} ORDER BY e.id DESC`);
}

describe('content.collect', () => {
  it('removes what nobody references, and tells how much', async () => {
    const digest = await aBlob(300);
    const [line, counts, metrics] = await run({});
    expect(await store.stat(digest)).toBeUndefined();
    expect(counts).toContain('1 blobs and 0 manifests eligible for deletion');
    expect(line).toMatch(/1 links removed, 1 blobs quarantined, 1 blobs removed, 300 bytes freed/);
    expect(metrics).toMatch(/entrepot_collected_blobs_total 1\n/);
    expect(metrics).toMatch(/entrepot_collected_bytes_total 300\n/);
    expect(await history()).toMatchObject([
      {
        job: collect.name,
        trigger: 'schedule',
        status: 'succeeded',
        detail: { totals: { links: 1, quarantined: 1, blobs: 1, bytes: 300 }, secondsLeft: 0 },
      },
    ]);
  });

  it('leaves no execution when the schedule finds nothing, and one when somebody asked', async () => {
    await run({});
    expect(await history()).toEqual([]);
    await run({ trigger: 'manual' });
    expect(await history()).toMatchObject([
      { trigger: 'manual', status: 'succeeded', detail: { untagged: false } },
    ]);
  });

  it('counts what would go, and changes nothing', async () => {
    const digest = await aBlob(40);
    await run({ trigger: 'manual', dryRun: true });
    expect(await store.stat(digest)).toBe(40);
    expect(await history()).toMatchObject([
      { status: 'succeeded', detail: { dryRun: true, collectable: { links: 1, blobs: 0 } } },
    ]);
    await run({});
  });

  it('deletes untagged manifests everywhere when it is told to', async () => {
    const manifest = build.aManifest(project, repository);
    await build.manifests.record(manifest, testOrigin);
    await run({});
    await run({ trigger: 'manual', dryRun: true, untagged: true });
    expect(await history()).toMatchObject([{ detail: { collectable: { untagged: 1 } } }]);
    await database.query('DELETE FROM task');
    await database.query('DELETE FROM execution');
    expect(await database.query('SELECT 1 FROM manifest')).toHaveLength(1);
    await run({ trigger: 'manual', untagged: true });
    expect(await database.query('SELECT 1 FROM manifest')).toEqual([]);
    expect(await history()).toMatchObject([
      { detail: { untagged: true, totals: { untagged: 1, manifests: 1 } } },
    ]);
  });

  it('fails, and touches nothing, when the storage is another one', async () => {
    const digest = await aBlob(40);
    await writeIdentity(store, { format: 1, instance: randomUUID(), epoch: 1 });
    await expect(run({})).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await history()).toMatchObject([
      { status: 'failed', detail: { error: expect.stringContaining('belongs to another database') } },
    ]);
    expect(await store.stat(digest)).toBe(40);
    await writeIdentity(store, { format: 1, ...identity });
    await run({});
  });

  it('does nothing after a restore, until the storage has been looked at', async () => {
    const digest = await aBlob(40);
    await database.query('UPDATE instance SET collection_held = true');
    const [line] = await run({});
    expect(line).toMatch(/run entrepot verify --repair first/);
    expect(await history()).toEqual([]);
    await expect(run({ trigger: 'manual' })).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await history()).toMatchObject([{ status: 'failed' }]);
    expect(await store.stat(digest)).toBe(40);
    await database.query('UPDATE instance SET collection_held = false');
    await run({});
  });

  it('is stopped, and says so', async () => {
    await aBlob(40);
    const taskId = await aTask();
    const id = await executions.begin(taskId, 'manual', {});
    expect(await executions.stop(id)).toBe(true);
    const asked = await new Tasks(database).sweep([]);
    expect(asked).toEqual([]);
    const stopped = AbortSignal.abort(new Error('the task was stopped'));
    await expect(run({ trigger: 'manual' }, stopped, taskId)).rejects.toThrow('the task was stopped');
    expect(await history()).toMatchObject([{ id, status: 'stopped' }]);
    await run({});
  });
});

describe('executions', () => {
  it('go on when their task is done again, and show as failed when it never will be', async () => {
    const taskId = await aTask();
    const id = await executions.begin(taskId, 'schedule', { asked: 1 });
    expect(await executions.begin(taskId, 'schedule')).toBe(id);
    expect(await executions.find(collect.name, id)).toMatchObject({
      status: 'running',
      detail: { asked: 1 },
    });
    await executions.end(id, 'failed', { error: 'x' });
    await database.query(`UPDATE task SET status = 'pending' WHERE id = $1`, [taskId]);
    expect(await executions.find(collect.name, id)).toMatchObject({ status: 'pending' });
    await database.query(`UPDATE task SET status = 'running' WHERE id = $1`, [taskId]);
    await executions.begin(taskId, 'schedule');
    expect(await executions.find(collect.name, id)).toMatchObject({ status: 'running', endedAt: null });
    await database.query(`UPDATE task SET status = 'parked' WHERE id = $1`, [taskId]);
    expect(await executions.find(collect.name, id)).toMatchObject({ status: 'failed' });
    expect(await executions.find('other.job', id)).toBeUndefined();
  });

  it('end at once when they are stopped while they wait, and have the log of their tasks', async () => {
    const taskId = await aTask();
    await database.query(`UPDATE task SET status = 'pending' WHERE id = $1`, [taskId]);
    const id = await executions.begin(taskId, 'manual');
    await database.query(
      `INSERT INTO task_log (task_id, level, line) VALUES ($1, 'info', 'one'), ($1, 'info', 'two')`,
      [taskId],
    );
    expect((await executions.readLog(id)).map(({ line }) => line)).toEqual(['one', 'two']);
    expect(await executions.stop(id)).toBe(true);
    expect(await executions.find(collect.name, id)).toMatchObject({ status: 'stopped' });
    expect(await executions.stop(id)).toBe(false);
    expect(await history()).toMatchObject([{ id, status: 'stopped' }]);
  });

  it('are forgotten after 90 days', async () => {
    const taskId = await aTask();
    await executions.begin(taskId, 'manual');
    await database.query(`UPDATE execution SET started_at = now() - interval '91 days'`);
    expect(await executions.prune(10)).toBe(0);
    await database.query('DELETE FROM task');
    expect(await executions.prune(10)).toBe(1);
  });
});
