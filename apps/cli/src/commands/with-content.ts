import { resolve } from 'node:path';
import { ensureSecretKey } from '@entrepot/access/bootstrap';
import type { ContentStore } from '@entrepot/content-store/content-store';
import { readIdentity } from '@entrepot/content-store/identity';
import type { Database } from '@entrepot/database/database';
import { makeDataDirectory } from '@entrepot/embedded-postgres/data-directory';
import { SecretBox } from '@entrepot/identity/secret-box';
import type { Config } from '../config/config.ts';
import { admitDatabase } from '../serve/admit-database.ts';
import { openStorage } from '../serve/open-storage.ts';
import type { ProcessOutput } from '../serve/process-log.ts';
import { loadSecretKey, secretKeySource } from '../serve/secret-key.ts';
import { checkStorageIdentity } from '../serve/storage-identity.ts';
import { withDatabase, type DatabaseAccess } from './with-database.ts';

/** What commands on content work with. */
export interface Content {
  readonly database: Database;
  readonly store: ContentStore;
  /** The storage, as people know it. */
  readonly place: string;
}

/**
 * Works on database and storage, which have to belong together, whether the server runs or not. A storage without an
 * identity becomes that of a database without content: that is how a directory of another registry is taken over.
 * Refused (`CONFIG_INVALID`) when there is no database yet, unless the command `makes` one.
 */
export async function withContent<T>(
  config: Config,
  output: ProcessOutput,
  work: (content: Content) => Promise<T>,
  makes: 'nothing' | 'database' = 'nothing',
): Promise<T> {
  const dataDir = resolve(config.data);
  const { store, place } = await openStorage(config, dataDir);
  const found = await readIdentity(store);
  const access: DatabaseAccess = {
    makes,
    admit: (known) => admitDatabase({ config, dataDir, found, place }, known),
  };
  return await withDatabase({ config, output, access }, async (database) => {
    await makeDataDirectory(dataDir);
    await store.driver.probe();
    const box = new SecretBox(await loadSecretKey(dataDir, config.secretKey));
    await ensureSecretKey(database, box, secretKeySource(dataDir, config.secretKey));
    await checkStorageIdentity(database, store, place);
    return await work({ database, store, place });
  });
}
