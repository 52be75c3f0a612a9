import type { Database } from '@entrepot/database/database';
import { digestFromBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import type { Digest } from '@entrepot/oci/digest';
import type { CollectionWindows } from './collection-windows.ts';
import { busySeconds, reviewBatch, Verdicts } from './review-batch.ts';

interface JudgedBlob {
  readonly id: number;
  /** `waits`: its quarantine, or the lease of whoever removes it, is not over. */
  readonly verdict: 'gone' | 'busy' | 'linked' | 'unlinked' | 'waits' | 'remove';
}

/** A blob in state *deleting*, whose bytes its lease's owner removes. `size` in bytes. */
export interface DoomedBlob {
  readonly id: number;
  readonly digest: Digest;
  readonly size: number;
}

/** What a batch did. */
export interface BlobReviewResult {
  readonly looked: number;
  readonly quarantined: number;
  /** Committed as being removed by the lease that was given. */
  readonly doomed: readonly DoomedBlob[];
}

const takeSoon = statement<{ id: number }>(
  'blob-review.take-soon',
  `SELECT blob_id AS id FROM blob_review WHERE reason <> 'new' AND review_after <= now()
   ORDER BY review_after, blob_id LIMIT $1 FOR UPDATE SKIP LOCKED`,
);
const takeNew = statement<{ id: number }>(
  'blob-review.take-new',
  `SELECT blob_id AS id FROM blob_review WHERE review_after <= now() - make_interval(secs => $1) AND reason = 'new'
   ORDER BY review_after, blob_id LIMIT $2 FOR UPDATE SKIP LOCKED`,
);
const hold = statement<{ id: number }>(
  'blob-review.hold',
  'SELECT id FROM blob WHERE id = ANY ($1) ORDER BY id FOR UPDATE SKIP LOCKED',
);
// A statement after the one that took the locks: it sees the links of whoever held them before (R4). An upload that
// crashed before its bytes were linked left `committing`, with bytes or without: no different from one without links.
const judge = statement<JudgedBlob>(
  'blob-review.judge',
  `SELECT k.id, CASE
     WHEN b.id IS NULL THEN 'gone'
     WHEN NOT k.held THEN 'busy'
     WHEN b.state IN ('live', 'damaged') AND l.linked THEN 'linked'
     WHEN b.state IN ('live', 'damaged', 'committing') THEN 'unlinked'
     WHEN b.state = 'quarantined' AND b.state_at > now() - make_interval(secs => $3) THEN 'waits'
     WHEN b.state = 'deleting' AND b.lease_until > now() THEN 'waits'
     ELSE 'remove' END AS verdict
   FROM unnest($1::bigint[], $2::boolean[]) k(id, held)
   LEFT JOIN LATERAL (SELECT id, state, state_at, lease_until FROM blob WHERE id = k.id LIMIT 1) b ON true
   LEFT JOIN LATERAL (SELECT true AS linked FROM repository_blob WHERE blob_id = k.id LIMIT 1) l ON true`,
);
const quarantine = statement<{ id: number }>(
  'blob-review.quarantine',
  `UPDATE blob SET live = false, state = 'quarantined', state_at = now() WHERE id = ANY ($1) RETURNING id`,
);
// a backup holds it until it has copied what was live when it began
const shareRemoval = statement<{ granted: boolean }>(
  'blob-review.share-removal',
  "SELECT pg_try_advisory_xact_lock_shared(hashtext('blob_removal')) AS granted",
);
const doom = statement<{ id: number; digest: Buffer; size: number }>(
  'blob-review.doom',
  `UPDATE blob SET state = 'deleting', state_at = now(), lease_owner = $2,
     lease_until = now() + make_interval(secs => $3)
   WHERE id = ANY ($1) RETURNING id, digest, size`,
);
const end = statement('blob-review.end', 'DELETE FROM blob_review WHERE blob_id = ANY ($1)');
const postpone = statement(
  'blob-review.postpone',
  `UPDATE blob_review SET attempts = attempts + 1, reason = $3, review_after = now() + make_interval(secs => $2)
   WHERE blob_id = ANY ($1)`,
);
const wait = statement(
  'blob-review.wait',
  `UPDATE blob_review v SET reason = b.state, review_after = CASE b.state
     WHEN 'deleting' THEN b.lease_until ELSE b.state_at + make_interval(secs => $2) END
   FROM blob b WHERE b.id = v.blob_id AND v.blob_id = ANY ($1)`,
);

/**
 * Looks at up to `limit` blobs that are due: one without links goes into quarantine, one whose quarantine is over is
 * doomed under `lease`, as is one that another process did not get done with.
 */
export async function reviewBlobs(
  database: Database,
  windows: CollectionWindows,
  { limit, lease }: { readonly limit: number; readonly lease: string },
): Promise<BlobReviewResult> {
  const { reviewSeconds, quarantineSeconds } = windows;
  return await reviewBatch(database, async () => {
    const soon = await database.run(takeSoon, [limit]);
    const fresh = await database.run(takeNew, [reviewSeconds, limit - soon.length]);
    const due = idsOf([...soon, ...fresh]);
    if (due.length === 0) return { looked: 0, quarantined: 0, doomed: [] };
    const held = new Set((await database.run(hold, [due])).map(({ id }) => id));
    const isHeld = due.map((id) => held.has(id));
    const blobs = new Verdicts(await database.run(judge, [due, isHeld, quarantineSeconds]));
    await database.run(end, [idsOf(blobs.of('gone', 'linked'))]);
    const unlinked = idsOf(blobs.of('unlinked'));
    if (unlinked.length > 0) {
      await database.run(quarantine, [unlinked]);
      await database.run(postpone, [unlinked, quarantineSeconds, 'quarantined']);
    }
    const waiting = idsOf(blobs.of('waits'));
    if (waiting.length > 0) await database.run(wait, [waiting, quarantineSeconds]);
    const busy = idsOf(blobs.of('busy'));
    if (busy.length > 0) await database.run(postpone, [busy, busySeconds, 'busy']);
    const doomed = await doomBlobs(database, windows, idsOf(blobs.of('remove')), lease);
    return { looked: due.length, quarantined: unlinked.length, doomed };
  });
}

async function doomBlobs(
  database: Database,
  { leaseSeconds }: CollectionWindows,
  ids: readonly number[],
  lease: string,
): Promise<DoomedBlob[]> {
  if (ids.length === 0) return [];
  const [share] = await database.run(shareRemoval);
  if (share?.granted !== true) {
    await database.run(postpone, [ids, busySeconds, 'backup']);
    return [];
  }
  const rows = await database.run(doom, [ids, lease, leaseSeconds]);
  // whoever comes after this process, should it not get done
  await database.run(postpone, [ids, leaseSeconds, 'deleting']);
  return rows.map(({ id, digest, size }) => ({ id, size, digest: digestFromBytes(digest) }));
}

function idsOf(rows: readonly { readonly id: number }[]): number[] {
  return rows.map(({ id }) => id);
}
