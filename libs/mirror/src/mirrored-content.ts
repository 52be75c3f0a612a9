import { digestTextSql } from '@entrepot/catalog/digest-text';
import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import type { Digest } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { Tag } from '@entrepot/oci/tag';

/** A repository whose mirror is made. */
export interface MirroredRepository {
  readonly id: number;
  readonly projectId: number;
  readonly name: RepositoryName;
  /** It was deleted. */
  readonly isGone: boolean;
  /** The repository that has its name now, when it was deleted. */
  readonly successor: number | null;
}

/** A live manifest. `size` of its payload, in bytes; `isStored`: its bytes are a blob that it uses itself. */
export interface MirroredManifest {
  readonly id: number;
  readonly digest: Digest;
  readonly size: number;
  readonly isStored: boolean;
}

/** The bytes of a manifest, as they were pushed. */
export interface MirroredPayload {
  readonly digest: Digest;
  readonly payload: Buffer;
}

/** Where a tag points. */
export interface MirroredTag {
  readonly id: number;
  readonly tag: Tag;
  readonly digest: Digest;
}

const repository = statement<MirroredRepository>(
  'mirror.repository',
  `SELECT r.id, r.project_id AS "projectId", r.name, r.deleted_at IS NOT NULL AS "isGone",
     (SELECT o.id FROM repository o WHERE o.name = r.name AND o.deleted_at IS NULL AND r.deleted_at IS NOT NULL) AS successor
   FROM repository r WHERE r.id = $1`,
);
const manifestColumns = `m.id, ${digestTextSql('m.digest')} AS digest, octet_length(m.payload) AS size, EXISTS (
  SELECT 1 FROM blob b JOIN manifest_blob e ON e.manifest_id = m.id AND e.blob_id = b.id
  WHERE b.digest = m.digest AND b.state = 'live') AS "isStored"`;
const manifests = statement<MirroredManifest>(
  'mirror.manifests',
  `SELECT ${manifestColumns} FROM manifest m WHERE m.repository_id = $1 AND m.digest = ANY ($2) AND m.live`,
);
const manifestPage = statement<MirroredManifest>(
  'mirror.manifest-page',
  `SELECT ${manifestColumns} FROM manifest m WHERE m.repository_id = $1 AND m.id > $2 AND m.live ORDER BY m.id LIMIT $3`,
);
const payloads = statement<MirroredPayload>(
  'mirror.payloads',
  `SELECT ${digestTextSql('digest')} AS digest, payload FROM manifest WHERE id = ANY ($1)`,
);
const tags = statement<MirroredTag>(
  'mirror.tags',
  `SELECT t.id, t.name AS tag, ${digestTextSql('m.digest')} AS digest FROM tag t JOIN manifest m ON m.id = t.manifest_id
   WHERE t.repository_id = $1 AND t.name = ANY ($2)`,
);
const tagPage = statement<MirroredTag>(
  'mirror.tag-page',
  `SELECT t.id, t.name AS tag, ${digestTextSql('m.digest')} AS digest FROM tag t JOIN manifest m ON m.id = t.manifest_id
   WHERE t.repository_id = $1 AND t.name > $2 ORDER BY t.name LIMIT $3`,
);
// the bytes of a manifest are no layer of anything
const layers = statement<{ digest: Digest }>(
  'mirror.layers',
  `SELECT DISTINCT ${digestTextSql('b.digest')} AS digest FROM manifest_blob e JOIN blob b ON b.id = e.blob_id
   JOIN manifest m ON m.id = e.manifest_id WHERE e.manifest_id = ANY ($1) AND b.digest <> m.digest`,
);
const linkedLayers = statement<{ digest: Digest }>(
  'mirror.linked-layers',
  `SELECT ${digestTextSql('b.digest')} AS digest FROM blob b
   JOIN repository_blob l ON l.repository_id = $1 AND l.blob_id = b.id WHERE b.digest = ANY ($2)`,
);
/** What the database says now of repositories, as far as the mirror shows it. */
export class MirroredContent {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The repository, deleted or not. */
  async findRepository(id: number): Promise<MirroredRepository | undefined> {
    return (await this.#database.run(repository, [id]))[0];
  }

  /** Those of the manifests that are live. */
  async listManifests(
    repositoryId: number,
    digests: readonly Digest[],
  ): Promise<readonly MirroredManifest[]> {
    return await this.#database.run(manifests, [repositoryId, digests.map(digestToBytes)]);
  }

  /** Every live manifest, so many at a time. */
  async *listManifestPages(
    repositoryId: number,
    limit: number,
  ): AsyncGenerator<readonly MirroredManifest[], void> {
    for (let last = 0; ;) {
      const rows = await this.#database.run(manifestPage, [repositoryId, last, limit]);
      if (rows.length > 0) yield rows;
      if (rows.length < limit) return;
      last = rows.at(-1)?.id ?? last;
    }
  }

  /** The bytes of manifests; of those whose rows are gone there are none. */
  async listPayloads(manifestIds: readonly number[]): Promise<readonly MirroredPayload[]> {
    return await this.#database.run(payloads, [manifestIds]);
  }

  /** Those of the tags that are there. */
  async listTags(repositoryId: number, names: readonly Tag[]): Promise<readonly MirroredTag[]> {
    return await this.#database.run(tags, [repositoryId, names]);
  }

  /** Every tag, so many at a time. */
  async *listTagPages(repositoryId: number, limit: number): AsyncGenerator<readonly MirroredTag[], void> {
    for (let last = ''; ;) {
      const rows = await this.#database.run(tagPage, [repositoryId, last, limit]);
      if (rows.length > 0) yield rows;
      if (rows.length < limit) return;
      last = rows.at(-1)?.tag ?? last;
    }
  }

  /** The blobs that manifests use, each once, without their own bytes. */
  async listLayers(manifestIds: readonly number[]): Promise<readonly Digest[]> {
    return (await this.#database.run(layers, [manifestIds])).map(({ digest }) => digest);
  }

  /** Those of the blobs that the repository holds. */
  async listLinked(repositoryId: number, digests: readonly Digest[]): Promise<ReadonlySet<Digest>> {
    const rows = await this.#database.run(linkedLayers, [repositoryId, digests.map(digestToBytes)]);
    return new Set(rows.map(({ digest }) => digest));
  }
}
