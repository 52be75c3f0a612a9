import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entities } from './entities/entities.ts';
import { migrate } from './migrate.ts';
import { createTestDatabase, type TestDatabase } from './testing/test-database.ts';

describe('migrate', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await createTestDatabase();
  });
  afterAll(() => test.close());

  it('does nothing to a database that is up to date', async () => {
    expect(await migrate(test.connection)).toEqual({ applied: [] });
  });

  it('refuses a database that a newer version wrote', async () => {
    await test.database.query("INSERT INTO schema_migration (name) VALUES ('9999-from-the-future')");
    await expect(migrate(test.connection)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('newer version'),
    });
    await test.database.query("DELETE FROM schema_migration WHERE name = '9999-from-the-future'");
  });

  it('gives every entity the columns that it declares, and no others', async () => {
    for (const entity of entities) {
      const { metadata } = test.database.repository(entity);
      const rows = await test.database.query<{ column_name: string }>(
        'SELECT column_name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2',
        ['public', metadata.tableName],
      );
      const declared = metadata.columns.map((column) => column.databaseName).toSorted();
      expect({ table: metadata.tableName, columns: rows.map((row) => row.column_name).toSorted() }).toEqual({
        table: metadata.tableName,
        columns: declared,
      });
    }
  });

  it('has an index that begins with the columns of every foreign key', async () => {
    const rows = await test.database.query<{ missing: string }>(`
      SELECT c.conrelid::regclass || ' ' || c.conname AS missing FROM pg_constraint c
      JOIN pg_class t ON t.oid = c.conrelid
      WHERE c.contype = 'f' AND t.relnamespace = 'public'::regnamespace AND NOT EXISTS (
        SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid
          AND (i.indkey::int2[])[0] = ANY (c.conkey))`);
    expect(rows).toEqual([]);
  });
});
