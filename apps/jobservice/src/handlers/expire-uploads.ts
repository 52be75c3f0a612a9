import { findKnownUploads, forgetUploads, uploadHours } from '@entrepot/catalog/abandoned-uploads';
import type { ContentStore, StoredUpload } from '@entrepot/content-store/content-store';
import type { Database } from '@entrepot/database/database';
import { expireUploads } from '@entrepot/jobs/definitions/content';
import { handle, type JobHandler } from '@entrepot/jobs/handler';

const batch = 1_000;

/** What this handler needs. */
export interface UploadResources {
  readonly database: Database;
  readonly store: ContentStore;
}

/**
 * Forgets uploads that nobody can go on with, then removes bytes without a row: theirs, and what processes left
 * that were killed between writing and remembering. Bytes that are younger than an upload id lives may belong to
 * a request that has no row yet, and stay.
 */
export function expireUploadsHandler({ database, store }: UploadResources): JobHandler {
  return handle(expireUploads, async (_, { signal }) => {
    while ((await forgetUploads(database, batch)) === batch) signal.throwIfAborted();
    const youngest = Date.now() - uploadHours * 3_600_000;
    let old: StoredUpload[] = [];
    for await (const upload of store.listUploads()) {
      if (upload.modifiedAt.getTime() < youngest) old.push(upload);
      if (old.length < batch) continue;
      await discard(database, store, old);
      old = [];
      signal.throwIfAborted();
    }
    await discard(database, store, old);
  });
}

async function discard(database: Database, store: ContentStore, old: readonly StoredUpload[]): Promise<void> {
  if (old.length === 0) return;
  const known = await findKnownUploads(
    database,
    old.map(({ uuid }) => uuid),
  );
  for (const { uuid, generation } of old) {
    if (!known.has(uuid)) await store.discardUpload(uuid, generation);
  }
}
