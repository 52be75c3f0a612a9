import type { S3Bucket } from './s3-bucket.ts';
import type { Capabilities } from './capabilities.ts';
import type { PartPool } from './part-pool.ts';
import type { S3Sizes } from './s3-options.ts';

/** A bucket that takes writes, and what all that write to it share. */
export interface S3Connection {
  readonly bucket: S3Bucket;
  readonly capabilities: Capabilities;
  readonly pool: PartPool;
  readonly sizes: S3Sizes;
}
