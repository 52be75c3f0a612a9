import type { ContentStore } from '@entrepot/content-store/content-store';
import { readIdentity, writeIdentity, type StorageIdentity } from '@entrepot/content-store/identity';
import type { Database } from '@entrepot/database/database';
import type { KnownInstance } from '@entrepot/database/database-content';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';

const readInstance = statement<{ id: string; epoch: number; has_content: boolean }>(
  'instance.identity',
  'SELECT instance_id AS id, epoch, EXISTS (SELECT 1 FROM blob) AS has_content FROM instance',
);

/** What storage and database say of the instance that they belong to. */
export interface Identities {
  /** Read before the database was: of processes that start together, the first gives both theirs, this one last. */
  readonly found: StorageIdentity | undefined;
  /** Undefined for a database that was not made yet, or that nothing was started on. */
  readonly known: Pick<KnownInstance, 'id' | 'epoch' | 'hasContent'> | undefined;
  /** The storage, as people know it. */
  readonly place: string;
}

/**
 * Makes sure that database and storage belong together (design: storage identity): an empty mount, another
 * directory or an older database would otherwise be taken for the truth. Throws `CONFIG_INVALID` naming both.
 */
export function compareIdentities({ found, known, place }: Identities): 'same' | 'new storage' {
  if (found === undefined) {
    if (known?.hasContent === true) throw missing(place);
    return 'new storage';
  }
  if (known === undefined) throw withoutDatabase(place);
  if (found.instance !== known.id) throw foreign(place);
  if (found.epoch !== known.epoch) throw otherEpoch(place, found.epoch, known.epoch);
  return 'same';
}

/** {@link compareIdentities}, and gives a new storage the identity of a database without content. */
export async function checkStorageIdentity(
  database: Database,
  store: ContentStore,
  place: string,
): Promise<void> {
  const [row] = await database.run(readInstance);
  if (row === undefined) throw new AppError('INTERNAL', 'the database has no instance row');
  const { id, epoch, has_content: hasContent } = row;
  const found = await readIdentity(store);
  if (compareIdentities({ found, known: { id, epoch, hasContent }, place }) === 'same') return;
  await writeIdentity(store, { instance: id, format: 1, epoch });
}

function missing(place: string): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `the storage ${place} is not the one that this database knows: it has no docker/registry/entrepot.json. ` +
      'Mount the right storage, or restore it from a backup',
  );
}

function withoutDatabase(place: string): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `the storage ${place} belongs to a database that is not the one of these settings, which is new: set ` +
      'ENTREPOT_DATA or ENTREPOT_DATABASE_URL to the one of the storage, or restore it from a backup',
  );
}

function foreign(place: string): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `the storage ${place} belongs to another database: set ENTREPOT_STORAGE_DIRECTORY to the one of this database, ` +
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
