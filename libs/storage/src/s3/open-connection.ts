import { AppError } from '@entrepot/errors/app-error';
import type { S3Bucket } from './s3-bucket.ts';
import { probeCapabilities } from './capabilities.ts';
import type { PartPool } from './part-pool.ts';
import { createClient } from './s3-client.ts';
import type { S3Connection } from './s3-connection.ts';
import { defaultSizes, type S3Options } from './s3-options.ts';

/**
 * Tries what the server can do. One that takes no writes with checksums is asked without them; when that fails too,
 * the first answer is thrown.
 */
export async function openConnection(
  options: S3Options,
  bucket: S3Bucket,
  pool: PartPool,
): Promise<S3Connection> {
  const shared = { pool, sizes: { ...defaultSizes, ...options.sizes } };
  try {
    return { ...shared, bucket, capabilities: await probeCapabilities(bucket) };
  } catch (error) {
    if (!(error instanceof AppError) || error.retryAfter !== undefined) throw error;
    const plain = bucket.withClient(createClient(options, 'WHEN_REQUIRED'));
    try {
      return { ...shared, bucket: plain, capabilities: await probeCapabilities(plain) };
    } catch {
      throw error;
    }
  }
}
