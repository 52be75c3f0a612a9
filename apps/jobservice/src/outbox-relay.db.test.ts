import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { recordFact } from '@entrepot/access/record-fact';
import type { Database } from '@entrepot/database/database';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { parseFact } from '@entrepot/events/fact';
import { purgeProject, purgeRepository } from '@entrepot/jobs/definitions/content';
import type { AnyJob } from '@entrepot/jobs/job';
import { migrateQueues, WakeQueue } from '@entrepot/jobs/wake-queue';
import { createLogger } from '@entrepot/telemetry/logger';
import { OutboxRelay, relayBatch } from './outbox-relay.ts';

const log = createLogger({ level: 'silent' });
const listening: AnyJob = { ...purgeProject, name: 'test.listen', ordered: true };
const subscriptions = { 'repository.deleted': [purgeRepository, listening], 'project.deleted': [listening] };

let test: TestDatabase;
let database: Database;
let wakes: WakeQueue;

beforeAll(async () => {
  test = await createTestDatabase();
  database = test.database;
  await migrateQueues(test.connection);
  wakes = new WakeQueue({ kind: 'postgres', connection: test.connection }, log);
});
afterEach(() => database.query('TRUNCATE outbox, task CASCADE'));
afterAll(async () => {
  await wakes.close();
  await test.close();
});

function aRelay(): OutboxRelay {
  return new OutboxRelay({ database, wakes, subscriptions, log });
}

async function deleted(repositoryId: number): Promise<void> {
  const payload = { repositoryId, projectId: 1, repository: `p/r${repositoryId}`, actor: 'admin' };
  await recordFact(database, 'repository.deleted', String(repositoryId), payload);
}

async function count(table: 'outbox' | 'task'): Promise<number> {
  const [row] = await database.query<{ n: number }>(`SELECT count(*) AS n FROM ${table}`);
  return row?.n ?? -1;
}

describe('OutboxRelay', () => {
  it('makes a task of each job that subscribed, with the fact as it was written', async () => {
    await deleted(7);
    await aRelay().run();
    expect(await count('outbox')).toBe(0);
    const rows = await database.query<{ job: string; key: string | null; payload: unknown }>(
      'SELECT job, key, payload FROM task ORDER BY job',
    );
    expect(rows.map(({ job, key }) => [job, key])).toEqual([
      ['repository.purge', null],
      ['test.listen', '7'],
    ]);
    expect(parseFact(rows[0]?.payload)).toMatchObject({
      name: 'repository.deleted',
      key: '7',
      payload: { repository: 'p/r7' },
    });
  });

  it('takes a fact that nobody listens to off the outbox', async () => {
    const payload = { projectId: 1, project: 'p', actor: 'admin', public: true };
    await recordFact(database, 'project.created', 'project:1', payload);
    await aRelay().run();
    expect([await count('outbox'), await count('task')]).toEqual([0, 0]);
  });

  it('leaves a fact of a newer version of the product to the one that knows it', async () => {
    await database.query(`INSERT INTO outbox (fact, key, payload) VALUES ('galaxy.reached', 'x', '{}')`);
    await deleted(8);
    await aRelay().run();
    expect([await count('outbox'), await count('task')]).toEqual([1, 2]);
  });

  it('keeps the order of facts, with several relays at once and more than one batch', async () => {
    const total = relayBatch * 2 + 10;
    await database.query(
      `INSERT INTO outbox (fact, key, payload)
       SELECT 'project.deleted', 'project:' || (i % 3), jsonb_build_object('projectId', i, 'project', 'p', 'actor', 'a')
       FROM generate_series(1, $1) i`,
      [total],
    );
    const relays = [aRelay(), aRelay(), aRelay()];
    while ((await count('outbox')) > 0) await Promise.all(relays.map((relay) => relay.run()));
    const rows = await database.query<{ n: number }>(
      `SELECT (payload -> 'payload' ->> 'projectId')::int AS n FROM task ORDER BY id`,
    );
    expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: total }, (_, index) => index + 1));
  }, 60_000);

  it('waits for a fact whose transaction has not ended, and never sees one that was rolled back', async () => {
    const session = await test.session();
    await session.query('BEGIN');
    await session.query(
      `INSERT INTO outbox (fact, key, payload) VALUES ('project.deleted', 'project:1', '{"projectId":1,"project":"p","actor":"a"}')`,
    );
    await aRelay().run();
    expect(await count('task')).toBe(0);
    await session.query('ROLLBACK');
    await aRelay().run();
    expect(await count('task')).toBe(0);
  });

  it('loses nothing when it dies between the tasks and their messages', async () => {
    const dead = new OutboxRelay({
      database,
      subscriptions,
      log,
      wakes: Object.assign(new WakeQueue({ kind: 'postgres', connection: test.connection }, log), {
        send: async () => {
          throw new Error('the process was killed here');
        },
      }),
    });
    await deleted(9);
    await dead.run();
    expect([await count('outbox'), await count('task')]).toEqual([0, 2]);
    const [row] = await database.query<{ n: number }>(
      `SELECT count(*) AS n FROM task WHERE status = 'pending'`,
    );
    expect(row?.n).toBe(2);
  });
});
