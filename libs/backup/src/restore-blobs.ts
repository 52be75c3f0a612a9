import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { ContentStore } from '@entrepot/content-store/content-store';
import { AppError } from '@entrepot/errors/app-error';
import { digestAlgorithm, type Digest } from '@entrepot/oci/digest';
import { isAbsent } from './backup-directory.ts';
import { translateFileError } from './backup-files.ts';
import { listBlobs, type CheckedBackup } from './check-backup.ts';
import type { ListedBlob } from './blob-list.ts';
import { fewAtOnce } from './few-at-once.ts';

const copiesAtOnce = 8;

/** What became of the blobs of a backup. */
export interface RestoredBlobs {
  /** Copied into the storage now. */
  readonly copied: number;
  readonly copiedBytes: number;
  /** In the storage before, as after a restore that was interrupted. */
  readonly kept: number;
  /** Live ones that the backup lacks, or has with other bytes. */
  readonly lost: readonly Digest[];
}

/**
 * Copies the blobs of a backup into the storage, each compared with its digest on the way, durable when it resolves.
 * `PRECONDITION` at the first one that is lost, unless `acceptsLoss`.
 */
export async function restoreBlobs(
  store: ContentStore,
  backup: CheckedBackup,
  acceptsLoss: boolean,
): Promise<RestoredBlobs> {
  const totals = { copied: 0, copiedBytes: 0, kept: 0 };
  const lost: Digest[] = [];
  await fewAtOnce(listBlobs(backup), copiesAtOnce, async (blob) => {
    if ((await store.stat(blob.digest)) === blob.size) {
      totals.kept += 1;
      return;
    }
    const path = backup.directory.blobPath(blob.digest);
    if (await copyBlob(store, blob, path)) {
      totals.copied += 1;
      totals.copiedBytes += blob.size;
      return;
    }
    if (blob.state !== 'live') return;
    if (!acceptsLoss) throw lostBlob(path);
    lost.push(blob.digest);
  });
  return { ...totals, lost };
}

async function copyBlob(store: ContentStore, { digest, size }: ListedBlob, path: string): Promise<boolean> {
  const algorithm = digestAlgorithm(digest);
  const options = { algorithm, declaredDigest: digest, expectedSize: size };
  const writer = await store.openUpload(randomUUID(), 0, options);
  let isPublished = false;
  try {
    const chunks: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: 256 * 1024 });
    for await (const chunk of chunks) await writer.write(chunk);
    if ((await writer.digest(algorithm)) !== digest) return false;
    await writer.publish(digest, { replace: true });
    isPublished = true;
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw translateFileError(error, 'read', path);
  } finally {
    if (!isPublished) await writer.discard();
  }
}

function lostBlob(path: string): AppError {
  return new AppError(
    'PRECONDITION',
    `the bytes of the blob ${path} are not those of its digest any more: copy the right ones there, or restore ` +
      'without it by --incomplete, and push it anew',
  );
}
