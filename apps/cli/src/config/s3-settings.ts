import { z } from 'zod';
import { baseUrl, flag, integer, text } from './setting-kinds.ts';

/** Where blobs are kept on S3. Members of the settings of the product. */
export const s3Settings = {
  storageS3Bucket: text()
    .optional()
    .describe(
      'Bucket of the blobs for the driver `s3`. It must exist, and be used by nobody else below the prefix.',
    ),
  storageS3Region: text()
    .optional()
    .describe(
      'Region of the bucket. Default: with an endpoint `us-east-1`, else what environment or profile say (`AWS_REGION`).',
    ),
  storageS3Endpoint: baseUrl()
    .optional()
    .describe(
      'URL of a server that is compatible with S3, such as `https://s3.example.com`. Default: Amazon.',
    ),
  storageS3Prefix: text()
    .regex(/^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/, {
      error: 'must be names of letters, digits, . _ - joined by /, such as registry/production',
    })
    .optional()
    .describe('What every key in the bucket begins with, as a folder. Default: nothing.'),
  storageS3PathStyle: flag()
    .optional()
    .describe(
      'Whether the bucket stands in the path of URLs instead of the host name. Default: with an endpoint.',
    ),
  storageS3AccessKeyId: text()
    .optional()
    .meta({ secret: true })
    .describe(
      'Access key. Default: what the SDK of Amazon finds (environment, profile, web identity, container, instance).',
    ),
  storageS3SecretAccessKey: text().optional().meta({ secret: true }).describe('Secret of the access key.'),
  storageS3Redirect: flag()
    .default(false)
    .describe(
      'Sends clients that pull blobs to the bucket, by URLs that are good for 20 minutes, instead of passing the bytes on. Clients must reach it by the name in the URL.',
    ),
  storageS3RedirectEndpoint: baseUrl()
    .optional()
    .describe(
      'URL by which clients reach the server of the bucket, when it is another one than `ENTREPOT_STORAGE_S3_ENDPOINT`.',
    ),
  storageS3BufferMb: integer({ min: 16, max: 16_384 })
    .default(48)
    .describe(
      'Memory for parts of uploads on their way to the bucket, in MiB, of all uploads together. A part is 16.',
    ),
};

/** What of the settings says where blobs are kept. */
interface StorageSettings {
  readonly storageDriver: string;
  readonly storageS3Bucket?: string | undefined;
  readonly storageS3AccessKeyId?: string | undefined;
  readonly storageS3SecretAccessKey?: string | undefined;
}

/** Finds what is missing beside other settings. */
export function checkS3Settings(config: StorageSettings, context: z.RefinementCtx): void {
  const refuse = (member: keyof StorageSettings, message: string): void => {
    context.addIssue({ code: 'custom', path: [member], message });
  };
  const { storageDriver, storageS3Bucket: bucket } = config;
  if (storageDriver === 's3' && bucket === undefined) {
    refuse('storageS3Bucket', 'is missing: the driver s3 needs a bucket');
  }
  if (storageDriver !== 's3' && bucket !== undefined) {
    refuse('storageS3Bucket', 'has no effect: set ENTREPOT_STORAGE_DRIVER=s3, or remove it');
  }
  const { storageS3AccessKeyId: id, storageS3SecretAccessKey: secret } = config;
  if ((id === undefined) === (secret === undefined)) return;
  const missing = id === undefined ? 'storageS3AccessKeyId' : 'storageS3SecretAccessKey';
  refuse(missing, 'is missing: an access key and its secret go together');
}
