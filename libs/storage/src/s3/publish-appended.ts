import { AppError } from '@entrepot/errors/app-error';
import type { PublishResult } from '../driver.ts';
import { copyObject } from './copy-object.ts';
import type { DurableTail } from './durable-tail.ts';
import type { MultipartUpload } from './multipart-upload.ts';
import type { PartBuffer } from './part-buffer.ts';
import type { S3Connection } from './s3-connection.ts';

/** What an appender has taken: whole parts are in an upload, the rest is in memory or in the tail's object. */
export interface Appended {
  readonly ownKey: string;
  readonly size: number;
  readonly buffer: PartBuffer;
  readonly tail: DurableTail;
}

/** Where it is to stand. `ifAbsent`: what is there stays. */
export interface PublishTarget {
  readonly key: string;
  readonly ifAbsent: boolean;
}

/** Publishes bytes of which no part is full: those in memory become the object, or those beside it are copied. */
export async function publishSmall(
  connection: S3Connection,
  { ownKey, buffer, tail: { current } }: Appended,
  { key, ifAbsent }: PublishTarget,
): Promise<PublishResult> {
  const { bucket, capabilities } = connection;
  if (buffer.length > 0 || current === undefined) {
    if (ifAbsent) return bucket.putNew(key, buffer.bytes, capabilities);
    await bucket.put(key, buffer.bytes);
    return 'created';
  }
  if (ifAbsent && (await bucket.find(key)) !== undefined) return 'exists';
  await copyObject(connection, { from: current.key, to: key, size: current.size, keptBy: ownKey });
  return 'created';
}

/**
 * Publishes bytes whose parts are in `upload`: completed where they are, or at the appender's own key and then copied.
 * `STORAGE_FAILED` when they were sent to another final key.
 */
export async function publishParts(
  connection: S3Connection,
  upload: MultipartUpload,
  appended: Appended,
  { key, ifAbsent }: PublishTarget,
): Promise<PublishResult> {
  const { ownKey, size } = appended;
  if (upload.mark.key === key) {
    await sendRest(upload, appended);
    return upload.complete(size, { ifAbsent });
  }
  if (upload.mark.key !== ownKey) {
    throw new AppError('STORAGE_FAILED', `the bytes for ${upload.mark.key} can not be published at ${key}`);
  }
  if (ifAbsent && (await connection.bucket.find(key)) !== undefined) {
    await upload.abort();
    return 'exists';
  }
  await sendRest(upload, appended);
  await upload.complete(size, { ifAbsent: false });
  await copyObject(connection, { from: ownKey, to: key, size, keptBy: ownKey });
  return 'created';
}

async function sendRest(upload: MultipartUpload, { buffer, tail: { current } }: Appended): Promise<void> {
  if (buffer.length > 0) {
    const { bytes, loan } = buffer.handOver();
    await upload.send(bytes, loan);
  } else if (current !== undefined) {
    await upload.copy(current.key, { start: 0, end: current.size });
  }
}
