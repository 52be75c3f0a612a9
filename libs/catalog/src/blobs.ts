import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import type { Digest } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import {
  afterDeadlock,
  isBeingRemoved,
  isDeadlock,
  isLostReference,
  translateCatalogError,
} from './catalog-error.ts';
import { digestTextSql } from './digest-text.ts';
import type { BlobLink } from './publish-together.ts';

const link = statement<{ link_blob: number }>('blob.link', 'SELECT link_blob($1, $2, $3, $4)');
const mount = statement<{ link_blob: number }>(
  'blob.mount',
  `SELECT link_blob($1, $2, b.digest, b.id) FROM blob b
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
   FROM blob b JOIN manifest_blob e ON e.repository_id = $1 AND e.blob_id = b.id
   JOIN manifest m ON m.id = e.manifest_id AND m.live WHERE b.digest = $2 LIMIT 3`,
);
// A manifest in the recycle bin does not keep what is deleted by name: it can be restored once that is pushed again.
// Whoever brings one of them back holds it first of all, as here.
const holdDeletedUsers = statement<{ id: number }>(
  'blob.hold-deleted-users',
  `SELECT m.id FROM blob b JOIN manifest_blob e ON e.repository_id = $1 AND e.blob_id = b.id
   JOIN manifest m ON m.id = e.manifest_id AND NOT m.live WHERE b.digest = $2 ORDER BY m.id FOR UPDATE OF m`,
);
const unlink = statement<{ blob_id: number }>(
  'blob.unlink',
  `WITH given_up AS (
     DELETE FROM manifest_blob e USING blob b
     WHERE e.repository_id = $1 AND e.blob_id = b.id AND b.digest = $2 AND e.manifest_id = ANY ($3)
   ) DELETE FROM repository_blob l USING blob b
   WHERE l.repository_id = $1 AND l.blob_id = b.id AND b.digest = $2 RETURNING l.blob_id`,
);
const announce = statement<AnnouncedBlob>(
  'blob.announce',
  `WITH fresh AS (
     INSERT INTO blob (digest, size, live, state) VALUES ($1, $2, false, 'committing')
     ON CONFLICT (digest) DO NOTHING RETURNING id, state
   ) SELECT id, state FROM fresh UNION ALL SELECT id, state FROM blob WHERE digest = $1 LIMIT 1`,
);
const damage = statement(
  'blob.damage',
  `UPDATE blob SET state = 'damaged', state_at = now() WHERE digest = $1 AND state = 'live'`,
);

const keep = statement<{ kept: boolean }>(
  'blob.keep',
  'SELECT coalesce((SELECT keep_link($1, id) FROM blob WHERE digest = $2), false) AS kept',
);

/**
 * The row of a blob whose bytes are about to be published, and its state. The row lasts until the bytes are removed:
 * bytes that were seen at the blob's key since are there for as long as a link names this row.
 */
export interface AnnouncedBlob {
  readonly id: number;
  readonly state: string;
}

/** Blobs of repositories: linked, mounted, unlinked. Their bytes are libs/content-store's. */
export class Blobs {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * The bytes are durable: makes the blob live and links it, in one statement. Creates the repository when it is
   * its first content. `BLOB_BUSY` when the blob has been removed since `blobId` was announced, or is being removed.
   */
  async link({ projectId, repository, digest, blobId }: BlobLink): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#database.run(link, [projectId, repository, digestToBytes(digest), blobId]);
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
      if (isLostReference(error) || isBeingRemoved(error)) return false;
      throw translateCatalogError(error);
    }
  }

  /**
   * Takes the blob out of one repository. `BLOB_IN_USE` names the manifests that use it, `BLOB_NOT_FOUND` when it
   * is not there. The bytes stay until collection finds that nobody links them.
   */
  async unlink(repositoryId: number, digest: Digest): Promise<void> {
    const key = [repositoryId, digestToBytes(digest)];
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#unlinkOnce(key, digest);
        return;
      } catch (error) {
        if (!isLostReference(error)) throw error;
        const manifests = (await this.#database.run(users, key)).map((row) => row.digest);
        // what used it has been deleted in the same moment
        if (manifests.length === 0 && attempt < 3) continue;
        throw inUse(digest, manifests, error);
      }
    }
  }

  async #unlinkOnce(key: readonly unknown[], digest: Digest): Promise<void> {
    const gone = await this.#database.transaction(async () => {
      const deleted = await this.#database.run(holdDeletedUsers, key);
      return await this.#database.run(unlink, [...key, deleted.map(({ id }) => id)]);
    });
    if (gone.length === 0) throw new AppError('BLOB_NOT_FOUND', `blob ${digest} is not in this repository`);
  }

  /** Says that bytes of this digest are about to be published, and returns what the blob is already. */
  async announce(digest: Digest, size: number): Promise<AnnouncedBlob> {
    for (;;) {
      const [row] = await this.#database.run(announce, [digestToBytes(digest), size]);
      // none: it was inserted by another session after the statement had begun, or removed
      if (row !== undefined) return row;
    }
  }

  /**
   * Tells a pusher whether the blob is linked here, and puts off the review of a link that is near: a manifest may name
   * it much later. False when collection has just removed the link.
   */
  async keepLink(repositoryId: number, digest: Digest): Promise<boolean> {
    const [row] = await this.#database.run(keep, [repositoryId, digestToBytes(digest)]);
    return row?.kept === true;
  }

  /** Notes that the bytes of a live blob are missing or short: HEAD answers 404 and the next push heals it. */
  async markDamaged(digest: Digest): Promise<void> {
    await this.#database.run(damage, [digestToBytes(digest)]);
  }
}

function inUse(digest: Digest, manifests: readonly string[], cause: unknown): AppError {
  const message = `blob ${digest} is used by ${manifests.join(', ')}; delete what uses it first`;
  return new AppError('BLOB_IN_USE', message, { cause, detail: { manifests } });
}
