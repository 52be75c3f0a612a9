import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import type { CollectionWindows } from './collection-windows.ts';
import { busySeconds, reviewBatch, Verdicts } from './review-batch.ts';

interface LinkKey {
  readonly repository_id: number;
  readonly blob_id: number;
}

interface JudgedLink extends LinkKey {
  /** `uploading`: its repository is being pushed to, and what uses it may still come. */
  readonly verdict: 'gone' | 'used' | 'busy' | 'uploading' | 'free';
}

/** What a batch did. */
export interface LinkReviewResult {
  readonly looked: number;
  readonly removed: number;
}

const take = statement<LinkKey>(
  'link-review.take',
  `SELECT repository_id, blob_id FROM link_review WHERE review_after <= now() - make_interval(secs => $1)
   ORDER BY review_after, repository_id, blob_id LIMIT $2 FOR UPDATE SKIP LOCKED`,
);
const hold = statement<LinkKey>(
  'link-review.hold',
  `SELECT l.repository_id, l.blob_id FROM unnest($1::bigint[], $2::bigint[]) k(repository_id, blob_id)
   JOIN repository_blob l ON l.repository_id = k.repository_id AND l.blob_id = k.blob_id
   ORDER BY l.blob_id, l.repository_id FOR UPDATE OF l SKIP LOCKED`,
);
// a statement after the one that took the locks: it sees the edges of whoever held them before (R4)
const judge = statement<JudgedLink>(
  'link-review.judge',
  `SELECT k.repository_id, k.blob_id, CASE
     WHEN l.blob_id IS NULL THEN 'gone'
     WHEN e.used THEN 'used'
     WHEN NOT k.held THEN 'busy'
     WHEN $4 > 0 AND EXISTS (
       SELECT 1 FROM repository r JOIN upload u ON u.repository = r.name
       WHERE r.id = k.repository_id AND r.deleted_at IS NULL AND u.updated_at > now() - make_interval(secs => $4)
     ) THEN 'uploading'
     ELSE 'free' END AS verdict
   FROM unnest($1::bigint[], $2::bigint[], $3::boolean[]) k(repository_id, blob_id, held)
   LEFT JOIN LATERAL (SELECT blob_id FROM repository_blob
     WHERE repository_id = k.repository_id AND blob_id = k.blob_id LIMIT 1) l ON true
   LEFT JOIN LATERAL (SELECT true AS used FROM manifest_blob
     WHERE repository_id = k.repository_id AND blob_id = k.blob_id LIMIT 1) e ON true`,
);
const remove = statement<LinkKey>(
  'link-review.remove',
  `DELETE FROM repository_blob l USING unnest($1::bigint[], $2::bigint[]) k(repository_id, blob_id)
   WHERE l.repository_id = k.repository_id AND l.blob_id = k.blob_id RETURNING l.repository_id, l.blob_id`,
);
const end = statement(
  'link-review.end',
  `DELETE FROM link_review v USING unnest($1::bigint[], $2::bigint[]) k(repository_id, blob_id)
   WHERE v.repository_id = k.repository_id AND v.blob_id = k.blob_id`,
);
const postpone = statement(
  'link-review.postpone',
  `UPDATE link_review v SET attempts = attempts + 1, review_after = now() + make_interval(secs => $3)
   FROM unnest($1::bigint[], $2::bigint[]) k(repository_id, blob_id)
   WHERE v.repository_id = k.repository_id AND v.blob_id = k.blob_id`,
);

function columns(keys: readonly LinkKey[]): [number[], number[]] {
  return [keys.map((key) => key.repository_id), keys.map((key) => key.blob_id)];
}

/**
 * Looks at up to `limit` links that are due, and removes those that no manifest of their repository uses, the recycle
 * bin included. One whose repository is being pushed to waits again.
 */
export async function reviewLinks(
  database: Database,
  { reviewSeconds }: CollectionWindows,
  limit: number,
): Promise<LinkReviewResult> {
  return await reviewBatch(database, async () => {
    const due = await database.run(take, [reviewSeconds, limit]);
    if (due.length === 0) return { looked: 0, removed: 0 };
    const held = new Set((await database.run(hold, columns(due))).map(textOf));
    const isHeld = due.map((key) => held.has(textOf(key)));
    const links = new Verdicts(await database.run(judge, [...columns(due), isHeld, reviewSeconds]));
    const free = links.of('free');
    const removed = free.length === 0 ? [] : await database.run(remove, columns(free));
    await database.run(end, columns(links.of('gone', 'used', 'free')));
    const uploading = links.of('uploading');
    if (uploading.length > 0) await database.run(postpone, [...columns(uploading), 0]);
    const busy = links.of('busy');
    if (busy.length > 0) await database.run(postpone, [...columns(busy), busySeconds - reviewSeconds]);
    return { looked: due.length, removed: removed.length };
  });
}

function textOf(key: LinkKey): string {
  return `${key.repository_id}/${key.blob_id}`;
}
