import type { BulkSession } from '@entrepot/database/bulk-session';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { completeSchema, runMigrations } from '@entrepot/database/schema-build';
import { AppError } from '@entrepot/errors/app-error';
import type { Digest } from '@entrepot/oci/digest';
import { readCompressed } from './backup-files.ts';
import type { SavedTable } from './backup-manifest.ts';
import type { CheckedBackup } from './check-backup.ts';
import { leftOut, listTables, quote, sortByDependency, type Table } from './tables.ts';

/** What is loaded beside the rows of the backup. */
export interface LoadOptions {
  /** Of the instance from now on. */
  readonly epoch: number;
  /** Live blobs whose bytes were lost. */
  readonly damaged: readonly Digest[];
}

/**
 * Loads a backup in the transaction that the session has begun: the schema that the backup had, its rows, and then the
 * steps that this version has beyond it. Triggers do not fire, foreign keys are checked; the owner of the schema may do
 * all of it. Returns the tables of the backup that are not of this product's schema.
 *
 * Tokens that were signed before hold no more, since their ids and versions may come to mean something else; and
 * nothing is collected until the storage was compared with what the database knows.
 */
export async function loadDatabase(
  session: BulkSession,
  backup: CheckedBackup,
  { epoch, damaged }: LoadOptions,
): Promise<readonly string[]> {
  await runMigrations(session, backup.manifest.migrations);
  const tables = (await listTables(session)).filter(({ name }) => !leftOut.has(name));
  await loadRows(session, backup, tables);
  await completeSchema(session);
  await session.query('UPDATE instance SET epoch = $1, collection_held = true', [epoch]);
  await session.query('DELETE FROM signing_key');
  await session.query(
    "UPDATE blob SET state = 'damaged', state_at = now() WHERE digest = ANY ($1) AND state = 'live'",
    [damaged.map(digestToBytes)],
  );
  // the mirror in the new storage is as old as the storage: everything is compared
  await session.query(
    `INSERT INTO mirror_mark (repository_id, item) SELECT id, '' FROM repository
     WHERE deleted_at IS NULL AND (SELECT link_mirror FROM instance) ON CONFLICT DO NOTHING`,
  );
  await session.query(`ANALYZE ${tables.map(({ name }) => quote(name)).join(', ')}`);
  const known = new Set(tables.map(({ name }) => name));
  return backup.manifest.tables.map(({ name }) => name).filter((name) => !known.has(name));
}

async function loadRows(
  session: BulkSession,
  backup: CheckedBackup,
  tables: readonly Table[],
): Promise<void> {
  const saved = new Map(backup.manifest.tables.map((table) => [table.name, table]));
  const names = tables.map(({ name }) => quote(name));
  // what steps and the first start made is in the backup too
  await session.query(`TRUNCATE ${names.join(', ')}, upload`);
  for (const { name, table, bound } of backup.manifest.partitions) {
    await session.query(`CREATE TABLE IF NOT EXISTS ${quote(name)} PARTITION OF ${quote(table)} ${bound}`);
  }
  for (const name of names) await session.query(`ALTER TABLE ${name} DISABLE TRIGGER USER`);
  for (const { name } of await sortByDependency(session, tables)) {
    const table = saved.get(name);
    if (table === undefined) throw incomplete(`it has no table ${name}`);
    await loadTable(session, backup, table);
  }
  for (const name of names) await session.query(`ALTER TABLE ${name} ENABLE TRIGGER USER`);
  for (const { name, value } of backup.manifest.sequences) {
    await session.query('SELECT setval(to_regclass($1), $2)', [quote(name), value]);
  }
}

async function loadTable(
  session: BulkSession,
  { directory, generation }: CheckedBackup,
  { name, columns, rows, file }: SavedTable,
): Promise<void> {
  const target = `${quote(name)} (${columns.map(quote).join(', ')})`;
  const loaded = await session.copyIn(target, readCompressed(directory.path(generation, file.path)));
  if (loaded !== rows) throw incomplete(`${name} has ${loaded} rows, and had ${rows}`);
}

function incomplete(what: string): AppError {
  return new AppError('PRECONDITION', `the backup is damaged: ${what}. Take another generation`);
}
