import type { BulkSession } from '@entrepot/database/bulk-session';
import { listAppliedMigrations } from '@entrepot/database/schema-build';
import { AppError } from '@entrepot/errors/app-error';
import type { BackupDirectory } from './backup-directory.ts';
import { writeCompressed } from './backup-files.ts';
import type { BackupManifest, SavedFile, SavedTable } from './backup-manifest.ts';
import { selectBlobs } from './blob-list.ts';
import {
  leftOut,
  listPartitions,
  listSequences,
  listTables,
  quote,
  textFormats,
  type Table,
} from './tables.ts';

/** Where a snapshot goes. */
export interface SnapshotTarget {
  readonly directory: BackupDirectory;
  readonly generation: string;
  readonly withBlobs: boolean;
}

/** What was written of the database. */
export type SavedDatabase = Pick<
  BackupManifest,
  'instance' | 'epoch' | 'server' | 'migrations' | 'tables' | 'partitions' | 'sequences'
> & {
  readonly keyCheck: string;
  readonly blobList: SavedFile | undefined;
};

/** Writes one moment of the database, table by table. The session's transaction lasts as long, and reads only. */
export async function saveDatabase(session: BulkSession, target: SnapshotTarget): Promise<SavedDatabase> {
  await session.query(textFormats);
  await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const instance = await readInstance(session);
  const migrations = [...(await listAppliedMigrations(session))];
  const partitions = [...(await listPartitions(session))];
  const tables: SavedTable[] = [];
  for (const table of await listTables(session)) {
    if (!leftOut.has(table.name)) tables.push(await saveTable(session, table, target));
  }
  const blobList = target.withBlobs
    ? (await save(session, selectBlobs, 'blobs.zst', target)).file
    : undefined;
  // sequences do not wait for transactions: what they say now is not below any row of the snapshot
  const sequences = [...(await listSequences(session))];
  await session.query('COMMIT');
  return { ...instance, migrations, tables, partitions, sequences, blobList };
}

/** Whose database it is. */
export async function readInstance(
  session: BulkSession,
): Promise<Pick<SavedDatabase, 'instance' | 'epoch' | 'server' | 'keyCheck'>> {
  const [row] = await session.query<{ instance: string; epoch: number; keyCheck: string; server: string }>(
    `SELECT instance_id AS instance, epoch, secret_key_check AS "keyCheck",
       current_setting('server_version') AS server FROM instance`,
  );
  if (row !== undefined) return row;
  throw new AppError('PRECONDITION', 'there is nothing to back up: the server was never started');
}

async function saveTable(
  session: BulkSession,
  { name, columns }: Table,
  target: SnapshotTarget,
): Promise<SavedTable> {
  // a query, since COPY of a partitioned table itself copies nothing before PostgreSQL 18
  const select = `SELECT ${columns.map(quote).join(', ')} FROM ${quote(name)}`;
  const { file, rows } = await save(session, select, `tables/${encodeURIComponent(name)}.copy.zst`, target);
  return { name, columns: [...columns], rows, file };
}

async function save(
  session: BulkSession,
  select: string,
  path: string,
  { directory, generation }: SnapshotTarget,
): Promise<{ file: SavedFile; rows: number }> {
  const rows = session.copyOut(select);
  const facts = await writeCompressed(directory.path(generation, path), rows.stream);
  return { file: { path, ...facts }, rows: rows.countRows() };
}
