import type { BulkSession } from './bulk-session.ts';
import { createMigrationTable, runMigration, writeBuiltInRoles } from './migrate.ts';
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
