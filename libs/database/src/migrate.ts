import pg from 'pg';
import { AppError } from '@entrepot/errors/app-error';
import { builtInRoles } from '@entrepot/policy/roles';
import { toPgConfig, type ConnectionOptions } from './connection-options.ts';
import { listTables, refuseForeignTables } from './database-content.ts';
import { sqlState, translateDatabaseError } from './database-error.ts';
import { migrations, type Migration } from './migrations/migrations.ts';

/** The advisory lock under which steps of the schema run. */
export const schemaLock = 7_226_543_210;

/** Whatever sends statements: a client of pg, or a {@link BulkSession}. */
interface Statements {
  query(sql: string, values?: unknown[]): Promise<unknown>;
}

/** What a run of the migrations did. */
export interface MigrationResult {
  readonly applied: readonly string[];
}

/**
 * Brings the schema to this version: each step in its own transaction, under an advisory lock, so that any
 * number of processes may call it at once. Refuses (`CONFIG_INVALID`) a database that a newer version wrote, and one
 * with tables of something else.
 */
export async function migrate(connection: ConnectionOptions): Promise<MigrationResult> {
  const client = new pg.Client({ ...toPgConfig(connection), application_name: 'entrepot migrate' });
  try {
    await client.connect();
    refuseForeignTables(await listTables(client));
    await createMigrationTable(client);
    const applied: string[] = [];
    for (const migration of await pending(client)) {
      if (await apply(client, migration)) applied.push(migration.name);
    }
    await writeBuiltInRoles(client);
    return { applied };
  } catch (error) {
    throw translateDatabaseError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The names of the steps that the database still lacks. */
export async function listPendingMigrations(connection: ConnectionOptions): Promise<readonly string[]> {
  const client = new pg.Client(toPgConfig(connection));
  try {
    await client.connect();
    return (await pending(client)).map((migration) => migration.name);
  } catch (error) {
    if (sqlState(error) === '42P01') return migrations.map((migration) => migration.name);
    throw translateDatabaseError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function pending(client: pg.Client): Promise<readonly Migration[]> {
  const { rows } = await client.query<{ name: string }>('SELECT name FROM schema_migration');
  const done = new Set(rows.map((row) => row.name));
  const unknown = [...done].filter((name) => !migrations.some((migration) => migration.name === name));
  if (unknown.length > 0) {
    throw new AppError(
      'CONFIG_INVALID',
      `the database was written by a newer version of Entrepot (it has ${unknown.toSorted().join(', ')}): ` +
        'start that version, or restore a backup made by this one',
    );
  }
  return migrations.filter((migration) => !done.has(migration.name));
}

async function apply(client: pg.Client, migration: Migration): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.query("BEGIN; SET LOCAL lock_timeout = '5s'");
      await client.query('SELECT pg_advisory_xact_lock($1)', [schemaLock]);
      const { rowCount } = await client.query('SELECT 1 FROM schema_migration WHERE name = $1', [
        migration.name,
      ]);
      if (rowCount === 0) {
        await runMigration(client, migration);
      }
      await client.query('COMMIT');
      return rowCount === 0;
    } catch (error) {
      await client.query('ROLLBACK');
      if (attempt === 5 || sqlState(error) !== '55P03') throw error;
    }
  }
}

/** Makes the table that remembers the steps, unless it is there. */
export async function createMigrationTable(session: Statements): Promise<void> {
  await session.query(`CREATE TABLE IF NOT EXISTS schema_migration (
    name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`);
  await session.query(
    'ALTER TABLE schema_migration ADD COLUMN IF NOT EXISTS ends_older boolean NOT NULL DEFAULT false',
  );
}

/** Runs one step in the transaction that the session has begun, and remembers it. */
export async function runMigration(session: Statements, { name, sql, endsOlder }: Migration): Promise<void> {
  await session.query(sql);
  await session.query('INSERT INTO schema_migration (name, ends_older) VALUES ($1, $2)', [
    name,
    endsOlder === true,
  ]);
}

/**
 * Makes the rows of the roles that the product has. They are rows like any other; what they may do comes from
 * libs/policy with each version.
 */
export async function writeBuiltInRoles(client: Statements): Promise<void> {
  for (const role of builtInRoles) {
    await client.query(
      `INSERT INTO role (id, name, permissions, built_in) VALUES ($1, $2, $3, true)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, permissions = excluded.permissions
       WHERE (role.name, role.permissions) IS DISTINCT FROM (excluded.name, excluded.permissions)`,
      [role.id, role.name, role.permissions],
    );
  }
  await client.query(
    "SELECT setval(pg_get_serial_sequence('role', 'id'), greatest(100, (SELECT max(id) FROM role)))",
  );
}
