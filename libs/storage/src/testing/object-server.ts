import { randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
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

/** Everything in a bucket below `prefix`: objects, and multipart uploads that have not ended. */
export async function listBucket(server: ObjectServer, bucket: string, prefix = ''): Promise<string[]> {
  const client = bareClient(server);
  const at = { Bucket: bucket, Prefix: prefix };
  const { Contents: objects = [] } = await client.send(new ListObjectsV2Command(at));
  const { Uploads: uploads = [] } = await client.send(new ListMultipartUploadsCommand(at));
  client.destroy();
  return [
    ...objects.map(({ Key: key = '' }) => key.slice(prefix.length)),
    ...uploads.map(({ Key: key = '' }) => `upload to ${key.slice(prefix.length)}`),
  ];
}
