import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '@entrepot/database/database';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { createLogger } from '@entrepot/telemetry/logger';
import { createMonthlyPartitions } from './audit-partitions.ts';
import { DenialRecord, recordAudit } from './audit.ts';
import { countLoginFailure, pruneLoginFailures, refusalDelay } from './login-failures.ts';

const log = createLogger({ level: 'silent' });
const actor = { actor: 'alice', actorKind: 'user', address: '203.0.113.9', requestId: 'r1' } as const;
const entry = {
  operation: 'update',
  resourceType: 'project',
  resource: 'library',
  detail: { changed: ['public'] },
};

let test: TestDatabase;
let database: Database;

beforeAll(async () => {
  test = await createTestDatabase();
  database = test.database;
});
afterAll(() => test.close());
beforeEach(() => database.query('DELETE FROM audit_log'));

async function record(): Promise<Record<string, unknown>[]> {
  return await database.query('SELECT operation, resource, succeeded, detail FROM audit_log ORDER BY id');
}

describe('recordAudit', () => {
  it('stands in the record exactly if its transaction commits', async () => {
    await database.transaction(() => recordAudit(database, actor, entry));
    const failed = database.transaction(async () => {
      await recordAudit(database, actor, entry);
      throw new Error('rolled back');
    });
    await expect(failed).rejects.toThrow('rolled back');
    expect(await record()).toEqual([
      { operation: 'update', resource: 'library', succeeded: true, detail: { changed: ['public'] } },
    ]);
  });
});

describe('DenialRecord', () => {
  it('writes refusals in batches, also those of a transaction that has ended, with their own time', async () => {
    const denials = new DenialRecord({ database, log });
    await database.transaction(async () => denials.add(actor, entry));
    for (let count = 0; count < 700; count++) denials.add(actor, entry);
    await denials.flush();
    const rows = await record();
    expect(rows).toHaveLength(701);
    expect(rows.every((row) => row['succeeded'] === false)).toBe(true);
  });

  it('counts what finds it full, and records the count', async () => {
    let dropped = 0;
    const denials = new DenialRecord({
      database,
      log,
      capacity: 10,
      onDropped: (count) => (dropped += count),
    });
    for (let count = 0; count < 25; count++) denials.add(actor, entry);
    await denials.flush();
    const rows = await record();
    expect(rows).toHaveLength(11);
    expect(dropped).toBe(15);
    expect(rows.at(-1)).toMatchObject({ operation: 'drop', detail: { count: 15 } });
  });
});

describe('createMonthlyPartitions', () => {
  it('makes the coming months once, and leaves a month alone that has rows in the default partition', async () => {
    await database.query(
      `INSERT INTO audit_log (happened_at, actor, operation, resource_type, resource) VALUES ('2031-02-03', 'a', 'b', 'c', 'd')`,
    );
    const from = new Date('2031-01-15T00:00:00Z');
    const created = await createMonthlyPartitions(database, from, 3);
    expect(created).toEqual([
      'audit_log_2031_01',
      'audit_log_2031_03',
      'tag_event_2031_01',
      'tag_event_2031_02',
      'tag_event_2031_03',
    ]);
    expect(await createMonthlyPartitions(database, from, 3)).toEqual([]);
    await database.query(
      `INSERT INTO audit_log (happened_at, actor, operation, resource_type, resource) VALUES ('2031-03-31T23:59:59Z', 'a', 'b', 'c', 'd')`,
    );
    expect(await database.query('SELECT 1 FROM audit_log_2031_03')).toHaveLength(1);
  });
});

describe('login failures', () => {
  it('hold back longer and longer, up to ten seconds', () => {
    const delays = [1, 3, 4, 5, 6, 9, 10, 100].map((here) => refusalDelay({ here, everywhere: here }));
    expect(delays).toEqual([0, 0, 250, 500, 1000, 8000, 10_000, 10_000]);
    expect(refusalDelay({ here: 1, everywhere: 60 })).toBe(1000);
  });

  it('are forgotten after a quarter of an hour', async () => {
    const attempt = { account: 'forgetful', address: '203.0.113.9' };
    for (let count = 0; count < 5; count++) await countLoginFailure(database, attempt);
    await database.query(`UPDATE login_failure SET last_at = now() - interval '16 minutes'`);
    expect(await countLoginFailure(database, attempt)).toBe(0);
    await database.query(`UPDATE login_failure SET last_at = now() - interval '16 minutes'`);
    expect(await pruneLoginFailures(database, 10)).toBe(1);
  });
});
