import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3Credentials, S3Options } from '../s3/s3-options.ts';

/** How a running server of S3 is reached. */
export interface ObjectServer {
  readonly endpoint: string;
  readonly credentials: S3Credentials;
  stop(): Promise<void>;
}

/** A client of the server that does what tests need and drivers do not. */
export function bareClient({ endpoint, credentials }: ObjectServer): S3Client {
  return new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true });
}

/** Makes a bucket, and returns how a driver opens it. */
export async function makeBucket(server: ObjectServer): Promise<S3Options> {
  const bucket = `entrepot-${randomUUID()}`;
  const client = bareClient(server);
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  const { endpoint, credentials } = server;
  return { bucket, endpoint, credentials, pathStyle: true };
}
