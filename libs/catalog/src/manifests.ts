import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import type { Digest } from '@entrepot/oci/digest';
import type { Tag } from '@entrepot/oci/tag';
import {
  afterDeadlock,
  isDeadlock,
  isLostReference,
  isTagged,
  translateCatalogError,
} from './catalog-error.ts';
import { digestTextSql } from './digest-text.ts';
import { toJsonbText } from './jsonb-text.ts';
import { requestOf, type ManifestRecord, type Origin } from './manifest-record.ts';

const record = statement<{ id: number }>(
  'manifest.record',
  `SELECT record_manifest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) AS id`,
);
const payloads = statement<{ payload: Buffer }>(
  'manifest.payload',
  'SELECT payload FROM manifest WHERE id = $1',
);
const parents = statement<{ digest: string }>(
  'manifest.parents',
  `SELECT ${digestTextSql('i.digest')} AS digest FROM manifest_child c JOIN manifest i ON i.id = c.manifest_id
   WHERE c.child_id = $1 LIMIT 3`,
);
const hold = statement<{ id: number }>(
  'manifest.hold',
  'SELECT id FROM manifest WHERE repository_id = $1 AND digest = $2 AND live FOR UPDATE',
);
// A statement after the one that took the lock: it sees what others did before they let go of it. Edges to blobs stay,
// so that what lies in the recycle bin keeps its bytes; those to children would keep these from being deleted.
const bury = statement<{ id: number }>(
  'manifest.bury',
  `WITH buried AS (
     UPDATE manifest SET live = false, deleted_at = now() WHERE id = $1 RETURNING id, repository_id, digest, octet_length(payload) AS size, media_type
   ), untagged AS (
     DELETE FROM tag t USING buried b WHERE t.repository_id = b.repository_id AND t.manifest_id = b.id RETURNING t.name, b.repository_id, b.digest
   ), recorded AS (
     INSERT INTO tag_event (repository_id, name, from_digest, actor, origin)
     SELECT repository_id, name, digest, $2, 'delete' FROM untagged
   ), freed_children AS (
     DELETE FROM manifest_child WHERE manifest_id = $1
   ), forgotten AS (
     DELETE FROM manifest_missing_blob WHERE manifest_id = $1
   ), audited AS (
     INSERT INTO audit_log (actor, actor_kind, address, user_agent, request_id, operation, resource_type, resource, project_id)
     SELECT $2, $3, $4, $5, $6, 'delete', 'artifact', r.name || '@' || ${digestTextSql('b.digest')}, r.project_id
     FROM buried b JOIN repository r ON r.id = b.repository_id
   ) INSERT INTO outbox (fact, key, payload)
     SELECT 'manifest.deleted', r.id::text, jsonb_build_object('repositoryId', r.id, 'projectId', r.project_id,
       'repository', r.name, 'digest', encode(b.digest, 'hex'), 'mediaType', b.media_type, 'size', b.size, 'actor', $2::text,
       'tags', coalesce((SELECT jsonb_agg(name ORDER BY name) FROM untagged), '[]'))
     FROM buried b JOIN repository r ON r.id = b.repository_id RETURNING id`,
);
const untag = statement<{ id: number }>(
  'tag.delete',
  `WITH gone AS (
     DELETE FROM tag t USING manifest m WHERE t.repository_id = $1 AND t.name = $2 AND m.id = t.manifest_id
     RETURNING t.id, t.name, m.digest
   ), recorded AS (
     INSERT INTO tag_event (repository_id, name, from_digest, actor, origin)
     SELECT $1, name, digest, $3, 'delete' FROM gone
   ), audited AS (
     INSERT INTO audit_log (actor, actor_kind, address, user_agent, request_id, operation, resource_type, resource, project_id)
     SELECT $3, $4, $5, $6, $7, 'delete', 'tag', r.name || ':' || g.name, r.project_id
     FROM gone g, repository r WHERE r.id = $1
   ), told AS (
     INSERT INTO outbox (fact, key, payload)
     SELECT 'tag.deleted', r.id::text, jsonb_build_object('repositoryId', r.id, 'projectId', r.project_id,
       'repository', r.name, 'tag', g.name, 'from', encode(g.digest, 'hex'), 'actor', $3::text)
     FROM gone g, repository r WHERE r.id = $1
   ) SELECT id FROM gone`,
);
const move = statement(
  'tag.move',
  `WITH audited AS (
     INSERT INTO audit_log (actor, actor_kind, address, user_agent, request_id, operation, resource_type, resource, project_id)
     SELECT $4, $5, $6, $7, $8, 'create', 'tag', r.name || ':' || $2::text, r.project_id FROM repository r WHERE r.id = $1
   ) SELECT move_tag(r.project_id, r.id, r.name, $2, m.id, m.digest, $4, 'api')
     FROM repository r, manifest m WHERE r.id = $1 AND m.id = $3`,
);

function originColumns(origin: Origin): unknown[] {
  return [
    origin.actor,
    origin.actorKind,
    origin.address ?? null,
    origin.userAgent ?? null,
    origin.requestId ?? null,
  ];
}

