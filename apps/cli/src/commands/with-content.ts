import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ensureSecretKey } from '@entrepot/access/bootstrap';
import type { ContentStore } from '@entrepot/content-store/content-store';
import type { Database } from '@entrepot/database/database';
import { makeDataDirectory } from '@entrepot/embedded-postgres/data-directory';
import { SecretBox } from '@entrepot/identity/secret-box';
import type { Config } from '../config/config.ts';
import { openStorage } from '../serve/open-storage.ts';
import type { ProcessOutput } from '../serve/process-log.ts';
import { loadSecretKey } from '../serve/secret-key.ts';
import { checkStorageIdentity } from '../serve/storage-identity.ts';
import { withDatabase } from './with-database.ts';

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
 */
export async function withContent<T>(
  config: Config,
  output: ProcessOutput,
  work: (content: Content) => Promise<T>,
): Promise<T> {
  return await withDatabase(config, output, async (database) => {
    await makeDataDirectory(resolve(config.data));
    const dataDir = await realpath(config.data);
    await ensureSecretKey(database, new SecretBox(await loadSecretKey(dataDir, config.secretKey)));
    const { store, place } = await openStorage(config, dataDir);
    await checkStorageIdentity(database, store, place);
    return await work({ database, store, place });
  });
}
