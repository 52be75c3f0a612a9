import pg from 'pg';
import { AppError } from '@entrepot/errors/app-error';
import { toPgConfig, type ConnectionOptions } from './connection-options.ts';
import { sqlState, translateDatabaseError } from './database-error.ts';
import { migrations } from './migrations/migrations.ts';

/** The steps that a database lacks for this version to run on it; none when it may. */
export type MissingMigrations = readonly string[];

interface AppliedMigration {
  readonly name: string;
  readonly ends_older: boolean;
}

// the column came later than the table, and whoever only looks adds none
const readApplied = `SELECT name, coalesce((to_jsonb(m) ->> 'ends_older')::boolean, false) AS ends_older
  FROM schema_migration m`;

/**
 * Whether this version may run on a database that it does not migrate itself. A newer version's steps are no hindrance
 * unless one of them says so, since they leave what the release before uses. `CONFIG_INVALID` for a database that has
 * left this version behind, `UNAVAILABLE` when it does not answer.
 */
export async function findMissingMigrations(connection: ConnectionOptions): Promise<MissingMigrations> {
  const applied = await listApplied(connection);
  const known = new Set(migrations.map(({ name }) => name));
  const beyond = applied.filter(({ name, ends_older: endsOlder }) => endsOlder && !known.has(name));
  if (beyond.length > 0) {
    throw new AppError(
      'CONFIG_INVALID',
      `the database was migrated by a newer version of Entrepot, and this one cannot run on it any more (it has ` +
        `${beyond.map(({ name }) => name).join(', ')}): start the newer version`,
    );
  }
  const done = new Set(applied.map(({ name }) => name));
  return migrations.filter(({ name }) => !done.has(name)).map(({ name }) => name);
}

async function listApplied(connection: ConnectionOptions): Promise<readonly AppliedMigration[]> {
  const client = new pg.Client({ ...toPgConfig(connection), connectionTimeoutMillis: 5_000 });
  // what breaks the connection rejects the query as well
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<AppliedMigration>(readApplied)).rows;
  } catch (error) {
    if (sqlState(error) === '42P01') return [];
    throw translateDatabaseError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}
