import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from './migrate.ts';
import { migrations } from './migrations/migrations.ts';
import { findMissingMigrations } from './schema-state.ts';
import { createTestDatabase, type TestDatabase } from './testing/test-database.ts';

describe('findMissingMigrations', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(() => test.close());

  const add = (name: string, endsOlder: boolean): Promise<unknown> =>
    test.database.query('INSERT INTO schema_migration (name, ends_older) VALUES ($1, $2)', [name, endsOlder]);
  const remove = (name: string): Promise<unknown> =>
    test.database.query('DELETE FROM schema_migration WHERE name = $1', [name]);

  it('finds nothing missing in a database that is up to date', async () => {
    expect(await findMissingMigrations(test.connection)).toEqual([]);
  });

  it('names the steps of a database that is older', async () => {
    const last = migrations.at(-1)?.name ?? '';
    await remove(last);
    expect(await findMissingMigrations(test.connection)).toEqual([last]);
    await add(last, false);
  });

  it('runs on a newer database as long as its steps only add', async () => {
    await add('9998-adds', false);
    expect(await findMissingMigrations(test.connection)).toEqual([]);
    await remove('9998-adds');
  });

  it('refuses a newer database that has left this version behind', async () => {
    await add('9999-removes', true);
    await expect(findMissingMigrations(test.connection)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/newer version.*9999-removes/) as string,
    });
    await remove('9999-removes');
  });

  it('reads a database from before steps said whom they leave behind', async () => {
    await test.database.query('ALTER TABLE schema_migration DROP COLUMN ends_older');
    expect(await findMissingMigrations(test.connection)).toEqual([]);
    await migrate(test.connection);
    expect(await findMissingMigrations(test.connection)).toEqual([]);
  });
});
