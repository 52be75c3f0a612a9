import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { recordFact } from '@entrepot/access/record-fact';
import type { Database } from '@entrepot/database/database';
import { ContentStore } from '@entrepot/content-store/content-store';
import { writeIdentity } from '@entrepot/content-store/identity';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { SecretBox } from '@entrepot/identity/secret-box';
import { migrateQueues } from '@entrepot/jobs/wake-queue';
import { Wakeup } from '@entrepot/jobs/wakeup';
import { createLogger } from '@entrepot/telemetry/logger';
import { createMetrics } from '@entrepot/telemetry/metrics';
import { MemoryDriver } from '@entrepot/storage/memory/memory-driver';
import { createJobservice, type Jobservice } from './jobservice.ts';

const log = createLogger({ level: 'silent' });
const box = new SecretBox('a key for tests, of forty characters....');

const store = new ContentStore(new MemoryDriver());
const windows = { reviewSeconds: 86_400, quarantineSeconds: 172_800, recycleDays: 7, leaseSeconds: 60 };

let test: TestDatabase;
let database: Database;
let running: Jobservice | undefined;

beforeAll(async () => {
  test = await createTestDatabase();
  database = test.database;
  await migrateQueues(test.connection);
  const [instance] = await database.query<{ instance: string; epoch: number }>(
    `INSERT INTO instance (instance_id) VALUES (gen_random_uuid()) RETURNING instance_id AS instance, epoch`,
  );
  if (instance !== undefined) await writeIdentity(store, { format: 1, ...instance });
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
});
afterAll(() => test.close());

async function start(metrics = createMetrics({ processMetrics: false })): Promise<void> {
  const queue = { kind: 'postgres', connection: test.connection } as const;
  running = createJobservice(
    { queue, signingKeys: { algorithm: 'EdDSA' }, linkMirror: false, collection: { windows, minutes: 5 } },
    { database, store, box, log, metrics },
  );
  await running.start();
}

async function count(sql: string, values: readonly unknown[] = []): Promise<number> {
  const [row] = await database.query<{ n: number }>(`SELECT count(*) AS n FROM ${sql}`, values);
  return row?.n ?? -1;
}

async function first<Row extends object>(sql: string, values: readonly unknown[] = []): Promise<Row> {
  const [row] = await database.query<Row>(sql, values);
  if (row === undefined) throw new Error(`no row: ${sql}`);
  return row;
}

/** A repository with an index, two manifests, a tag and a linked blob. */
async function aFullRepository(projectId: number, name: string): Promise<number> {
  const { id } = await first<{ id: number }>(
    'INSERT INTO repository (project_id, name) VALUES ($1, $2) RETURNING id',
    [projectId, name],
  );
  const blob = await first<{ id: number }>(
    `INSERT INTO blob (digest, size, live, state) VALUES ('\\x01'::bytea || sha256($1::bytea), 5, true, 'live') RETURNING id`,
    [name],
  );
  await database.query('INSERT INTO repository_blob (repository_id, blob_id) VALUES ($1, $2)', [id, blob.id]);
  const manifests: number[] = [];
  for (const kind of ['a', 'b', 'index']) {
    const manifest = await first<{ id: number }>(
      `INSERT INTO manifest (repository_id, digest, media_type, type, payload, total_size)
       VALUES ($1, '\\x01'::bytea || sha256($2::bytea), 'application/json', 'IMAGE', '{}', 2) RETURNING id`,
      [id, name + kind],
    );
    manifests.push(manifest.id);
  }
  const [one, two, index] = manifests;
  await database.query(
    'INSERT INTO manifest_blob (manifest_id, repository_id, blob_id) VALUES ($1, $2, $3)',
    [one, id, blob.id],
  );
  await database.query(
    `INSERT INTO manifest_child (manifest_id, repository_id, digest, child_id) VALUES ($1, $2, '\\x01', $3), ($1, $2, '\\x02', $4)`,
    [index, id, one, two],
  );
  await database.query('INSERT INTO tag (repository_id, name, manifest_id) VALUES ($1, $2, $3)', [
    id,
    'latest',
    index,
  ]);
  return id;
}

async function aProject(name: string): Promise<number> {
  return (await first<{ id: number }>('INSERT INTO project (name) VALUES ($1) RETURNING id', [name])).id;
}

