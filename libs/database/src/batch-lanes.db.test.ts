import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BatchLanes, type BatchPlan } from './batch-lanes.ts';
import { createTestDatabase, type TestDatabase } from './testing/test-database.ts';

// a key is how long the database takes to answer it, in seconds
const sleepers: BatchPlan<number, number> = {
  prepare: (keys) => ({
    name: 'sleep',
    sql: 'SELECT k, pg_sleep(k) FROM unnest($1::float8[]) k',
    values: [keys],
    read: (rows) => rows.map(([seconds]) => Number(seconds)),
  }),
};

describe('batch lanes', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(async () => await test.close());

  it('leave a connection that hangs, and answer on another', async () => {
    const lanes = new BatchLanes(test.connection, sleepers, { timeoutMs: 300 });
    await expect(lanes.ask(30)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await lanes.ask(0)).toBe(0);
    await lanes.close();
  });

  it('leave no key without an answer when they close while keys gather', async () => {
    const lanes = new BatchLanes(test.connection, sleepers, { gatherMs: 60_000 });
    await Promise.all([0, 0, 0, 0].map((key) => lanes.ask(key)));
    const left = Promise.allSettled([lanes.ask(0)]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await lanes.close();
    expect(await left).toMatchObject([{ status: 'rejected', reason: { code: 'UNAVAILABLE' } }]);
  });

  it('refuse keys that come after they were closed', async () => {
    const lanes = new BatchLanes(test.connection, sleepers, { gatherMs: 60_000 });
    await Promise.all([0, 0, 0, 0].map((key) => lanes.ask(key)));
    const gathering = Promise.allSettled([lanes.ask(0)]);
    await lanes.close();
    await gathering;
    await expect(lanes.ask(0)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('leave no connection open that was being made when they were closed', async () => {
    const application = 'entrepot closing';
    const lanes = new BatchLanes(test.connection, sleepers, { application });
    const asked = Promise.allSettled([lanes.ask(0)]);
    // the statement is sent some turns later, and the connection takes more than one
    for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve));
    await lanes.close();
    expect(await asked).toMatchObject([{ status: 'rejected', reason: { code: 'UNAVAILABLE' } }]);
    const open = () =>
      test.database.query('SELECT 1 FROM pg_stat_activity WHERE application_name = $1', [application]);
    await expect.poll(open).toEqual([]);
  });

  it('never put two keys that change one thing into one statement', async () => {
    const batches: number[][] = [];
    const plan: BatchPlan<number, number> = {
      ...sleepers,
      claims: (key) => [key < 0.05 ? 'one' : 'other'],
      prepare: (keys) => {
        batches.push([...keys]);
        return sleepers.prepare(keys);
      },
    };
    const lanes = new BatchLanes(test.connection, plan, { lanes: 2, patienceMs: 1 });
    await Promise.all([0.01, 0.02, 0.03, 0.06, 0.07].map((key) => lanes.ask(key)));
    await lanes.close();
    expect(batches.flat().toSorted((a, b) => a - b)).toEqual([0.01, 0.02, 0.03, 0.06, 0.07]);
    for (const batch of batches) {
      expect(batch.filter((key) => key < 0.05).length).toBeLessThan(2);
      expect(batch.filter((key) => key > 0.05).length).toBeLessThan(2);
    }
  });
});
