import { AbortMultipartUploadCommand, GetObjectCommand } from '@aws-sdk/client-s3';
import type { ObjectEntry } from '../driver.ts';
import type { S3Bucket } from './s3-bucket.ts';
import type { Capabilities } from './capabilities.ts';
import { inParallel } from './in-parallel.ts';
import { isStatus } from './s3-error.ts';

/**
 * What an appender keeps beside its key until it ends, so that whoever finds it abandoned can remove all of it:
 *
 * ```
 * ~appending/<key of the appender>/upload      its multipart upload: id and key
 * ~appending/<key of the appender>/tail-<n>    the bytes below a part, as of one flush
 * ```
 *
 * `~` is in no key of a driver. An upload has no part before it is named here, and servers list such names in order,
 * which not all of them do with uploads.
 */
export const leftoverPrefix = '~appending/';

/** A multipart upload, as its appender remembers it. */
export interface UploadMark {
  readonly key: string;
  readonly id: string;
}

/** The name of something that the appender at `key` keeps. */
export function leftoverKey(key: string, name: string): string {
  return `${leftoverPrefix}${key}/${name}`;
}

/** The key of the appender that keeps `leftover`. */
export function appenderOf(leftover: string): string {
  return leftover.slice(leftoverPrefix.length, leftover.lastIndexOf('/'));
}

/** Names a multipart upload, so that it can be aborted by others. */
export async function markUpload(bucket: S3Bucket, key: string, mark: UploadMark): Promise<void> {
  await bucket.put(leftoverKey(key, 'upload'), Buffer.from(JSON.stringify(mark)));
}

/** Ends a multipart upload and forgets its parts; one that has ended is no error. */
export async function abortUpload(bucket: S3Bucket, { key, id }: UploadMark): Promise<void> {
  await bucket.about('abort the upload of', key, async () => {
    try {
      await bucket.client.send(new AbortMultipartUploadCommand({ ...bucket.at(key), UploadId: id }));
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
    }
  });
}

/** What appenders whose keys start with `prefix` left, as entries of their own keys, once each. */
export async function* listLeftovers(bucket: S3Bucket, prefix: string): AsyncGenerator<ObjectEntry> {
  let last: ObjectEntry | undefined;
  for await (const { key: leftover, size, modifiedAt } of bucket.list(`${leftoverPrefix}${prefix}`)) {
    const key = appenderOf(leftover);
    if (last !== undefined && last.key !== key) yield last;
    const isSame = last !== undefined && last.key === key;
    last = isSame && last !== undefined ? joined(last, size, modifiedAt) : { key, size, modifiedAt };
  }
  if (last !== undefined) yield last;
}

function joined(entry: ObjectEntry, size: number, modifiedAt: Date): ObjectEntry {
  const newest = modifiedAt > entry.modifiedAt ? modifiedAt : entry.modifiedAt;
  return { key: entry.key, size: entry.size + size, modifiedAt: newest };
}

/** Removes all that appenders left at these keys: two requests for any number of keys that have nothing. */
export async function removeLeftovers(
  bucket: S3Bucket,
  keys: readonly string[],
  capabilities: Capabilities,
): Promise<void> {
  const wanted = new Set(keys);
  const found: string[] = [];
  for await (const { key } of bucket.list(`${leftoverPrefix}${commonPrefix(keys)}`)) {
    if (wanted.has(appenderOf(key))) found.push(key);
  }
  await removeFound(bucket, found, capabilities);
}

/** Removes all that appenders left whose keys start with `prefix`. */
export async function removeLeftoversBelow(
  bucket: S3Bucket,
  prefix: string,
  capabilities: Capabilities,
): Promise<void> {
  const found: string[] = [];
  for await (const { key } of bucket.list(`${leftoverPrefix}${prefix}`)) found.push(key);
  await removeFound(bucket, found, capabilities);
}

async function removeFound(
  bucket: S3Bucket,
  found: readonly string[],
  capabilities: Capabilities,
): Promise<void> {
  await inParallel(
    found.filter((key) => key.endsWith('/upload')),
    (key) => abortMarked(bucket, key),
  );
  await bucket.remove(found, capabilities);
}

async function abortMarked(bucket: S3Bucket, markKey: string): Promise<void> {
  const mark = await bucket.about('read', markKey, async () => {
    try {
      const { Body: body } = await bucket.client.send(new GetObjectCommand(bucket.at(markKey)));
      return parseMark(await body?.transformToString());
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      throw error;
    }
  });
  if (mark !== undefined) await abortUpload(bucket, mark);
}

function parseMark(text: string | undefined): UploadMark | undefined {
  const value: unknown = JSON.parse(text ?? 'null');
  return isUploadMark(value) ? value : undefined;
}

/** Whether a value names an upload. */
export function isUploadMark(value: unknown): value is UploadMark {
  if (typeof value !== 'object' || value === null || !('key' in value) || !('id' in value)) return false;
  return typeof value.key === 'string' && typeof value.id === 'string';
}

function commonPrefix([first = '', ...others]: readonly string[]): string {
  if (others.length === 0) return `${first}/`;
  let length = first.length;
  for (const other of others) {
    while (!other.startsWith(first.slice(0, length))) length -= 1;
  }
  return first.slice(0, length);
}
