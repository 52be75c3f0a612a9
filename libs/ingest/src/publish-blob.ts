import { setTimeout as sleep } from 'node:timers/promises';
import type { AnnouncedBlob } from '@entrepot/catalog/blobs';
import type { BlobLink } from '@entrepot/catalog/publish-together';
import type { DurablePoint, UploadIdentity } from '@entrepot/catalog/uploads';
import type { BlobWriter } from '@entrepot/content-store/blob-writer';
import type { ContentStore } from '@entrepot/content-store/content-store';
import { AppError, isAppError } from '@entrepot/errors/app-error';
import type { Digest } from '@entrepot/oci/digest';

/** Who keeps the rows of uploads that begin and end, and of their blobs. */
export interface BlobRows {
  /**
   * Records the first durable point of an upload that had no row. `UPLOAD_BUSY` when another request has begun it
   * meanwhile, `UPLOAD_NOT_FOUND` when it has ended.
   */
  beginUpload(upload: UploadIdentity, point: Required<DurablePoint>): Promise<void>;
  /**
   * Ends the upload, which nobody else has held since `generation` (0: it has no row yet), with the intent to publish;
   * returns what the blob is already. `UPLOAD_NOT_FOUND` when somebody has, or when it has ended.
   */
  endUpload(
    upload: UploadIdentity,
    generation: number,
    blob: { digest: Digest; size: number },
  ): Promise<AnnouncedBlob>;
  announce(digest: Digest, size: number): Promise<AnnouncedBlob>;
  link(link: BlobLink): Promise<void>;
}

/** What publishing touches. */
export interface PublishParts {
  readonly store: ContentStore;
  readonly blobs: BlobRows;
}

/** An upload whose bytes are complete and hash to `digest`. `generation` 0: it has no row yet. */
export interface FinishedUpload {
  readonly upload: UploadIdentity;
  readonly generation: number;
  readonly writer: BlobWriter;
  readonly digest: Digest;
}

/** A removal takes milliseconds, unless its process died; doubled each time, five seconds in all. */
const shortestWaitMs = 20;
const longestWaitMs = 2_560;

/**
 * Turns the bytes of an upload into a blob of its repository: the intent in the database, the bytes at their key,
 * then live and linked, in that order. A blob that is there and whole is only linked, a damaged one healed. Bytes in
 * quarantine may be damaged, or what a crash left and no sync has made durable: they are replaced.
 * `BLOB_BUSY` when it is being removed for longer than five seconds, or has been removed since its bytes were seen.
 */
export async function publishBlob(parts: PublishParts, finished: FinishedUpload): Promise<void> {
  const { store, blobs } = parts;
  const { upload, writer, digest } = finished;
  const { projectId, repository } = upload;
  const blob = await notDeleting(
    parts,
    finished,
    await blobs.endUpload(upload, finished.generation, { digest, size: writer.size }),
  );
  await putBytes(store, finished, blob.state);
  try {
    await blobs.link({ projectId, repository, digest, blobId: blob.id });
  } catch (error) {
    if (!isAppError(error, 'BLOB_BUSY')) throw error;
    // The row went while the bytes were on their way, which took longer than collection waits. Those that are here
    // belong to another row, so that collection knows of them whatever happens now.
    const again = await notDeleting(parts, finished, await blobs.announce(digest, writer.size));
    if ((await store.stat(digest)) !== writer.size) throw error;
    await blobs.link({ projectId, repository, digest, blobId: again.id });
  }
}

/** Makes the bytes of the upload those of the blob, which is in `state`. */
async function putBytes(
  store: ContentStore,
  { writer, digest }: FinishedUpload,
  state: string,
): Promise<void> {
  const there = state === 'committing' ? undefined : await store.stat(digest);
  // a damaged one may have its size, and other bytes
  if (there === writer.size && state === 'live') await writer.discard();
  else if ((await writer.publish(digest, { replace: there !== undefined })) === 'exists') {
    await checkRival(store, writer, digest);
  }
}

/** The blob, once nobody is removing it. */
async function notDeleting(
  parts: PublishParts,
  { writer, digest }: FinishedUpload,
  announced: AnnouncedBlob,
): Promise<AnnouncedBlob> {
  let blob = announced;
  for (let wait = shortestWaitMs; blob.state === 'deleting'; wait *= 2) {
    if (wait > longestWaitMs) throw beingRemoved(digest);
    await sleep(wait);
    blob = await parts.blobs.announce(digest, writer.size);
  }
  return blob;
}

/** Somebody published the same digest in the same moment: fine, when it is whole, and has not been removed since. */
async function checkRival(store: ContentStore, writer: BlobWriter, digest: Digest): Promise<void> {
  const there = await store.stat(digest);
  if (there === writer.size) return;
  if (there === undefined) throw beingRemoved(digest);
  throw new AppError(
    'STORAGE_FAILED',
    `the storage holds ${there} bytes for blob ${digest} of ${writer.size}; push it again`,
  );
}

function beingRemoved(digest: Digest): AppError {
  return new AppError('BLOB_BUSY', `blob ${digest} is being removed at this moment; push it again`, {
    retryAfter: 5,
  });
}
