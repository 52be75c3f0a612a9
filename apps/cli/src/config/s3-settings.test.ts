import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from './load-config.ts';

const bucket = { ENTREPOT_STORAGE_DRIVER: 's3', ENTREPOT_STORAGE_S3_BUCKET: 'blobs' };

describe('settings of S3', () => {
  it('are a bucket and nothing else where the machine has a role', () => {
    expect(loadConfig(bucket)).toMatchObject({
      storageDriver: 's3',
      storageS3Bucket: 'blobs',
      storageS3Redirect: false,
      storageS3BufferMb: 48,
    });
  });

  it('take the secret key from a file', () => {
    const directory = mkdtempSync(join(tmpdir(), 's3-settings-'));
    writeFileSync(join(directory, 'secret'), 'from-the-file\n');
    const config = loadConfig({
      ...bucket,
      ENTREPOT_STORAGE_S3_ACCESS_KEY_ID: 'key',
      ENTREPOT_STORAGE_S3_SECRET_ACCESS_KEY_FILE: join(directory, 'secret'),
    });
    rmSync(directory, { recursive: true });
    expect(config.storageS3SecretAccessKey).toBe('from-the-file');
  });

  it.each([
    [
      { ENTREPOT_STORAGE_DRIVER: 's3' },
      'ENTREPOT_STORAGE_S3_BUCKET is missing: the driver s3 needs a bucket',
    ],
    [{ ENTREPOT_STORAGE_S3_BUCKET: 'blobs' }, 'ENTREPOT_STORAGE_S3_BUCKET has no effect'],
    [
      { ...bucket, ENTREPOT_STORAGE_S3_ACCESS_KEY_ID: 'key' },
      'ENTREPOT_STORAGE_S3_SECRET_ACCESS_KEY is missing',
    ],
    [
      { ...bucket, ENTREPOT_STORAGE_S3_SECRET_ACCESS_KEY: 'x' },
      'ENTREPOT_STORAGE_S3_ACCESS_KEY_ID is missing',
    ],
    [{ ...bucket, ENTREPOT_STORAGE_S3_PREFIX: '/a/' }, 'ENTREPOT_STORAGE_S3_PREFIX must be names'],
    [{ ...bucket, ENTREPOT_STORAGE_S3_ENDPOINT: 'minio:9000' }, 'ENTREPOT_STORAGE_S3_ENDPOINT must be a URL'],
  ])('%j: %s', (environment, problem) => {
    expect(() => loadConfig(environment)).toThrow(problem);
  });
});
