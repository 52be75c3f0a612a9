import type { BatchPlan } from '@entrepot/database/batch-lanes';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PushLane } from './push-lane.ts';

describe('a push lane', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(() => test.close());

  /** A plan whose statement divides one by each key, and which reads the rows as `read` does. */
  function dividing(read: (rows: readonly (readonly unknown[])[]) => unknown[]): BatchPlan<number, unknown> {
    return {
      prepare: (keys) => ({
        name: 'divide',
        sql: 'SELECT 1 / k FROM unnest($1::int[]) k',
        values: [keys],
        read,
      }),
    };
  }

  it('says once that a statement was refused, and that its pushes go alone', async () => {
    const failures: unknown[] = [];
    const lane = new PushLane(
      test.database,
      dividing((rows) => rows.map(([quotient]) => quotient)),
      (error) => failures.push(error),
    );
    const together = await Promise.all([1, 1, 0, 1].map((key) => lane.change(key)));
    expect(together).toEqual(['alone', 'alone', 'alone', 'alone']);
    expect(failures).toMatchObject([{ code: '22012' }]);
    expect(await lane.change(0)).toBe('alone');
    expect(failures).toHaveLength(2);
    expect(await lane.change(1)).toBe(1);
    await lane.close();
  });

  it('repeats nothing of which nobody knows whether it happened', async () => {
    const failures: unknown[] = [];
    const lane = new PushLane(
      test.database,
      dividing(() => []),
      (error) => failures.push(error),
    );
    await expect(lane.change(1)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(failures).toEqual([]);
    await lane.close();
    await expect(lane.change(1)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
