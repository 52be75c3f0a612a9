import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CollectionTotals } from '@entrepot/catalog/collection/collection-totals';
import type { Database } from '@entrepot/database/database';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { collect } from '@entrepot/jobs/definitions/content';
import { executionSource, Executions, type Execution } from '@entrepot/jobs/executions';
import { createMetrics } from '@entrepot/telemetry/metrics';
import { CollectionReport } from './collection-report.ts';

const windows = { reviewSeconds: 0, quarantineSeconds: 0, recycleDays: 0, leaseSeconds: 60 };
const nothing: CollectionTotals = {
  looked: 0,
  manifests: 0,
  untagged: 0,
  links: 0,
  quarantined: 0,
  blobs: 0,
  bytes: 0,
};

let test: TestDatabase;
let database: Database;
let lines: string[];

beforeAll(async () => {
  test = await createTestDatabase();
  database = test.database;
  // thirty reviews that are due
  await database.query(
    `INSERT INTO blob_review (blob_id, reason, review_after)
     SELECT i, 'new', now() - interval '1 hour' FROM generate_series(1, 30) i`,
  );
});
beforeEach(async () => {
  lines = [];
  await database.query('DELETE FROM task');
  await database.query('DELETE FROM execution');
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(() => vi.useRealTimers());
afterAll(() => test.close());

async function aReport(trigger?: 'manual'): Promise<CollectionReport> {
  const [task] = await database.query<{ id: number }>(
    `INSERT INTO task (job, queue, payload, status) VALUES ($1, 'maintenance', '{}', 'running') RETURNING id`,
    [collect.name],
  );
  const report = new CollectionReport({
    database,
    executions: new Executions(database),
    metrics: createMetrics({ processMetrics: false }),
    windows,
    context: {
      taskId: task?.id ?? 0,
      attempt: 1,
      signal: new AbortController().signal,
      log: (line) => void lines.push(line),
    },
    trigger,
  });
  if (trigger !== undefined) await report.begin();
  return report;
}

async function history(): Promise<readonly Execution[]> {
  return await database.query<Execution>(`SELECT ${executionSource.select} FROM ${executionSource.from}`);
}

function pass(seconds: number): void {
  vi.setSystemTime(Date.now() + seconds * 1000);
}

describe('the report of a run', () => {
  it('says how much is due and how long that may take, every two seconds', async () => {
    const report = await aReport('manual');
    pass(1);
    await report.progress({ ...nothing, looked: 5 });
    expect(await history()).toMatchObject([{ status: 'running', detail: {} }]);
    expect(lines).toEqual([]);
    pass(9);
    await report.progress({ ...nothing, looked: 10, blobs: 4, bytes: 77 });
    expect(await history()).toMatchObject([
      { detail: { totals: { looked: 10, blobs: 4, bytes: 77 }, due: { blob: 30 }, secondsLeft: 30 } },
    ]);
    expect(lines).toEqual([expect.stringMatching(/77 bytes freed; 30 reviews are due, about 30 s$/)]);
  });

  it('says nothing of the time while it cannot know', async () => {
    const report = await aReport('manual');
    pass(100);
    await report.progress({ ...nothing, untagged: 12 });
    const [run] = await history();
    expect(run?.detail).toMatchObject({ totals: { untagged: 12 }, due: { blob: 30 } });
    expect(run?.detail).not.toHaveProperty('secondsLeft');
    expect(lines).toEqual([expect.stringMatching(/30 reviews are due$/)]);
  });

  it('is none while a run that nobody asked for does nothing', async () => {
    const report = await aReport();
    pass(10);
    await report.progress({ ...nothing, looked: 200 });
    expect(await history()).toEqual([]);
    pass(10);
    await report.progress({ ...nothing, looked: 400, links: 1 });
    expect(await history()).toMatchObject([{ trigger: 'schedule', detail: { continuous: true } }]);
  });
});
