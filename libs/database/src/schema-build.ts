import type { BulkSession } from './bulk-session.ts';
import { createMigrationTable, runMigration, schemaLock, writeBuiltInRoles } from './migrate.ts';
import { migrations } from './migrations/migrations.ts';

/** The steps that the database has, in the order of their names; none when it has no schema. */
export async function listAppliedMigrations(session: BulkSession): Promise<readonly string[]> {
  const [found] = await session.query<{ there: boolean }>(
    "SELECT to_regclass('schema_migration') IS NOT NULL AS there",
  );
  if (found?.there !== true) return [];
  const rows = await session.query<{ name: string }>('SELECT name FROM schema_migration ORDER BY name');
  return rows.map(({ name }) => name);
}

/** Waits for steps that are under way, and does `work` while none can begin, which wait for up to half a minute. */
export async function withFixedSchema<T>(session: BulkSession, work: () => Promise<T>): Promise<T> {
  // before the transaction of the work: its snapshot must not be older than what the lock waited for
  await session.query('SELECT pg_advisory_lock_shared($1)', [schemaLock]);
  const result = await work();
  await session.query('SELECT pg_advisory_unlock_shared($1)', [schemaLock]);
  return result;
}

/** Those of the steps that this version does not know. */
export function listUnknownMigrations(names: readonly string[]): readonly string[] {
  return names.filter((name) => !migrations.some((migration) => migration.name === name));
}

/** Runs those of the named steps that the database lacks, in the transaction that the session has begun. */
export async function runMigrations(session: BulkSession, names: readonly string[]): Promise<void> {
  await createMigrationTable(session);
  const done = new Set(await listAppliedMigrations(session));
  for (const migration of migrations) {
    if (names.includes(migration.name) && !done.has(migration.name)) await runMigration(session, migration);
  }
}

/** Runs all steps that the database lacks, in the transaction that the session has begun. */
export async function completeSchema(session: BulkSession): Promise<void> {
  await runMigrations(
    session,
    migrations.map(({ name }) => name),
  );
  await writeBuiltInRoles(session);
}
