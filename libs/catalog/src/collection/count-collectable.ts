import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import type { CollectionWindows } from './collection-windows.ts';

/** What a run of collection at this moment would remove, and what waits in quarantine. Bytes as rows know them. */
export interface Collectable {
  manifests: number;
  links: number;
  blobs: number;
  bytes: number;
  quarantined: number;
  quarantinedBytes: number;
}

interface CountedPage {
  readonly looked: number;
  /** The last key of the page: two columns of the links' one. */
  readonly last: number;
  readonly second: number;
  readonly found: number;
  readonly bytes: number;
  readonly waiting: number;
  readonly waiting_bytes: number;
}

const pageRows = 1_000;
const noBytes = '0::bigint AS bytes, 0 AS waiting, 0::bigint AS waiting_bytes';

const manifests = statement<CountedPage>(
  'collectable.manifests',
  `SELECT count(*)::int AS looked, max(k.manifest_id) AS last, 0 AS second, count(*) FILTER (WHERE NOT m.live AND (
       r.deleted_at IS NOT NULL OR m.deleted_at <= now() - make_interval(days => coalesce(p.recycle_bin_days, $4))
     ))::int AS found, ${noBytes}
   FROM (SELECT manifest_id FROM manifest_review WHERE manifest_id > $1 AND $2::bigint = 0 ORDER BY manifest_id LIMIT $3) k
   LEFT JOIN LATERAL (SELECT * FROM manifest WHERE id = k.manifest_id LIMIT 1) m ON true
   LEFT JOIN LATERAL (SELECT * FROM repository WHERE id = m.repository_id LIMIT 1) r ON true
   LEFT JOIN LATERAL (SELECT * FROM project WHERE id = r.project_id LIMIT 1) p ON true`,
);
const links = statement<CountedPage>(
  'collectable.links',
  `SELECT count(*)::int AS looked, (array_agg(k.repository_id ORDER BY k.repository_id DESC))[1] AS last,
     (array_agg(k.blob_id ORDER BY k.repository_id DESC, k.blob_id DESC))[1] AS second,
     count(*) FILTER (WHERE l.blob_id IS NOT NULL AND NOT coalesce(e.used, false)
       AND k.review_after <= now() - make_interval(secs => $4))::int AS found, ${noBytes}
   FROM (SELECT repository_id, blob_id, review_after FROM link_review WHERE (repository_id, blob_id) > ($1, $2)
     ORDER BY repository_id, blob_id LIMIT $3) k
   LEFT JOIN LATERAL (SELECT blob_id FROM repository_blob
     WHERE repository_id = k.repository_id AND blob_id = k.blob_id LIMIT 1) l ON true
   LEFT JOIN LATERAL (SELECT true AS used FROM manifest_blob
     WHERE repository_id = k.repository_id AND blob_id = k.blob_id LIMIT 1) e ON true`,
);
const over = `b.state = 'deleting' OR b.state = 'quarantined' AND b.state_at <= now() - make_interval(secs => $4)`;
const waiting = `b.state = 'quarantined' AND b.state_at > now() - make_interval(secs => $4)`;
const blobs = statement<CountedPage>(
  'collectable.blobs',
  `SELECT count(*)::int AS looked, max(k.blob_id) AS last, 0 AS second, count(*) FILTER (WHERE ${over})::int AS found,
     coalesce(sum(b.size) FILTER (WHERE ${over}), 0)::bigint AS bytes,
     count(*) FILTER (WHERE ${waiting})::int AS waiting,
     coalesce(sum(b.size) FILTER (WHERE ${waiting}), 0)::bigint AS waiting_bytes
   FROM (SELECT blob_id FROM blob_review WHERE blob_id > $1 AND $2::bigint = 0 ORDER BY blob_id LIMIT $3) k
   LEFT JOIN LATERAL (SELECT state, state_at, size FROM blob WHERE id = k.blob_id LIMIT 1) b ON true`,
);

/** Counts what a run would remove at this moment, page by page, and changes nothing. */
export async function countCollectable(
  database: Database,
  windows: CollectionWindows,
  signal: AbortSignal,
): Promise<Collectable> {
  const count = (what: typeof blobs, window: number): Promise<Omit<CountedPage, 'last' | 'second'>> =>
    countPages(database, what, window, signal);
  const deleted = await count(manifests, windows.recycleDays);
  const unused = await count(links, windows.reviewSeconds);
  const unlinked = await count(blobs, windows.quarantineSeconds);
  return {
    manifests: deleted.found,
    links: unused.found,
    blobs: unlinked.found,
    bytes: unlinked.bytes,
    quarantined: unlinked.waiting,
    quarantinedBytes: unlinked.waiting_bytes,
  };
}

async function countPages(
  database: Database,
  what: typeof blobs,
  window: number,
  signal: AbortSignal,
): Promise<Omit<CountedPage, 'last' | 'second'>> {
  const sum = { looked: 0, found: 0, bytes: 0, waiting: 0, waiting_bytes: 0 };
  let [last, second] = [0, 0];
  for (;;) {
    signal.throwIfAborted();
    const [page] = await database.run(what, [last, second, pageRows, window]);
    if (page === undefined || page.looked === 0) return sum;
    sum.looked += page.looked;
    sum.found += page.found;
    sum.bytes += page.bytes;
    sum.waiting += page.waiting;
    sum.waiting_bytes += page.waiting_bytes;
    [last, second] = [page.last, page.second];
  }
}