describe('jobservice', () => {
  it('removes the content of a deleted repository soon after the fact', async () => {
    const project = await aProject('one');
    const repository = await aFullRepository(project, 'one/app');
    const other = await aFullRepository(project, 'one/other');
    await start();
    await database.transaction(async () => {
      await database.query('UPDATE repository SET deleted_at = now() WHERE id = $1', [repository]);
      const payload = { repositoryId: repository, projectId: project, repository: 'one/app', actor: 'admin' };
      await recordFact(database, 'repository.deleted', String(repository), payload);
    });
    new Wakeup(database).ring();
    await vi.waitFor(
      async () => expect(await count('repository_blob WHERE repository_id = $1', [repository])).toBe(0),
      { timeout: 10_000 },
    );
    expect(await count('manifest WHERE repository_id = $1 AND live', [repository])).toBe(0);
    expect(await count('tag WHERE repository_id = $1', [repository])).toBe(0);
    expect(await count('manifest WHERE repository_id = $1 AND live', [other])).toBe(3);
  });

  it('removes what a deleted project still had, and leaves a project that lives alone', async () => {
    const project = await aProject('two');
    const repository = await aFullRepository(project, 'two/app');
    await database.query(`INSERT INTO robot (name, level, project_id) VALUES ('ci', 'project', $1)`, [
      project,
    ]);
    await database.query('UPDATE project SET deleted_at = now() WHERE id = $1', [project]);
    const alive = await aProject('three');
    const kept = await aFullRepository(alive, 'three/app');
    await recordFact(database, 'project.deleted', `project:${project}`, {
      projectId: project,
      project: 'two',
      actor: 'admin',
    });
    await recordFact(database, 'project.deleted', `project:${alive}`, {
      projectId: alive,
      project: 'three',
      actor: 'admin',
    });
    await start();
    await vi.waitFor(async () => expect(await count('robot WHERE project_id = $1', [project])).toBe(0), {
      timeout: 10_000,
    });
    expect(await count('manifest WHERE repository_id = $1 AND live', [repository])).toBe(0);
    expect(await count('repository WHERE id = $1 AND deleted_at IS NULL', [repository])).toBe(0);
    await vi.waitFor(async () => expect(await count(`task WHERE status IN ('pending', 'running')`)).toBe(0));
    expect(await count('manifest WHERE repository_id = $1 AND live', [kept])).toBe(3);
  });

  it('does its housekeeping from the first start on', async () => {
    const project = await aProject('four');
    await database.query('INSERT INTO usage_delta (project_id, bytes) VALUES ($1, 10), ($1, 32)', [project]);
    await database.query('UPDATE schedule SET next_run_at = now()');
    await start();
    await vi.waitFor(
      async () => expect(await count('usage_delta WHERE project_id = $1', [project])).toBe(0),
      { timeout: 10_000 },
    );
    const usage = await first<{ used: number }>('SELECT used FROM project_usage WHERE project_id = $1', [
      project,
    ]);
    expect(usage.used).toBe(42);
    await vi.waitFor(async () => expect(await count(`signing_key WHERE state = 'active'`)).toBe(1));
    const month = new Date().toISOString().slice(0, 7).replace('-', '_');
    await vi.waitFor(async () =>
      expect(await count(`pg_class WHERE relname = $1`, [`audit_log_${month}`])).toBe(1),
    );
    await vi.waitFor(async () => expect(await count(`task WHERE job = 'usage.fold'`)).toBe(0));
    expect(await count(`task WHERE status = 'parked'`)).toBe(0);
  });

  it('shows how many facts wait and for how long tasks have', async () => {
    await database.query(
      `INSERT INTO task (job, queue, payload, run_after) VALUES ('unknown.job', 'content', '{}', now() - interval '9 s')`,
    );
    // nobody takes it while the metrics are looked at
    const holder = await test.session();
    await holder.query('BEGIN');
    await holder.query(`SELECT 1 FROM task WHERE job = 'unknown.job' FOR UPDATE`);
    const metrics = createMetrics({ processMetrics: false });
    await start(metrics);
    const text = await metrics.render();
    expect(Number(/entrepot_queue_age_seconds\{queue="content"\} ([\d.]+)/.exec(text)?.[1])).toBeGreaterThan(
      8,
    );
    expect(text).toMatch(/entrepot_queue_age_seconds\{queue="maintenance"\} 0/);
    expect(text).toMatch(/entrepot_outbox_rows 0/);
    await holder.query(`DELETE FROM task WHERE job = 'unknown.job'`);
    await holder.query('COMMIT');
  });

  it('costs next to nothing while nothing happens', async () => {
    await start();
    await vi.waitFor(async () => expect(await count(`task WHERE status IN ('pending', 'running')`)).toBe(0), {
      timeout: 10_000,
    });
    await sleep(500);
    const begun = process.cpuUsage();
    await sleep(4_000);
    const { user, system } = process.cpuUsage(begun);
    // 4 seconds: less than 2.5 % of one core, with the test runner's own part
    expect((user + system) / 4_000_000).toBeLessThan(0.025);
  });
});