/** Manifests and tags of repositories: recorded, moved, deleted, each as one change with its facts and audit row. */
export class Manifests {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Records a pushed manifest with its edges, tags, usage, fact and audit row, in one statement. Recording it
   * again changes nothing but the tags; one that was deleted comes back. `MANIFEST_BLOB_UNKNOWN` names what the
   * repository does not hold. Returns the manifest's id.
   */
  async record(manifest: ManifestRecord, origin: Origin): Promise<number> {
    const values = recordValues(manifest, origin);
    for (let attempt = 1; ; attempt++) {
      try {
        const [row] = await this.#database.run(record, values);
        if (row === undefined) throw new Error('record_manifest returned no row');
        return row.id;
      } catch (error) {
        // something that the manifest names went away in the same moment: the second look says what
        const mayRepeat = isDeadlock(error) ? attempt < 3 : isLostReference(error) && attempt < 2;
        if (!mayRepeat) throw translateCatalogError(error);
        if (isDeadlock(error)) await afterDeadlock();
      }
    }
  }

  /** The bytes of a manifest, as they were pushed. */
  async findPayload(id: number): Promise<Buffer | undefined> {
    const [row] = await this.#database.run(payloads, [id]);
    return row?.payload;
  }

  /**
   * Deletes a manifest with its tags. It is gone at once for everybody; row and blobs stay for the recycle bin.
   * `MANIFEST_NOT_FOUND`, or `MANIFEST_IN_USE` naming the indexes that use it.
   */
  async delete(repositoryId: number, digest: Digest, origin: Origin): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#deleteOnce(repositoryId, digest, origin);
        return;
      } catch (error) {
        if (!isTagged(error)) throw error;
        // a tag was moved to it meanwhile: it goes with the others
        if (attempt === 3) throw movedTag(digest, error);
      }
    }
  }

  async #deleteOnce(repositoryId: number, digest: Digest, origin: Origin): Promise<void> {
    await this.#database.transaction(async () => {
      const [found] = await this.#database.run(hold, [repositoryId, digestToBytes(digest)]);
      if (found === undefined)
        throw new AppError('MANIFEST_NOT_FOUND', `manifest ${digest} is not in this repository`);
      const indexes = (await this.#database.run(parents, [found.id])).map((row) => row.digest);
      if (indexes.length > 0) throw inUse(digest, indexes);
      try {
        await this.#database.run(bury, [found.id, ...originColumns(origin)]);
      } catch (error) {
        // an index that was pushed in the same moment won
        if (isLostReference(error) && !isTagged(error))
          throw inUse(digest, ['an index that was just pushed'], error);
        throw error;
      }
    });
  }

  /** Deletes a tag, not what it points to. `TAG_NOT_FOUND` when it is not there. */
  async deleteTag(repositoryId: number, tag: Tag, origin: Origin): Promise<void> {
    const rows = await this.#database.run(untag, [repositoryId, tag, ...originColumns(origin)]);
    if (rows.length === 0) throw new AppError('TAG_NOT_FOUND', `tag ${tag} is not in this repository`);
  }

  /** Points a tag at a manifest of the same repository. */
  async moveTag(repositoryId: number, tag: Tag, manifestId: number, origin: Origin): Promise<void> {
    try {
      await this.#database.run(move, [repositoryId, tag, manifestId, ...originColumns(origin)]);
    } catch (error) {
      if (isLostReference(error)) {
        throw new AppError('MANIFEST_NOT_FOUND', 'the manifest was deleted in the same moment', {
          cause: error,
        });
      }
      throw error;
    }
  }
}

function inUse(digest: Digest, manifests: readonly string[], cause?: unknown): AppError {
  const message = `manifest ${digest} is used by ${manifests.join(', ')}; delete the index first`;
  return new AppError('MANIFEST_IN_USE', message, { cause, detail: { manifests } });
}

function movedTag(digest: Digest, cause: unknown): AppError {
  const message = `tags are being moved to manifest ${digest} at this moment; delete it again once that ends`;
  return new AppError('MANIFEST_IN_USE', message, { cause });
}

function recordValues(manifest: ManifestRecord, origin: Origin): unknown[] {
  const bytes = (digest: Digest | undefined): Buffer | null =>
    digest === undefined ? null : digestToBytes(digest);
  return [
    manifest.projectId,
    manifest.repository,
    digestToBytes(manifest.digest),
    manifest.mediaType,
    manifest.artifactType ?? null,
    manifest.type,
    manifest.accessoryType ?? null,
    bytes(manifest.config),
    bytes(manifest.subject),
    manifest.payload,
    manifest.totalSize,
    toJsonbText(manifest.annotations),
    manifest.facts === undefined ? null : toJsonbText(manifest.facts),
    // a layer that a manifest names twice is held once
    [...new Set(manifest.blobs)].map(digestToBytes),
    manifest.children.map(digestToBytes),
    // two pushes that name the same tags in different orders would wait for each other
    manifest.tags.toSorted(),
    origin.actor,
    JSON.stringify(requestOf(origin)),
  ];
}
