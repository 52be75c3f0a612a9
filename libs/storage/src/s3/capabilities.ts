import { randomUUID } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { S3Bucket } from './s3-bucket.ts';
import { isStatus, refusalOf } from './s3-error.ts';

/** What a server can do beyond the first S3. */
export interface Capabilities {
  /** `PutObject` with `If-None-Match: *`. */
  readonly conditionalPut: boolean;
  /** `CompleteMultipartUpload` with `If-None-Match: *`. */
  readonly conditionalComplete: boolean;
  /** `DeleteObjects`. */
  readonly batchDelete: boolean;
  /** `DeleteObjects` with ETags. */
  readonly conditionalDelete: boolean;
}

/** Keys below it are the probe's, and no objects of anybody. */
export const probePrefix = '~probe/';
const bytes = Buffer.from('entrepot');
const otherEtag = '"00000000000000000000000000000000"';
const refused = [400, 405, 501];

/**
 * Tries the server on an object of its own: a server that ignores a condition is told from one that keeps it only by
 * what it does. Rejects when the bucket does not take writes.
 */
export async function probeCapabilities(bucket: S3Bucket): Promise<Capabilities> {
  const key = `${probePrefix}${randomUUID()}`;
  return await bucket.about('write', key, async () => {
    await bucket.client.send(new PutObjectCommand({ ...bucket.at(key), Body: bytes }));
    const conditionalPut = await keeps(() =>
      bucket.client.send(new PutObjectCommand({ ...bucket.at(key), Body: bytes, IfNoneMatch: '*' })),
    );
    const conditionalComplete = await keepsOnComplete(bucket, key);
    const { batchDelete, conditionalDelete } = await probeDelete(bucket, key);
    await bucket.client.send(new DeleteObjectCommand(bucket.at(key)));
    return { conditionalPut, conditionalComplete, conditionalDelete, batchDelete };
  });
}

/** Whether a server that is asked for what its condition forbids says so. */
async function keeps(request: () => Promise<unknown>): Promise<boolean> {
  try {
    await request();
    return false;
  } catch (error) {
    if (isStatus(error, 412)) return true;
    if (isStatus(error, ...refused)) return false;
    throw error;
  }
}

async function keepsOnComplete(bucket: S3Bucket, key: string): Promise<boolean> {
  const { client } = bucket;
  const { UploadId: id } = await client.send(new CreateMultipartUploadCommand(bucket.at(key)));
  const upload = { ...bucket.at(key), UploadId: id };
  const { ETag: etag } = await client.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: bytes }));
  const parts = { Parts: [{ PartNumber: 1, ETag: etag }] };
  const isKept = await keeps(() =>
    client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: parts, IfNoneMatch: '*' })),
  );
  if (isKept) {
    await client.send(new AbortMultipartUploadCommand(upload)).catch((error: unknown) => {
      if (refusalOf(error).status !== 404) throw error;
    });
  }
  return isKept;
}

async function probeDelete(
  bucket: S3Bucket,
  key: string,
): Promise<Pick<Capabilities, 'batchDelete' | 'conditionalDelete'>> {
  const { Bucket: name, Key: full } = bucket.at(key);
  const objects = { Objects: [{ Key: full, ETag: otherEtag }, { Key: `${full}-absent` }], Quiet: true };
  try {
    const { Errors: errors = [] } = await bucket.client.send(
      new DeleteObjectsCommand({ Bucket: name, Delete: objects }),
    );
    const isKept = errors.length === 1 && errors[0]?.Code === 'PreconditionFailed';
    return { batchDelete: errors.length === 0 || isKept, conditionalDelete: isKept };
  } catch (error) {
    if (isStatus(error, ...refused)) return { batchDelete: false, conditionalDelete: false };
    throw error;
  }
}
