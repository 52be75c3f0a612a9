import type { Database } from '@entrepot/database/database';
import { digestFromBytes, digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import type { Digest } from '@entrepot/oci/digest';
import { adoptBytes, type LateBytes } from './adopt-bytes.ts';
import { isLostReference } from '../catalog-error.ts';
import type { DoomedBlob } from './blob-reviews.ts';
import { healBlob, type ReadableBytes } from './heal-blob.ts';
import { reviewBatch } from './review-batch.ts';

/** Who keeps the bytes of blobs (libs/content-store). */
export interface BlobBytes extends ReadableBytes {
  stat(digest: Digest): Promise<number | undefined>;
  /**
   * Removes bytes under a lease as far as `confirm`, asked as late as the storage can, still agrees. Returns those
   * whose bytes are gone by this call.
   */
  discardBlobs(
    digests: readonly Digest[],
    lease: string,
    confirm: (digests: readonly Digest[]) => Promise<ReadonlySet<Digest>>,
  ): Promise<ReadonlySet<Digest>>;
}

/** What the removal of a batch freed. `bytes` are those that the storage gave back. */
export interface BlobRemovalResult {
  readonly removed: number;
  readonly bytes: number;
}

// what follows has half of the lease at least
const confirmed = statement<{ digest: Buffer }>(
  'blob-removal.confirm',
  `SELECT digest FROM blob WHERE digest = ANY ($1) AND state = 'deleting' AND lease_owner = $2
   AND lease_until > now() + make_interval(secs => $3 / 2.0)`,
);
// what was counted before the removal of links took care of it, which a key refuses to leave behind
const uncount = statement(
  'blob-removal.uncount',
  `WITH gone AS (
     DELETE FROM project_blob p USING blob b
     WHERE p.blob_id = ANY ($1) AND b.id = p.blob_id AND b.state = 'deleting' AND b.lease_owner = $2 AND b.lease_until > now()
     RETURNING p.project_id, b.size
   ) INSERT INTO usage_delta (project_id, bytes) SELECT project_id, -sum(size) FROM gone GROUP BY project_id`,
);
const forget = statement<{ id: number }>(
  'blob-removal.forget',
  `WITH gone AS (
     DELETE FROM blob WHERE id = ANY ($1) AND state = 'deleting' AND lease_owner = $2 AND lease_until > now() RETURNING id
   ), reviewed AS (
     DELETE FROM blob_review v USING gone g WHERE v.blob_id = g.id
   ) SELECT id FROM gone`,
);

/**
 * Removes the bytes of blobs that were doomed under `lease`, then their rows. A process that was paused for longer than
 * its lease removes nothing: neither what another one removed meanwhile, nor what a push made anew since (I9).
 */
export async function removeBlobs(
  database: Database,
  bytes: BlobBytes,
  doomed: readonly DoomedBlob[],
  { lease, leaseSeconds }: { readonly lease: string; readonly leaseSeconds: number },
): Promise<BlobRemovalResult> {
  if (doomed.length === 0) return { removed: 0, bytes: 0 };
  const mine = new Set<Digest>();
  const gone = await bytes.discardBlobs(
    doomed.map(({ digest }) => digest),
    lease,
    async (digests) => {
      const rows = await database.run(confirmed, [digests.map(digestToBytes), lease, leaseSeconds]);
      for (const { digest } of rows) mine.add(digestFromBytes(digest));
      return mine;
    },
  );
  const ids = doomed.filter(({ digest }) => mine.has(digest)).map(({ id }) => id);
  const removed = await forgetRows(database, ids, lease);
  for (const blob of doomed) if (!mine.has(blob.digest)) await setRight(database, bytes, { ...blob, lease });
  const freed = doomed.filter(({ digest }) => gone.has(digest));
  return { removed, bytes: freed.reduce((sum, { size }) => sum + size, 0) };
}

/** Removes rows whose bytes are gone; returns how many there were. */
async function forgetRows(database: Database, ids: readonly number[], lease: string): Promise<number> {
  const removed = async (): Promise<number> => (await database.run(forget, [ids, lease])).length;
  try {
    return await reviewBatch(database, removed);
  } catch (error) {
    if (!isLostReference(error)) throw error;
    return await reviewBatch(database, async () => {
      await database.run(uncount, [ids, lease]);
      return await removed();
    });
  }
}

/** Bytes that were in the hands of a process which had lost its lease: others may have looked for them meanwhile. */
async function setRight(database: Database, bytes: BlobBytes, late: LateBytes): Promise<void> {
  await healBlob(database, bytes, late.digest);
  // whoever removed the row may have found no bytes
  if ((await bytes.stat(late.digest)) !== undefined) await adoptBytes(database, late);
}
