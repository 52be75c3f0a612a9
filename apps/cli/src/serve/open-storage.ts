import { join } from 'node:path';
import { ContentStore } from '@entrepot/content-store/content-store';
import { FilesystemDriver } from '@entrepot/storage/filesystem/filesystem-driver';
import type { Config } from '../config/config.ts';

/** The storage of the settings, and how to name it to people. */
export interface OpenStorage {
  readonly store: ContentStore;
  readonly place: string;
}

/** Opens the storage and proves that it takes writes. Throws `STORAGE_FULL` or `STORAGE_FAILED`. */
export async function openStorage(config: Config, dataDir: string): Promise<OpenStorage> {
  const root = config.storageDirectory ?? join(dataDir, 'storage');
  const { storageAccelPrefix: proxyPrefix } = config;
  const driver = new FilesystemDriver({ root, ...(proxyPrefix === undefined ? {} : { proxyPrefix }) });
  await driver.probe();
  return { store: new ContentStore(driver), place: root };
}
