import type { Database } from '@entrepot/database/database';
import { digestFromBytes, digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import type { Digest } from '@entrepot/oci/digest';
import { parseManifest } from '@entrepot/oci/manifest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import { parseTag, type Tag } from '@entrepot/oci/tag';
import type { Origin } from '../manifest-record.ts';
import { Manifests } from '../manifests.ts';

interface DeletedRow {
  readonly media_type: string;
  readonly artifact_type: string | null;
  readonly type: string;
  readonly accessory_type: string | null;
  readonly config_digest: Buffer | null;
  readonly subject_digest: Buffer | null;
  readonly payload: Buffer;
  readonly total_size: number;
  readonly annotations: Record<string, string> | null;
  readonly facts: Record<string, unknown> | null;
  readonly deleted_at: Date;
}

/** The repository to which a manifest comes back. */
export interface RestoreTarget {
  readonly id: number;
  readonly projectId: number;
  readonly name: RepositoryName;
}

const find = statement<DeletedRow>(
  'recycle-bin.find',
  `SELECT media_type, artifact_type, type, accessory_type, config_digest, subject_digest, payload, total_size,
     annotations, facts, deleted_at
   FROM manifest WHERE repository_id = $1 AND digest = $2 AND NOT live`,
);
// deleted in the transaction that deleted the manifest, and not made anew since
const tagsOf = statement<{ name: string }>(
  'recycle-bin.tags',
  `SELECT DISTINCT e.name FROM tag_event e
   JOIN manifest m ON m.repository_id = e.repository_id AND m.digest = e.from_digest
   WHERE e.repository_id = $1 AND e.from_digest = $2 AND e.to_digest IS NULL AND e.happened_at = m.deleted_at
     AND NOT EXISTS (SELECT 1 FROM tag t WHERE t.repository_id = $1 AND t.name = e.name)`,
);
const referrers = statement<{ digest: Buffer }>(
  'recycle-bin.referrers',
  `SELECT digest FROM manifest WHERE repository_id = $1 AND subject_digest = $2 AND NOT live AND deleted_at >= $3
   ORDER BY id`,
);

/**
 * Brings a deleted manifest back from the recycle bin, as it was: with the tags that went with it, as far as their names
 * are free, the children of an index that are in the bin too, and the referrers that were deleted with it or after it.
 * `MANIFEST_NOT_FOUND` when it is not in the bin, `MANIFEST_BLOB_UNKNOWN` when a blob of it was deleted by name.
 * Returns what came back, itself included. May be repeated.
 */
export async function restoreManifest(
  database: Database,
  repository: RestoreTarget,
  digest: Digest,
  origin: Origin,
): Promise<readonly Digest[]> {
  const restoration = new Restoration(database, repository, origin);
  if (!(await restoration.restore(digest))) {
    throw new AppError(
      'MANIFEST_NOT_FOUND',
      `manifest ${digest} is not in the recycle bin of ${repository.name}: it was never deleted here, or for too long`,
    );
  }
  return [...restoration.restored];
}

class Restoration {
  readonly restored = new Set<Digest>();
  readonly #database: Database;
  readonly #repository: RestoreTarget;
  readonly #origin: Origin;
  readonly #manifests: Manifests;

  constructor(database: Database, repository: RestoreTarget, origin: Origin) {
    this.#database = database;
    this.#repository = repository;
    this.#origin = origin;
    this.#manifests = new Manifests(database);
  }

  /** False when it is not in the bin. */
  async restore(digest: Digest): Promise<boolean> {
    const key = [this.#repository.id, digestToBytes(digest)];
    const [row] = await this.#database.run(find, key);
    if (row === undefined) return false;
    const { children, blobs } = parseManifest(row.payload, row.media_type);
    for (const child of children) await this.restore(child.digest);
    const tags = (await this.#database.run(tagsOf, key)).flatMap(({ name }) => toTags(name));
    await this.#record(row, digest, { children, blobs, tags });
    this.restored.add(digest);
    for (const each of await this.#database.run(referrers, [...key, row.deleted_at])) {
      await this.restore(digestFromBytes(each.digest));
    }
    return true;
  }

  async #record(
    row: DeletedRow,
    digest: Digest,
    names: Pick<ReturnType<typeof parseManifest>, 'children' | 'blobs'> & { readonly tags: readonly Tag[] },
  ): Promise<void> {
    await this.#manifests.record(
      {
        projectId: this.#repository.projectId,
        repository: this.#repository.name,
        digest,
        mediaType: row.media_type,
        artifactType: row.artifact_type ?? undefined,
        type: row.type,
        accessoryType: row.accessory_type ?? undefined,
        config: toDigest(row.config_digest),
        subject: toDigest(row.subject_digest),
        payload: row.payload,
        totalSize: names.children.length > 0 ? row.payload.length : row.total_size,
        annotations: row.annotations ?? {},
        facts: row.facts ?? undefined,
        blobs: names.blobs.map((blob) => blob.digest),
        children: [...new Set(names.children.map((child) => child.digest))],
        tags: names.tags,
      },
      this.#origin,
    );
  }
}

function toTags(name: string): Tag[] {
  const tag = parseTag(name);
  return tag === undefined ? [] : [tag];
}

function toDigest(column: Buffer | null): Digest | undefined {
  return column === null ? undefined : digestFromBytes(column);
}
