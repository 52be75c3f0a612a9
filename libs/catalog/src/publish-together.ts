import type { Batch, BatchPlan } from '@entrepot/database/batch-lanes';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import type { Digest } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { AnnouncedBlob } from './blobs.ts';
import type { UploadIdentity } from './uploads.ts';

/**
 * An upload that has all its bytes, and the blob that they are about to become. `generation`: that of its writer, 0
 * when it has no row. `size` in bytes.
 */
export interface EndedUpload {
  readonly upload: UploadIdentity;
  readonly generation: number;
  readonly digest: Digest;
  readonly size: number;
}

/**
 * A blob whose bytes are durable at its key, seen since its row `blobId` was announced, and the repository that pushed
 * it.
 */
export interface BlobLink {
  readonly blobId: number;
  readonly projectId: number;
  readonly repository: RepositoryName;
  readonly digest: Digest;
}

/** `alone`: it is not the plain case, it was not linked, and it has to be looked at for itself. */
export type LinkOutcome = 'done' | 'alone';

// The plain case of close_upload (migration 0005) for many uploads at once. In order of the digests, as everywhere
// that takes several rows of blobs.
const endSql = `
WITH item AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bytea[], $7::bigint[],
    $8::int[]) WITH ORDINALITY k(id, repository, project_id, principal, algorithm, digest, size, generation, i)
), made AS (
  INSERT INTO upload (id, repository, project_id, principal, algorithm, size, finished_at)
  SELECT id, repository, project_id, principal, algorithm, size, now() FROM item WHERE generation = 0 ORDER BY id
  ON CONFLICT (id) DO NOTHING RETURNING id
), changed AS (
  UPDATE upload u SET finished_at = now(), updated_at = now(), owner = NULL, lease_until = NULL, size = k.size
  FROM item k WHERE k.generation > 0 AND u.id = k.id AND u.generation = k.generation AND u.finished_at IS NULL
  RETURNING u.id
), ended AS MATERIALIZED (
  SELECT id FROM made UNION ALL SELECT id FROM changed
), fresh AS (
  INSERT INTO blob (digest, size, live, state)
  SELECT item.digest, item.size, false, 'committing' FROM item JOIN ended e ON e.id = item.id ORDER BY item.digest
  ON CONFLICT (digest) DO NOTHING RETURNING id, digest
) SELECT item.i::int, coalesce(f.id, b.id), CASE WHEN f.id IS NOT NULL THEN 'committing' ELSE b.state END
  FROM item JOIN ended e ON e.id = item.id LEFT JOIN fresh f ON f.digest = item.digest
  LEFT JOIN LATERAL (SELECT id, state FROM blob WHERE digest = item.digest LIMIT 1) b ON true`;

// The plain case of link_blob (migration 0005) for many blobs at once: repositories that are there, of projects that
// are not sparse, blobs that are live or were announced, links that are new, and for which no manifest waits. Whatever
// is not is left out of the answer. Lock order: blobs by id, then links by their foreign key.
const linkSql = `
WITH item AS MATERIALIZED (
  SELECT k.i, r.id AS repository_id, b.id AS blob_id, b.state
  FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::bigint[]) WITH ORDINALITY
    k(project_id, repository, digest, blob_id, i)
  CROSS JOIN LATERAL (SELECT id FROM repository
    WHERE name = k.repository AND deleted_at IS NULL AND project_id = k.project_id LIMIT 1) r
  CROSS JOIN LATERAL (SELECT 1 FROM project WHERE id = k.project_id AND NOT sparse LIMIT 1) p
  CROSS JOIN LATERAL (
    SELECT id, state FROM blob WHERE id = k.blob_id AND state IN ('live', 'committing') LIMIT 1) b
  LEFT JOIN LATERAL (SELECT true AS is_awaited FROM manifest_missing_blob
    WHERE repository_id = r.id AND digest = k.digest LIMIT 1) m ON true
  WHERE m.is_awaited IS NULL
), taken AS MATERIALIZED (
  SELECT b.id FROM (SELECT DISTINCT blob_id FROM item WHERE state = 'committing' ORDER BY blob_id) i
  CROSS JOIN LATERAL (SELECT id FROM blob WHERE id = i.blob_id AND state = 'committing' LIMIT 1 FOR UPDATE) b
), revived AS (
  UPDATE blob b SET live = true, state = 'live', state_at = now(), lease_owner = NULL, lease_until = NULL
  FROM taken t WHERE b.id = t.id RETURNING b.id
), ready AS MATERIALIZED (
  SELECT item.* FROM item LEFT JOIN revived v ON v.id = item.blob_id WHERE item.state = 'live' OR v.id IS NOT NULL
), linked AS (
  INSERT INTO repository_blob (repository_id, blob_id)
  SELECT DISTINCT repository_id, blob_id FROM ready ORDER BY blob_id, repository_id ON CONFLICT DO NOTHING
  RETURNING repository_id, blob_id
) SELECT r.i::int FROM ready r JOIN linked l ON l.repository_id = r.repository_id AND l.blob_id = r.blob_id`;

/**
 * The statement that ends many uploads with the intent to publish. Answers each blob; `unknown` where its
 * row came or went in that moment, `alone` where the upload has ended already.
 */
export const endTogether: BatchPlan<EndedUpload, AnnouncedBlob | 'alone' | 'unknown'> = {
  claims: ({ upload }) => [upload.id],
  prepare: (items): Batch<AnnouncedBlob | 'alone' | 'unknown'> => ({
    name: 'upload.end-together',
    sql: endSql,
    values: [
      items.map(({ upload }) => upload.id),
      items.map(({ upload }) => upload.repository),
      items.map(({ upload }) => upload.projectId),
      items.map(({ upload }) => upload.principal),
      items.map(({ upload }) => upload.algorithm),
      items.map(({ digest }) => digestToBytes(digest)),
      items.map(({ size }) => size),
      items.map(({ generation }) => generation),
    ],
    read: (rows) => {
      const found = new Map(rows.map((row) => [row[0], readAnnounced(row)]));
      return items.map((_, index) => found.get(index + 1) ?? 'alone');
    },
  }),
};

function readAnnounced([, id, state]: readonly unknown[]): AnnouncedBlob | 'unknown' {
  return typeof state === 'string' ? { id: Number(id), state } : 'unknown';
}

/** The statement that makes many blobs live and links them, each wholly or not at all. */
export const linkTogether: BatchPlan<BlobLink, LinkOutcome> = {
  prepare: (links): Batch<LinkOutcome> => ({
    name: 'blob.link-together',
    sql: linkSql,
    values: [
      links.map(({ projectId }) => projectId),
      links.map(({ repository }) => repository),
      links.map(({ digest }) => digestToBytes(digest)),
      links.map(({ blobId }) => blobId),
    ],
    read: (rows) => {
      const done = new Set(rows.map(([i]) => i));
      return links.map((_, index) => (done.has(index + 1) ? 'done' : 'alone'));
    },
  }),
};
