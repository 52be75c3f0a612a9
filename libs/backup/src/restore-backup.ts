import type { ContentStore } from '@entrepot/content-store/content-store';
import { readIdentity, writeIdentity } from '@entrepot/content-store/identity';
import { BulkSession } from '@entrepot/database/bulk-session';
import type { ConnectionOptions } from '@entrepot/database/connection-options';
import { AppError } from '@entrepot/errors/app-error';
import { checkBlobs, type CheckedBackup } from './check-backup.ts';
import { requireEmptyInstance } from './empty-instance.ts';
import { loadDatabase } from './load-database.ts';
import { restoreBlobs, type RestoredBlobs } from './restore-blobs.ts';
import { textFormats } from './tables.ts';

/** What is restored, and where to. */
export interface RestoreOptions {
  /** From {@link openBackup}. */
  readonly backup: CheckedBackup;
  /** Restores although bytes of blobs are lost; those are marked as damaged, and the next push heals them. */
  readonly acceptsLoss: boolean;
  /** Past any pooler. */
  readonly connection: ConnectionOptions;
  readonly store: ContentStore;
  /** The storage, as people know it. */
  readonly place: string;
  /**
   * Makes sure that the secrets of the backup can be opened, before anything else is changed. `keyFile` is there when
   * the key is part of the backup.
   */
  readonly takeKey: (check: string, keyFile: string | undefined) => Promise<void>;
}

/** What a restore did. */
export interface RestoreReport {
  readonly epoch: number;
  readonly blobs: RestoredBlobs;
  /** Tables of the backup that are none of the product's. */
  readonly strangeTables: readonly string[];
}

/**
 * Restores a backup into an instance without content. Everything that can be checked is checked before anything is
 * changed; the database changes in one transaction, last. So one that is interrupted leaves an instance without
 * content, and the next one goes on with the blobs that were copied.
 *
 * @throws AppError `PRECONDITION` naming what is in the way, `STORAGE_FULL`, `STORAGE_FAILED`, `UNAVAILABLE`.
 */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreReport> {
  const { backup, store, acceptsLoss } = options;
  const session = await BulkSession.open(options.connection, 'restore');
  try {
    await session.query(textFormats);
    await beAlone(session);
    const { instance } = await requireEmptyInstance(session, backup.manifest.migrations);
    const epoch = await nextEpoch(options, instance);
    if (!acceptsLoss) await checkBlobs(backup);
    await takeKey(options);
    await store.driver.probe();
    const blobs = await restoreBlobs(store, backup, acceptsLoss);
    await session.query('BEGIN');
    const strangeTables = await loadDatabase(session, backup, { epoch, damaged: blobs.lost });
    // a storage that belongs to the database of a moment ago is accepted by the next restore; the other way round not
    await writeIdentity(store, { instance: backup.manifest.instance, format: 1, epoch });
    await session.query('COMMIT');
    return { epoch, blobs, strangeTables };
  } finally {
    await session.close();
  }
}

async function beAlone(session: BulkSession): Promise<void> {
  const [row] = await session.query<{ ours: boolean }>(
    "SELECT pg_try_advisory_lock(hashtext('restore')) AS ours",
  );
  if (row?.ours === true) return;
  throw new AppError('CONFLICT', 'another restore into this database is running: wait until it has ended');
}

async function takeKey({ takeKey: take, backup }: RestoreOptions): Promise<void> {
  const { check, file } = backup.manifest.secretKey;
  const { directory, generation } = backup;
  await take(check, file === undefined ? undefined : directory.path(generation, file.path));
}

/** The epoch after the restore: beyond that of the backup, and of the storage. */
async function nextEpoch(
  { store, place, backup: { manifest } }: RestoreOptions,
  own: string | undefined,
): Promise<number> {
  const found = await readIdentity(store);
  if (found?.instance === manifest.instance) return Math.max(found.epoch, manifest.epoch) + 1;
  const isNew = found === undefined || found.instance === own;
  if (isNew && manifest.blobs !== undefined) return manifest.epoch + 1;
  if (isNew) {
    throw new AppError(
      'PRECONDITION',
      `the backup has no blobs, and the storage ${place} is not the one that has them: mount or name that one`,
    );
  }
  throw new AppError(
    'PRECONDITION',
    `the storage ${place} belongs to another instance: name an empty one, or that of the backup`,
  );
}
