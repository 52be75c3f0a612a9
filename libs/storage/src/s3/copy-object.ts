import { inParallel } from './in-parallel.ts';
import { MultipartUpload } from './multipart-upload.ts';
import type { S3Connection } from './s3-connection.ts';

const mostParts = 10_000;

/** An object that is copied within its bucket, and the appender that keeps the mark of a large copy. */
export interface ObjectCopy {
  readonly from: string;
  readonly to: string;
  /** Bytes of the object. */
  readonly size: number;
  readonly keptBy: string;
}

/** Copies an object, replacing what is at the other key: by one request, or in parts beside each other. */
export async function copyObject(
  connection: S3Connection,
  { from, to, size, keptBy }: ObjectCopy,
): Promise<void> {
  const { bucket, sizes } = connection;
  if (size <= sizes.copyAtOnce) return bucket.copy(from, to);
  const upload = await MultipartUpload.begin(connection, { key: to, keptBy });
  try {
    await copyParts(upload, from, {
      size,
      partBytes: Math.max(sizes.copyAtOnce, Math.ceil(size / mostParts)),
    });
    await upload.complete(size, { ifAbsent: false });
  } catch (error) {
    await upload.abort().catch(() => undefined);
    throw error;
  }
}

/** Copies an object of `size` bytes into the next parts of `upload`, several at once. */
export async function copyParts(
  upload: MultipartUpload,
  from: string,
  { size, partBytes }: { readonly size: number; readonly partBytes: number },
): Promise<void> {
  const starts = Array.from({ length: Math.ceil(size / partBytes) }, (_, index) => index * partBytes);
  await inParallel(starts, (start) => upload.copy(from, { start, end: Math.min(start + partBytes, size) }));
}
