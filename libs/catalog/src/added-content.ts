import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import type { Digest } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { Tag } from '@entrepot/oci/tag';
import type { AnnouncedBlob } from './blobs.ts';
import { translateCatalogError } from './catalog-error.ts';
import { digestTextSql } from './digest-text.ts';
import type { Origin } from './manifest-record.ts';

/** A tag that storage shows, and the manifest that it points at there. */
export interface StoredTag {
  readonly tag: Tag;
  readonly digest: Digest;
}

/** The row of a blob whose bytes are about to be published. */
export interface AddedBlob extends AnnouncedBlob {
  readonly digest: Digest;
}

/** `known`: the repository has a tag of that name, wherever it points. */
export type AddedTag = 'added' | 'known' | 'unknown-manifest';

const known = statement<{ digest: Digest }>(
  'added.known',
  `SELECT ${digestTextSql('m.digest')} AS digest FROM repository r JOIN manifest m ON m.repository_id = r.id
   WHERE r.name = $1 AND r.deleted_at IS NULL AND m.digest = ANY ($2)`,
);
const announce = statement<AddedBlob>(
  'added.announce',
  `WITH item AS (
     SELECT * FROM unnest($1::bytea[], $2::bigint[]) k(digest, size)
   ), fresh AS (
     INSERT INTO blob (digest, size, live, state) SELECT digest, size, false, 'committing' FROM item ORDER BY digest
     ON CONFLICT (digest) DO NOTHING RETURNING id, digest, state
   ) SELECT id, ${digestTextSql('digest')} AS digest, state FROM fresh
   UNION ALL SELECT b.id, ${digestTextSql('b.digest')}, b.state FROM item JOIN blob b ON b.digest = item.digest`,
);
const link = statement(
  'added.link',
  `SELECT link_blob($1, $2, k.digest, k.id) FROM unnest($3::bytea[], $4::bigint[]) k(digest, id)`,
);
const hold = statement(
  'added.hold-bytes',
  `WITH user_of_it AS (
     SELECT m.id, m.repository_id, m.digest FROM manifest m JOIN repository r ON r.id = m.repository_id
     WHERE r.name = $1 AND r.deleted_at IS NULL AND m.digest = ANY ($2) AND m.live ORDER BY m.id FOR KEY SHARE OF m
   ) INSERT INTO manifest_blob (manifest_id, repository_id, blob_id)
   SELECT u.id, u.repository_id, b.id FROM user_of_it u JOIN blob b ON b.digest = u.digest
   ORDER BY b.id ON CONFLICT DO NOTHING`,
);
const addTag = statement<{ outcome: AddedTag }>(
  'added.tag',
  `WITH target AS (
     SELECT r.id AS repository_id, m.id AS manifest_id, EXISTS (
       SELECT 1 FROM tag t WHERE t.repository_id = r.id AND t.name = $2) AS is_known
     FROM repository r LEFT JOIN manifest m ON m.repository_id = r.id AND m.digest = $3 AND m.live
     WHERE r.name = $1 AND r.deleted_at IS NULL
   ), added AS (
     INSERT INTO tag (repository_id, name, manifest_id) SELECT repository_id, $2, manifest_id FROM target
     WHERE manifest_id IS NOT NULL AND NOT is_known ON CONFLICT (repository_id, name) DO NOTHING RETURNING repository_id
   ), recorded AS (
     INSERT INTO tag_event (repository_id, name, to_digest, actor, origin)
     SELECT repository_id, $2, $3, $4, 'rebuild' FROM added
   ) SELECT CASE WHEN is_known OR manifest_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM added) THEN 'known'
       WHEN manifest_id IS NULL THEN 'unknown-manifest' ELSE 'added' END AS outcome FROM target`,
);

/** Content that comes from the storage, beside what the database has: nothing that is there changes. */
export class AddedContent {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Those of the manifests that the repository has, deleted or not. */
  async listKnown(repository: RepositoryName, digests: readonly Digest[]): Promise<ReadonlySet<Digest>> {
    const rows = await this.#database.run(known, [repository, digests.map(digestToBytes)]);
    return new Set(rows.map(({ digest }) => digest));
  }

  /** As {@link Blobs.announce}, of many. One whose row comes or goes in this moment is left out. */
  async announceAll(
    blobs: readonly { readonly digest: Digest; readonly size: number }[],
  ): Promise<readonly AddedBlob[]> {
    return await this.#database.run(announce, [
      blobs.map(({ digest }) => digestToBytes(digest)),
      blobs.map(({ size }) => size),
    ]);
  }

  /** As {@link Blobs.link}, of many in one repository: all of them, or none. */
  async linkAll(
    projectId: number,
    repository: RepositoryName,
    blobs: readonly { readonly digest: Digest; readonly id: number }[],
  ): Promise<void> {
    const sorted = blobs.toSorted((a, b) => a.id - b.id);
    const [digests, ids] = [sorted.map(({ digest }) => digestToBytes(digest)), sorted.map(({ id }) => id)];
    try {
      await this.#database.run(link, [projectId, repository, digests, ids]);
    } catch (error) {
      throw translateCatalogError(error);
    }
  }

  /**
   * Makes manifests users of the blobs that their own bytes are, linked in their repository: bytes at the keys of blobs
   * are all blobs, and collection needs to know no more. Manifests that are not there are passed over.
   */
  async holdBytes(repository: RepositoryName, digests: readonly Digest[]): Promise<void> {
    await this.#database.run(hold, [repository, digests.map(digestToBytes)]);
  }

  /** Adds a tag, unless the repository has one of that name or lacks the manifest. */
  async addTag(repository: RepositoryName, { tag, digest }: StoredTag, origin: Origin): Promise<AddedTag> {
    const values = [repository, tag, digestToBytes(digest), origin.actor];
    const [row] = await this.#database.run(addTag, values);
    return row?.outcome ?? 'unknown-manifest';
  }
}
