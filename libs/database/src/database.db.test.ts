import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from './database.ts';
import { createTestDatabase, type TestDatabase } from './testing/test-database.ts';

describe('a database', () => {
  let test: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    test = await createTestDatabase();
    database = await Database.connect({ connection: test.connection, poolSize: 1 });
  });
  afterAll(async () => {
    await database.close();
    await test.close();
  });

  async function backend(): Promise<number | undefined> {
    return (await database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid'))[0]?.pid;
  }

  it('keeps its connection, with what is prepared on it, when a statement is refused', async () => {
    const before = await backend();
    await expect(database.query('SELECT 1 / 0')).rejects.toMatchObject({ code: '22012' });
    expect(await backend()).toBe(before);
  });

  it('says that it does not answer when a connection breaks, and makes another', async () => {
    const before = await backend();
    const broken = database.query('SELECT pg_terminate_backend(pg_backend_pid())');
    await expect(broken).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await backend()).not.toBe(before);
  });
});
