import type { ContentStore } from '@entrepot/content-store/content-store';
import { readIdentity, writeIdentity, type StorageIdentity } from '@entrepot/content-store/identity';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';

const readInstance = statement<{ instance_id: string; epoch: number; has_content: boolean }>(
  'instance.identity',
  'SELECT instance_id, epoch, EXISTS (SELECT 1 FROM blob) AS has_content FROM instance',
);

/**
 * Makes sure that database and storage belong together (design: storage identity): an empty mount, another
 * directory or an older database would otherwise be taken for the truth. A new storage gets the identity of a
 * database without content. Throws `CONFIG_INVALID` naming both.
 */
export async function checkStorageIdentity(
  database: Database,
  store: ContentStore,
  place: string,
): Promise<void> {
  const [row] = await database.run(readInstance);
  if (row === undefined) throw new AppError('INTERNAL', 'the database has no instance row');
  const expected: StorageIdentity = { instance: row.instance_id, format: 1, epoch: row.epoch };
  const found = await readIdentity(store);
  if (found === undefined) {
    if (row.has_content) throw missing(place);
    await writeIdentity(store, expected);
    return;
  }
  if (found.instance !== expected.instance) throw foreign(place);
  if (found.epoch !== expected.epoch) throw otherEpoch(place, found.epoch, expected.epoch);
}

function missing(place: string): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `the storage ${place} is not the one that this database knows: it has no docker/registry/entrepot.json. ` +
      'Mount the right storage, or restore it from a backup',
  );
}

function foreign(place: string): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `the storage ${place} belongs to another database: set ENTREPOT_STORAGE_DIRECTORY, or ENTREPOT_STORAGE_S3_BUCKET and _PREFIX, to the one of this database, ` +
      'or restore the database that belongs to the storage',
  );
}

function otherEpoch(place: string, found: number, expected: number): AppError {
  const older =
    found > expected ? 'the database is older than the storage' : 'the storage is older than the database';
  return new AppError(
    'CONFIG_INVALID',
    `${older} (${place} is at epoch ${found}, the database at ${expected}): restore both from the same backup`,
  );
}
