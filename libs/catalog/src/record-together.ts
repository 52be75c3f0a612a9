import { digestToBytes } from '@entrepot/database/digest-bytes';
import type { Batch, BatchPlan } from '@entrepot/database/batch-lanes';
import type { Digest } from '@entrepot/oci/digest';
import { toJsonbText } from './jsonb-text.ts';
import { requestOf, type ManifestRecord, type Origin } from './manifest-record.ts';

/** A manifest that waits for a statement to record it with others. */
export interface PendingManifest {
  readonly manifest: ManifestRecord;
  readonly origin: Origin;
}

/** `alone`: it is not the plain case, nothing was changed, and `record_manifest` has to look at it. */
export type RecordOutcome = 'done' | 'alone';

// The plain case of record_manifest (migration 0006) for many manifests at once: new ones without children, in
// repositories that have been pushed to, of projects without a limit that are not sparse, whose blobs are all there.
// Whatever is not is left out of the answer, untouched. Laterals with a limit, and arrays of keys, stay loops over
// indexes, also under a plan made while the tables were empty. Tags that are there are held before they move, so that each is known
// to come from where it points; one that somebody else makes in this moment fails the statement. The order of locks:
// manifests by repository and digest, tags that are there by repository and name, then what the foreign keys check.
const sql = `
WITH item AS MATERIALIZED (
  SELECT k.*, substr($23::bytea, k.begins, k.length) AS payload, r.id AS repository_id
  FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[],
    $9::bytea[], $10::int[], $11::int[], $12::bigint[], $13::text[], $14::text[], $15::text[], $16::text[],
    $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::int[]) WITH ORDINALITY
    k(project_id, repository, digest, media_type, artifact_type, type, accessory_type, config, subject, begins, length,
      total_size, annotations, facts, actor, actor_kind, address, user_agent, request_id, resource, fact, blobs, i)
  CROSS JOIN LATERAL (SELECT id FROM repository WHERE name = k.repository AND deleted_at IS NULL
    AND project_id = k.project_id AND pushed_at IS NOT NULL LIMIT 1) r
  CROSS JOIN LATERAL (
    SELECT 1 FROM project WHERE id = k.project_id AND NOT sparse AND storage_limit IS NULL LIMIT 1) p
  LEFT JOIN LATERAL (
    SELECT true AS is_known FROM manifest WHERE repository_id = r.id AND digest = k.digest LIMIT 1) m ON true
  LEFT JOIN LATERAL (SELECT true AS is_awaited FROM manifest_child
    WHERE repository_id = r.id AND digest = k.digest AND child_id IS NULL LIMIT 1) c ON true
  WHERE m.is_known IS NULL AND c.is_awaited IS NULL
), edge AS MATERIALIZED (
  SELECT item.i, item.project_id, b.id AS blob_id, b.size
  FROM unnest($24::int[], $25::bytea[]) e(i, digest) JOIN item ON item.i = e.i
  CROSS JOIN LATERAL (SELECT id, size FROM blob WHERE digest = e.digest AND state = 'live' LIMIT 1) b
  CROSS JOIN LATERAL (
    SELECT 1 FROM repository_blob WHERE repository_id = item.repository_id AND blob_id = b.id LIMIT 1) l
), whole AS MATERIALIZED (
  SELECT item.* FROM item LEFT JOIN (SELECT i, count(*) AS found FROM edge GROUP BY i) e ON e.i = item.i
  WHERE item.blobs = coalesce(e.found, 0)
), pushed AS (
  INSERT INTO manifest (repository_id, digest, media_type, artifact_type, type, accessory_type, config_digest,
    subject_digest, payload, total_size, annotations, facts)
  SELECT repository_id, digest, media_type, artifact_type, type, accessory_type, config, subject, payload, total_size,
    annotations::jsonb, facts::jsonb
  FROM whole ORDER BY repository_id, digest ON CONFLICT (repository_id, digest) DO NOTHING
  RETURNING id, repository_id, digest
), done AS MATERIALIZED (
  SELECT w.*, p.id FROM whole w JOIN pushed p ON p.repository_id = w.repository_id AND p.digest = w.digest
), edges AS (
  INSERT INTO manifest_blob (manifest_id, repository_id, blob_id)
  SELECT d.id, d.repository_id, e.blob_id FROM done d JOIN edge e ON e.i = d.i ORDER BY e.blob_id
), fresh AS (
  INSERT INTO project_blob (project_id, blob_id)
  SELECT DISTINCT e.project_id, e.blob_id FROM done d JOIN edge e ON e.i = d.i ORDER BY e.blob_id, e.project_id
  ON CONFLICT DO NOTHING RETURNING project_id, blob_id
), wanted AS MATERIALIZED (
  SELECT d.i, d.id, d.repository_id, k.name COLLATE "C" AS name
  FROM unnest($26::int[], $27::text[]) k(i, name) JOIN done d ON d.i = k.i
  ORDER BY d.repository_id, k.name COLLATE "C"
), held AS MATERIALIZED (
  SELECT w.*, t.id AS tag_id, t.manifest_id AS old FROM wanted w LEFT JOIN LATERAL (
    SELECT id, manifest_id FROM tag WHERE repository_id = w.repository_id AND name = w.name
    LIMIT 1 FOR NO KEY UPDATE) t ON true
), moved AS (
  UPDATE tag t SET version = version + 1, pushed_at = now(),
    manifest_id = (SELECT id FROM held WHERE tag_id = t.id)
  WHERE id = ANY (ARRAY(SELECT tag_id FROM held WHERE tag_id IS NOT NULL))
), made AS (
  INSERT INTO tag (repository_id, name, manifest_id)
  SELECT repository_id, name, id FROM held WHERE tag_id IS NULL ORDER BY repository_id, name
), event AS MATERIALIZED (
  SELECT d.*, h.name AS tag, CASE WHEN h.old IS NOT NULL THEN manifest_digest(h.old) END AS from_digest
  FROM held h JOIN done d ON d.i = h.i
), recorded AS (
  INSERT INTO tag_event (repository_id, name, from_digest, to_digest, actor, origin)
  SELECT repository_id, tag, from_digest, digest, actor, 'push' FROM event
), told AS (
  INSERT INTO outbox (fact, key, payload)
  SELECT 'tag.moved', repository_id::text, jsonb_build_object('repositoryId', repository_id, 'projectId', project_id,
    'repository', repository, 'tag', tag, 'from', encode(from_digest, 'hex'), 'to', encode(digest, 'hex'),
    'actor', actor)
  FROM event
  UNION ALL
  SELECT 'manifest.pushed', repository_id::text, fact::jsonb || jsonb_build_object('repositoryId', repository_id)
  FROM done
), audited AS (
  INSERT INTO audit_log (actor, actor_kind, address, user_agent, request_id, operation, resource_type, resource,
    project_id)
  SELECT actor, actor_kind, address, user_agent, request_id, 'create', 'artifact', resource, project_id FROM done
), used AS (
  INSERT INTO usage_delta (project_id, bytes)
  SELECT project_id, sum(bytes) FROM (
    SELECT project_id, length::bigint AS bytes FROM done
    UNION ALL SELECT f.project_id, e.size FROM fresh f
      JOIN (SELECT DISTINCT project_id, blob_id, size FROM edge) e USING (project_id, blob_id)) added
  GROUP BY project_id
) SELECT i::int FROM done`;

