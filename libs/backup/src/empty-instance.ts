import type { BulkSession } from '@entrepot/database/bulk-session';
import { refuseForeignTables } from '@entrepot/database/database-content';
import { listAppliedMigrations, listUnknownMigrations } from '@entrepot/database/schema-build';
import { AppError } from '@entrepot/errors/app-error';
import { listTables } from './tables.ts';

/** A database that may be loaded. */
export interface EmptyInstance {
  /** Whose it is now, when a server was started on it before. */
  readonly instance: string | undefined;
}

// what the first start makes is no content: one administrator and the project that everybody may pull from
const content = `SELECT
  (SELECT count(*) FROM repository) AS repositories,
  (SELECT count(*) FROM manifest) AS manifests,
  (SELECT count(*) FROM blob) AS blobs,
  (SELECT count(*) FROM project WHERE name <> 'library') AS projects,
  (SELECT count(*) - 1 FROM "user") AS "users beside the first",
  (SELECT count(*) FROM robot) AS robots`;

/**
 * Makes sure that a restore overwrites nothing and nobody works with the database. Throws `PRECONDITION` naming what
 * is there: content, a schema that is beyond the backup's, or connections of a server.
 */
export async function requireEmptyInstance(
  session: BulkSession,
  migrations: readonly string[],
): Promise<EmptyInstance> {
  await requireUnused(session);
  const applied = await listAppliedMigrations(session);
  if (applied.length === 0) {
    const tables = (await listTables(session)).map(({ name }) => name);
    refuseForeignTables({ hasSchema: false, tables });
    return { instance: undefined };
  }
  await requireNoContent(session, applied);
  const beyond = applied.filter((name) => !migrations.includes(name));
  if (beyond.length > 0) {
    throw new AppError(
      'PRECONDITION',
      `the database has had steps that the backup's has not (${beyond.join(', ')}): restore into one that no server ` +
        'was started on, a new data directory or an empty database',
    );
  }
  const [row] = await session.query<{ instance: string }>('SELECT instance_id AS instance FROM instance');
  return { instance: row?.instance };
}

async function requireUnused(session: BulkSession): Promise<void> {
  const [others] = await session.query<{ count: number }>(
    `SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database()
       AND application_name LIKE 'entrepot%' AND pid <> pg_backend_pid()`,
  );
  if ((others?.count ?? 0) === 0) return;
  throw new AppError(
    'PRECONDITION',
    `Entrepot has ${others?.count} connections to this database: stop every server and command that uses it first`,
  );
}

async function requireNoContent(session: BulkSession, applied: readonly string[]): Promise<void> {
  const isNewer = listUnknownMigrations(applied).length > 0;
  const [row] = isNewer ? [] : await session.query<Record<string, number>>(content);
  const found = Object.entries(row ?? {}).filter(([, count]) => count > 0);
  if (found.length === 0) return;
  throw new AppError(
    'PRECONDITION',
    `the database is not empty, and a restore overwrites nothing: it has ` +
      `${found.map(([what, count]) => `${count} ${what}`).join(', ')}. Name a new data directory, or an empty database`,
  );
}
