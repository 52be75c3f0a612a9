import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toPgConfig, type ConnectionOptions } from './connection-options.ts';
import { inspectDatabase } from './database-content.ts';
import { migrate } from './migrate.ts';
import { createTestDatabase, type TestDatabase } from './testing/test-database.ts';

let test: TestDatabase;
let count = 0;

beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.close());

/** A database that nobody migrated, with what `sql` makes in it. */
async function makeDatabase(sql: string): Promise<ConnectionOptions> {
  const name = `content_${process.pid}_${Date.now().toString(36)}_${++count}`;
  await test.database.query(`CREATE DATABASE ${name} TEMPLATE template0`);
  const connection = { ...test.connection, database: name };
  const client = new pg.Client(toPgConfig(connection));
  await client.connect();
  await client.query(sql);
  await client.end();
  return connection;
}

describe('a database', () => {
  it('of this product says whose it is', async () => {
    expect(await inspectDatabase(test.connection)).toMatchObject({ hasSchema: true, instance: undefined });
    await test.database.query(
      "INSERT INTO instance (instance_id, epoch, secret_key_check) VALUES (gen_random_uuid(), 7, 'check')",
    );
    const [row] = await test.database.query<{ instance_id: string }>('SELECT instance_id FROM instance');
    expect((await inspectDatabase(test.connection)).instance).toEqual({
      id: row?.instance_id,
      epoch: 7,
      secretKeyCheck: 'check',
      hasContent: false,
    });
  });

  it('that is empty is nobody’s, and may be migrated', async () => {
    const connection = await makeDatabase('CREATE EXTENSION IF NOT EXISTS plpgsql');
    expect(await inspectDatabase(connection)).toEqual({ hasSchema: false, tables: [], instance: undefined });
    expect((await migrate(connection)).applied).not.toEqual([]);
    expect((await inspectDatabase(connection)).hasSchema).toBe(true);
  });

  it('with somebody else’s tables is not migrated, and stays as it was', async () => {
    const connection = await makeDatabase(
      'CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE TABLE c (id int); CREATE TABLE d (id int)',
    );
    await expect(migrate(connection)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(
        /not Entrepot's and not empty \(it has the tables a, b, c and 1 more\): /,
      ) as string,
    });
    expect(await inspectDatabase(connection)).toEqual({
      hasSchema: false,
      tables: ['a', 'b', 'c', 'd'],
      instance: undefined,
    });
  });
});