/** Manifests up to this many bytes go with others. */
const mostBytes = 64 * 1024;

/** Whether a manifest may be the plain case, as far as it says itself. */
export function mayGoTogether({ children, payload }: ManifestRecord): boolean {
  return children.length === 0 && payload.length <= mostBytes;
}

/** The statement that records many pushed manifests at once, each wholly or not at all. */
export const recordTogether: BatchPlan<PendingManifest, RecordOutcome> = {
  claims: ({ manifest: { repository, digest, tags } }) => [
    `${repository}@${digest}`,
    ...tags.map((tag) => `${repository}:${tag}`),
  ],
  prepare: (pushes): Batch<RecordOutcome> => ({
    name: 'manifest.record-together',
    sql,
    values: valuesOf(pushes),
    read: (rows) => {
      const done = new Set(rows.map(([i]) => i));
      return pushes.map((_, index) => (done.has(index + 1) ? 'done' : 'alone'));
    },
  }),
};

function valuesOf(pushes: readonly PendingManifest[]): unknown[] {
  const records = pushes.map(({ manifest }) => manifest);
  const origins = pushes.map(({ origin }) => origin);
  const blobs = records.map((manifest) => [...new Set(manifest.blobs)]);
  let begins = 1;
  return [
    records.map((manifest) => manifest.projectId),
    records.map((manifest) => manifest.repository),
    records.map((manifest) => digestToBytes(manifest.digest)),
    records.map((manifest) => manifest.mediaType),
    records.map((manifest) => manifest.artifactType),
    records.map((manifest) => manifest.type),
    records.map((manifest) => manifest.accessoryType),
    records.map((manifest) => bytesOf(manifest.config)),
    records.map((manifest) => bytesOf(manifest.subject)),
    records.map(({ payload }) => (begins += payload.length) - payload.length),
    records.map(({ payload }) => payload.length),
    records.map((manifest) => manifest.totalSize),
    records.map((manifest) => toJsonbText(manifest.annotations)),
    records.map(({ facts }) => (facts === undefined ? undefined : toJsonbText(facts))),
    origins.map((origin) => origin.actor),
    origins.map((origin) => origin.actorKind),
    origins.map((origin) => origin.address),
    origins.map((origin) => origin.userAgent),
    origins.map((origin) => origin.requestId),
    records.map(resourceOf),
    pushes.map(factOf),
    blobs.map((digests) => digests.length),
    Buffer.concat(records.map((manifest) => manifest.payload)),
    blobs.flatMap((digests, index) => digests.map(() => index + 1)),
    blobs.flatMap((digests) => digests.map(digestToBytes)),
    records.flatMap(({ tags }, index) => tags.map(() => index + 1)),
    records.flatMap(({ tags }) => tags),
  ];
}

function bytesOf(digest: Digest | undefined): Buffer | undefined {
  return digest === undefined ? undefined : digestToBytes(digest);
}

/** The fact that it was pushed, but for the repository's id, which the statement knows. */
function factOf({ manifest, origin }: PendingManifest): string {
  const { projectId, repository, digest, mediaType, payload, tags } = manifest;
  return JSON.stringify({
    projectId,
    repository,
    digest: digestToBytes(digest).toString('hex'),
    mediaType,
    size: payload.length,
    tags: tags.toSorted(),
    actor: origin.actor,
    request: requestOf(origin),
  });
}

/** What the audit log names. */
function resourceOf({ repository, digest, tags }: ManifestRecord): string {
  const [first] = tags.toSorted();
  return first === undefined ? `${repository}@${digest}` : `${repository}:${first}`;
}
