import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import type { Digest } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { Tag } from '@entrepot/oci/tag';
import { digestTextSql } from './digest-text.ts';
import type { Origin } from './manifest-record.ts';

/** A tag that storage shows, and the manifest that it points at there. */
export interface StoredTag {
  readonly tag: Tag;
  readonly digest: Digest;
}

/** `known`: the repository has a tag of that name, wherever it points. */
export type AddedTag = 'added' | 'known' | 'unknown-manifest';

const known = statement<{ digest: Digest }>(
  'added.known',
  `SELECT ${digestTextSql('m.digest')} AS digest FROM repository r JOIN manifest m ON m.repository_id = r.id
   WHERE r.name = $1 AND r.deleted_at IS NULL AND m.digest = ANY ($2)`,
);
const hold = statement(
  'added.hold-bytes',
  `WITH user_of_it AS (
     SELECT m.id, m.repository_id FROM manifest m JOIN repository r ON r.id = m.repository_id
     WHERE r.name = $1 AND r.deleted_at IS NULL AND m.digest = $2 AND m.live FOR KEY SHARE OF m
   ) INSERT INTO manifest_blob (manifest_id, repository_id, blob_id)
   SELECT u.id, u.repository_id, b.id FROM user_of_it u, blob b WHERE b.digest = $2 ON CONFLICT DO NOTHING`,
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

  /**
   * Makes a manifest a user of the blob that its own bytes are, linked in its repository: bytes at the keys of blobs
   * are all blobs, and collection needs to know no more. Does nothing when the manifest is not there.
   */
  async holdBytes(repository: RepositoryName, digest: Digest): Promise<void> {
    await this.#database.run(hold, [repository, digestToBytes(digest)]);
  }

  /** Adds a tag, unless the repository has one of that name or lacks the manifest. */
  async addTag(repository: RepositoryName, { tag, digest }: StoredTag, origin: Origin): Promise<AddedTag> {
    const values = [repository, tag, digestToBytes(digest), origin.actor];
    const [row] = await this.#database.run(addTag, values);
    return row?.outcome ?? 'unknown-manifest';
  }
}
