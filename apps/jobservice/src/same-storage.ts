import type { ContentStore } from '@entrepot/content-store/content-store';
import { readIdentity } from '@entrepot/content-store/identity';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';

const instance = statement<{ instance_id: string; epoch: number }>(
  'instance.of-storage',
  'SELECT instance_id, epoch FROM instance',
);

/**
 * Refuses (`CONFIG_INVALID`) to remove anything from a storage that is not the one of this database at this moment: an
 * empty mount, another directory or bucket, a database or storage that was restored alone.
 */
export async function checkSameStorage(database: Database, store: ContentStore): Promise<void> {
  const [expected] = await database.run(instance);
  const found = await readIdentity(store);
  if (found !== undefined && found.instance === expected?.instance_id && found.epoch === expected.epoch)
    return;
  throw new AppError(
    'CONFIG_INVALID',
    `nothing is collected: the storage ${found === undefined ? 'is not there, or has no identity' : 'belongs to another database, or another time of it'}; ` +
      'mount the right one, or restore database and storage from the same backup',
  );
}
