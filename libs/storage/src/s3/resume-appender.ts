import type { ChunkConsumer, ResumePoint } from '../driver.ts';
import { readState, sizeOf, type PartsState, type S3State } from './appender-state.ts';
import { completeUpload } from './multipart-upload.ts';
import { readObject } from './object-reader.ts';
import { S3Appender, type PartsObject } from './s3-appender.ts';
import type { S3Connection } from './s3-connection.ts';

/**
 * Goes on with the appender of another generation at a new key. Its acknowledged parts are completed at its own key,
 * which ends the old upload: late parts of the old writer are refused from then on. They are read for `prefix` and
 * copied within the bucket. Parts that were sent to a final key can not be read: `undefined`.
 */
export async function resumeAppender(
  connection: S3Connection,
  key: string,
  from: ResumePoint,
  prefix: ChunkConsumer,
): Promise<S3Appender | undefined> {
  const state = readState(from.state);
  if (state === undefined || sizeOf(state) !== from.size) return undefined;
  if (state.parts !== undefined && state.parts.mark.key !== from.key) return undefined;
  const parts = state.parts && (await completeParts(connection, state.parts));
  if (state.parts !== undefined && parts === undefined) return undefined;
  const appender = new S3Appender(connection, { key });
  let isWhole = false;
  try {
    isWhole = await takeOver(connection, appender, { state, parts, prefix });
  } finally {
    if (!isWhole) await appender.discard();
  }
  return isWhole ? appender : undefined;
}

interface TakeOver {
  readonly state: S3State;
  readonly parts: PartsObject | undefined;
  readonly prefix: ChunkConsumer;
}

async function takeOver(connection: S3Connection, appender: S3Appender, what: TakeOver): Promise<boolean> {
  const { bucket } = connection;
  const { state, parts, prefix } = what;
  if (parts !== undefined) {
    const range = { start: 0, end: parts.size };
    const [found] = await Promise.all([readObject(bucket, parts.key, range, prefix), appender.adopt(parts)]);
    if (!found) return false;
  }
  if (state.tail === undefined) return true;
  const before = appender.size;
  const found = await readObject(bucket, state.tail.key, undefined, async (chunk) => {
    await appender.append([chunk]);
    await prefix(chunk);
  });
  return found && appender.size - before === state.tail.size;
}

/** The object of the acknowledged parts; `undefined` when the upload is gone and no object has them. */
async function completeParts(
  connection: S3Connection,
  { mark, partBytes, etags }: PartsState,
): Promise<PartsObject | undefined> {
  const size = partBytes * etags.length;
  const object = { key: mark.key, size, partBytes };
  const there = await connection.bucket.find(mark.key);
  if (there !== undefined && there.size >= size) return object;
  try {
    await completeUpload(connection, { mark, etags, size }, { ifAbsent: false });
    return object;
  } catch (error) {
    const made = await connection.bucket.find(mark.key);
    if (made !== undefined && made.size >= size) return object;
    if (made === undefined) return undefined;
    throw error;
  }
}
