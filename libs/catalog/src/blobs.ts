import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import type { Digest } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import { afterDeadlock, isDeadlock, isLostReference, translateCatalogError } from './catalog-error.ts';
import { digestTextSql } from './digest-text.ts';

const link = statement<{ link_blob: number }>('blob.link', 'SELECT link_blob($1, $2, $3)');
const mount = statement<{ link_blob: number }>(
  'blob.mount',
  `SELECT link_blob($1, $2, b.digest) FROM blob b
   WHERE b.digest = $3 AND b.state = 'live' AND CASE WHEN $4::text IS NULL THEN EXISTS (
     SELECT 1 FROM repository_blob l JOIN repository r ON r.id = l.repository_id AND r.deleted_at IS NULL
     WHERE l.blob_id = b.id AND ($5::bigint[] IS NULL OR r.project_id = ANY ($5)))
   ELSE EXISTS (
     SELECT 1 FROM repository r JOIN repository_blob l ON l.repository_id = r.id
     WHERE r.name = $4 AND r.deleted_at IS NULL AND l.blob_id = b.id
       AND ($5::bigint[] IS NULL OR r.project_id = ANY ($5))) END`,
);
const users = statement<{ digest: string }>(
  'blob.users',
  `SELECT ${digestTextSql('m.digest')} AS digest
   FROM blob b JOIN manifest_blob e ON e.repository_id = $1 AND e.blob_id = b.id JOIN manifest m ON m.id = e.manifest_id
   WHERE b.digest = $2 LIMIT 3`,
);
const unlink = statement<{ blob_id: number }>(
  'blob.unlink',
  `DELETE FROM repository_blob l USING blob b
   WHERE l.repository_id = $1 AND l.blob_id = b.id AND b.digest = $2 RETURNING l.blob_id`,
);
const announce = statement<{ state: string; size: number }>(
  'blob.announce',
  `WITH fresh AS (
     INSERT INTO blob (digest, size, live, state) VALUES ($1, $2, false, 'committing')
     ON CONFLICT (digest) DO NOTHING RETURNING state, size
   ) SELECT state, size FROM fresh UNION ALL SELECT state, size FROM blob WHERE digest = $1 LIMIT 1`,
);
const damage = statement(
  'blob.damage',
  `UPDATE blob SET state = 'damaged', state_at = now() WHERE digest = $1 AND state = 'live'`,
);

/** Blobs of repositories: linked, mounted, unlinked. Their bytes are libs/content-store's. */
export class Blobs {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * The bytes are durable: makes the blob live and links it, in one statement. Creates the repository when it is
   * its first content. `BLOB_BUSY` while the blob is being removed.
   */
  async link(projectId: number, repository: RepositoryName, digest: Digest): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#database.run(link, [projectId, repository, digestToBytes(digest)]);
        return;
      } catch (error) {
        // lost against a collector that quarantined the blob in the same moment: look again, revive
        const mayRepeat = (isLostReference(error) || isDeadlock(error)) && attempt < 3;
        if (!mayRepeat) throw translateCatalogError(error);
        if (isDeadlock(error)) await afterDeadlock();
      }
    }
  }

  /**
   * Links a blob that another repository holds (distribution-spec, "Mounting a blob from another repository").
   * `source.repository`: only that one; `source.projectIds`: only those projects (`undefined`: all). False when
   * none has it.
   */
  async mount(
    target: { projectId: number; repository: RepositoryName },
    digest: Digest,
    source: { repository: RepositoryName | undefined; projectIds: readonly number[] | undefined },
  ): Promise<boolean> {
    const values = [
      target.projectId,
      target.repository,
      digestToBytes(digest),
      source.repository,
      source.projectIds,
    ];
    try {
      return (await this.#database.run(mount, values)).length > 0;
    } catch (error) {
      if (isLostReference(error)) return false;
      throw translateCatalogError(error);
    }
  }

  /**
   * Takes the blob out of one repository. `BLOB_IN_USE` names the manifests that use it, `BLOB_NOT_FOUND` when it
   * is not there. The bytes stay until collection finds that nobody links them.
   */
  async unlink(repositoryId: number, digest: Digest): Promise<void> {
    const key = [repositoryId, digestToBytes(digest)];
    try {
      const rows = await this.#database.run(unlink, key);
      if (rows.length === 0) throw new AppError('BLOB_NOT_FOUND', `blob ${digest} is not in this repository`);
    } catch (error) {
      if (!isLostReference(error)) throw error;
      const manifests = (await this.#database.run(users, key)).map((row) => row.digest);
      throw new AppError(
        'BLOB_IN_USE',
        `blob ${digest} is used by ${manifests.join(', ')}; delete what uses it first`,
        {
          cause: error,
          detail: { manifests },
        },
      );
    }
  }

  /** Says that bytes of this digest are about to be published, and returns what the blob is already. */
  async announce(digest: Digest, size: number): Promise<string> {
    const [row] = await this.#database.run(announce, [digestToBytes(digest), size]);
    return row?.state ?? 'committing';
  }

  /** Notes that the bytes of a live blob are missing or short: HEAD answers 404 and the next push heals it. */
  async markDamaged(digest: Digest): Promise<void> {
    await this.#database.run(damage, [digestToBytes(digest)]);
  }
}
