import { join } from 'node:path';
import { ContentStore } from '@entrepot/content-store/content-store';
import { FilesystemDriver } from '@entrepot/storage/filesystem/filesystem-driver';
import type { StorageDriver } from '@entrepot/storage/driver';
import type { Config } from '../config/config.ts';

/** The storage of the settings, and how to name it to people. */
export interface OpenStorage {
  readonly store: ContentStore;
  readonly place: string;
}

const redirectSeconds = 20 * 60;

/** Opens the storage, which is not there yet perhaps: `probe` of its driver makes it and proves that it takes writes. */
export async function openStorage(config: Config, dataDir: string): Promise<OpenStorage> {
  const { driver, place } = config.storageDriver === 's3' ? await openS3(config) : openFiles(config, dataDir);
  return { store: new ContentStore(driver), place };
}

interface NamedDriver {
  readonly driver: StorageDriver;
  readonly place: string;
}

function openFiles(config: Config, dataDir: string): NamedDriver {
  const root = config.storageDirectory ?? join(dataDir, 'storage');
  const { storageAccelPrefix: proxyPrefix } = config;
  const driver = new FilesystemDriver({ root, ...(proxyPrefix === undefined ? {} : { proxyPrefix }) });
  return { driver, place: root };
}

async function openS3(config: Config): Promise<NamedDriver> {
  const { storageS3Bucket: bucket = '', storageS3Endpoint: endpoint, storageS3Prefix: folder } = config;
  const { storageS3AccessKeyId: accessKeyId, storageS3SecretAccessKey: secretAccessKey } = config;
  const isKeyed = accessKeyId !== undefined && secretAccessKey !== undefined;
  const prefix = folder === undefined ? '' : `${folder}/`;
  // the SDK takes a second and 40 MB, which those with a disk do not need
  const { S3Driver } = await import('@entrepot/storage/s3/s3-driver');
  const driver = new S3Driver({
    bucket,
    prefix,
    endpoint,
    region: config.storageS3Region,
    pathStyle: config.storageS3PathStyle ?? endpoint !== undefined,
    credentials: isKeyed ? { accessKeyId, secretAccessKey } : undefined,
    redirectSeconds: config.storageS3Redirect ? redirectSeconds : undefined,
    redirectEndpoint: config.storageS3RedirectEndpoint,
    bufferBytes: config.storageS3BufferMb * 1024 * 1024,
  });
  return { driver, place: `s3://${bucket}/${prefix}` };
}
