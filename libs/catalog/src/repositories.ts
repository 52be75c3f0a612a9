import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { isLostReference } from './catalog-error.ts';
import type { Origin } from './manifest-record.ts';

const hide = statement<{ id: number }>(
  'repository.delete',
  `WITH gone AS (
     UPDATE repository SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL RETURNING id, name, project_id
   ), audited AS (
     INSERT INTO audit_log (actor, actor_kind, address, user_agent, request_id, operation, resource_type, resource, project_id)
     SELECT $2, $3, $4, $5, $6, 'delete', 'repository', name, project_id FROM gone
   ), told AS (
     INSERT INTO outbox (fact, key, payload)
     SELECT 'repository.deleted', id::text, jsonb_build_object('repositoryId', id, 'projectId', project_id,
       'repository', name, 'actor', $2::text) FROM gone
   ) SELECT id FROM gone`,
);
const indexEdges = statement<{ manifest_id: number }>(
  'repository.purge-edges',
  `WITH batch AS (SELECT id FROM manifest WHERE repository_id = $1 ORDER BY digest LIMIT $2)
   DELETE FROM manifest_child c USING batch b WHERE c.manifest_id = b.id OR c.child_id = b.id RETURNING c.manifest_id`,
);
// in the order of the index, so that a batch is found without looking at all of them
const detach = statement<{ id: number }>(
  'repository.purge-manifests',
  `WITH batch AS (
     SELECT id FROM manifest WHERE repository_id = $1 ORDER BY digest LIMIT $2 FOR UPDATE
   ), untagged AS (
     DELETE FROM tag t USING batch b WHERE t.manifest_id = b.id
   ), freed AS (
     DELETE FROM manifest_blob e USING batch b WHERE e.manifest_id = b.id
   ), forgotten AS (
     DELETE FROM manifest_missing_blob e USING batch b WHERE e.manifest_id = b.id
   ) SELECT id FROM batch`,
);
const remove = statement('repository.purge-rows', 'DELETE FROM manifest WHERE id = ANY ($1)');
const unlink = statement<{ blob_id: number }>(
  'repository.purge-links',
  `DELETE FROM repository_blob l USING (SELECT blob_id FROM repository_blob WHERE repository_id = $1 ORDER BY blob_id LIMIT $2) b
   WHERE l.repository_id = $1 AND l.blob_id = b.blob_id RETURNING l.blob_id`,
);

/**
 * Deletes a repository: gone at once, its name free again; a job removes the content in batches. False when it
 * was gone already.
 */
export async function deleteRepository(
  database: Database,
  repositoryId: number,
  origin: Origin,
): Promise<boolean> {
  const values = [
    repositoryId,
    origin.actor,
    origin.actorKind,
    origin.address ?? null,
    origin.userAgent ?? null,
    origin.requestId ?? null,
  ];
  return (await database.run(hide, values)).length > 0;
}

/** Pushes to other repositories wait for links of the same blobs to go: for so many at a time. */
const mostLinks = 200;

/**
 * Removes up to `limit` manifests (with tags and edges, those in the recycle bin too), or else links, of a deleted
 * repository, in one transaction. Returns how many went; 0 when nothing is left.
 */
export async function purgeRepositoryBatch(
  database: Database,
  repositoryId: number,
  limit: number,
): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await database.transaction(() => purgeOnce(database, repositoryId, limit));
    } catch (error) {
      // a push that had begun before the repository was deleted has just ended
      if (!isLostReference(error) || attempt === 5) throw error;
    }
  }
}

async function purgeOnce(database: Database, repositoryId: number, limit: number): Promise<number> {
  await database.run(indexEdges, [repositoryId, limit]);
  const manifests = await database.run(detach, [repositoryId, limit]);
  if (manifests.length > 0) {
    await database.run(remove, [manifests.map((row) => row.id)]);
    return manifests.length;
  }
  return (await database.run(unlink, [repositoryId, Math.min(limit, mostLinks)])).length;
}
