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
    await expect(lanes.find(30)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await lanes.find(0)).toBe(0);
    await lanes.close();
  });
});
