import type { Database } from '@entrepot/database/database';
import { digestFromBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import type { Digest } from '@entrepot/oci/digest';
import type { CollectionWindows } from './collection-windows.ts';
import { busySeconds, reviewBatch, Verdicts } from './review-batch.ts';

interface JudgedManifest {
  readonly id: number;
  readonly repository_id: number;
  readonly digest: Buffer;
  /** `binned`: its time in the recycle bin is not over. `waits`: untagged, and not for long enough. */
  readonly verdict: 'gone' | 'busy' | 'purge' | 'binned' | 'kept' | 'waits' | 'untagged';
}

/** A manifest that its project does not want to keep without a tag. */
export interface UntaggedManifest {
  readonly repositoryId: number;
  readonly digest: Digest;
}

/** What a batch did, and what is to be deleted now, each for itself. */
export interface ManifestReviewResult {
  readonly looked: number;
  readonly purged: number;
  readonly untagged: readonly UntaggedManifest[];
}

const takeDeleted = statement<{ id: number }>(
  'manifest-review.take-deleted',
  `SELECT manifest_id AS id FROM manifest_review WHERE reason = 'deleted' AND review_after <= now()
   ORDER BY review_after, manifest_id LIMIT $1 FOR UPDATE SKIP LOCKED`,
);
const takeOthers = statement<{ id: number }>(
  'manifest-review.take-others',
  `SELECT manifest_id AS id FROM manifest_review
   WHERE reason <> 'deleted' AND review_after <= now() - make_interval(secs => $1)
   ORDER BY review_after, manifest_id LIMIT $2 FOR UPDATE SKIP LOCKED`,
);
const hold = statement<{ id: number }>(
  'manifest-review.hold',
  'SELECT id FROM manifest WHERE id = ANY ($1) AND NOT live ORDER BY id FOR UPDATE SKIP LOCKED',
);
const judge = statement<JudgedManifest>(
  'manifest-review.judge',
  `SELECT k.id, m.repository_id, m.digest, CASE
     WHEN m.id IS NULL THEN 'gone'
     WHEN NOT m.live AND NOT k.held THEN 'busy'
     WHEN NOT m.live AND (r.deleted_at IS NOT NULL OR m.deleted_at <=
       now() - make_interval(days => coalesce(p.recycle_bin_days, $3))) THEN 'purge'
     WHEN NOT m.live THEN 'binned'
     WHEN p.untagged_days IS NULL OR t.named OR c.is_child OR s.is_attached THEN 'kept'
     WHEN greatest(m.pushed_at, v.since) > now() - make_interval(days => p.untagged_days) THEN 'waits'
     ELSE 'untagged' END AS verdict
   FROM unnest($1::bigint[], $2::boolean[]) k(id, held)
   LEFT JOIN LATERAL (SELECT * FROM manifest_review WHERE manifest_id = k.id LIMIT 1) v ON true
   LEFT JOIN LATERAL (SELECT id, repository_id, digest, live, deleted_at, pushed_at, subject_digest FROM manifest
     WHERE id = k.id LIMIT 1) m ON true
   LEFT JOIN LATERAL (SELECT * FROM repository WHERE id = m.repository_id LIMIT 1) r ON true
   LEFT JOIN LATERAL (SELECT * FROM project WHERE id = r.project_id LIMIT 1) p ON true
   LEFT JOIN LATERAL (SELECT true AS named FROM tag WHERE manifest_id = k.id LIMIT 1) t ON true
   LEFT JOIN LATERAL (SELECT true AS is_child FROM manifest_child WHERE child_id = k.id LIMIT 1) c ON true
   LEFT JOIN LATERAL (SELECT true AS is_attached FROM manifest
     WHERE repository_id = m.repository_id AND digest = m.subject_digest AND live LIMIT 1) s ON true`,
);
const purge = statement<{ id: number }>(
  'manifest-review.purge',
  'DELETE FROM manifest WHERE id = ANY ($1) AND NOT live RETURNING id',
);
const end = statement('manifest-review.end', 'DELETE FROM manifest_review WHERE manifest_id = ANY ($1)');
const postpone = statement(
  'manifest-review.postpone',
  `UPDATE manifest_review SET attempts = attempts + 1, review_after = now() + make_interval(secs => $2)
   WHERE manifest_id = ANY ($1)`,
);
// at most a day ahead, here and below: the project may want it sooner by then
const keepInBin = statement(
  'manifest-review.keep-in-bin',
  `UPDATE manifest_review v SET reason = 'deleted', review_after = least(now() + interval '1 day',
     m.deleted_at + make_interval(days => coalesce(p.recycle_bin_days, $2)))
   FROM manifest m, repository r, project p
   WHERE v.manifest_id = ANY ($1) AND m.id = v.manifest_id AND r.id = m.repository_id AND p.id = r.project_id`,
);

const wait = statement(
  'manifest-review.wait',
  `UPDATE manifest_review v SET review_after = least(now() + interval '1 day', greatest(m.pushed_at, v.since)
     + make_interval(days => coalesce(p.untagged_days, 1))) - make_interval(secs => $2)
   FROM manifest m, repository r, project p
   WHERE v.manifest_id = ANY ($1) AND m.id = v.manifest_id AND r.id = m.repository_id AND p.id = r.project_id`,
);

const hourSeconds = 3600;

/**
 * Looks at up to `limit` manifests that are due: removes for good, edges included, what has been in the recycle bin for
 * long enough, and names those that are untagged for longer than their project allows (for ever unless it says so).
 */
export async function reviewManifests(
  database: Database,
  windows: CollectionWindows,
  limit: number,
): Promise<ManifestReviewResult> {
  return await reviewBatch(database, async () => {
    const deleted = await database.run(takeDeleted, [limit]);
    const others = await database.run(takeOthers, [windows.reviewSeconds, limit - deleted.length]);
    const due = [...deleted, ...others].map(({ id }) => id);
    if (due.length === 0) return { looked: 0, purged: 0, untagged: [] };
    const held = new Set((await database.run(hold, [due])).map(({ id }) => id));
    const isHeld = due.map((id) => held.has(id));
    const found = new Verdicts(await database.run(judge, [due, isHeld, windows.recycleDays]));
    const purged = await database.run(purge, [idsOf(found.of('purge'))]);
    await database.run(end, [idsOf(found.of('gone', 'purge', 'kept'))]);
    await postponeOthers(database, windows, found);
    const untagged = found.of('untagged').map((row) => {
      return { repositoryId: row.repository_id, digest: digestFromBytes(row.digest) };
    });
    return { looked: due.length, purged: purged.length, untagged };
  });
}

async function postponeOthers(
  database: Database,
  { recycleDays, reviewSeconds }: CollectionWindows,
  found: Verdicts<JudgedManifest>,
): Promise<void> {
  const binned = found.of('binned');
  if (binned.length > 0) await database.run(keepInBin, [idsOf(binned), recycleDays]);
  const busy = found.of('busy');
  if (busy.length > 0) await database.run(postpone, [idsOf(busy), busySeconds]);
  // that it is deleted makes another review of an untagged one; this one is for the case that it fails
  const untagged = found.of('untagged');
  if (untagged.length > 0) await database.run(postpone, [idsOf(untagged), hourSeconds - reviewSeconds]);
  const waiting = found.of('waits');
  if (waiting.length > 0) await database.run(wait, [idsOf(waiting), reviewSeconds]);
}

function idsOf(rows: readonly { readonly id: number }[]): number[] {
  return rows.map(({ id }) => id);
}
