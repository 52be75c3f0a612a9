import type { InputOf, ResultOf } from '@entrepot/api-contract/operation';
import type { listDeletedArtifacts, restoreArtifact } from '@entrepot/api-contract/recycle-bin';
import { restoreManifest } from '@entrepot/catalog/collection/recycle-bin';
import { listDeletedArtifactRows } from '@entrepot/catalog/list-deleted-artifacts';
import type { Database } from '@entrepot/database/database';
import { AppError } from '@entrepot/errors/app-error';
import { parseDigest } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import { projectOf, type Caller } from '../../http/caller.ts';
import { getRepositoryOfPath } from './repository-of-path.ts';

/** Deleted artifacts, for as long as they can be restored. */
export class RecycleBinService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async list(
    { params, list }: InputOf<typeof listDeletedArtifacts>,
    caller: Caller,
  ): Promise<ResultOf<typeof listDeletedArtifacts>> {
    const repository = await getRepositoryOfPath(this.#database, caller, params);
    const page = await listDeletedArtifactRows(this.#database, repository.id, list);
    const items = page.rows.map((row) => ({
      id: row.id,
      digest: row.digest,
      type: row.type,
      manifest_media_type: row.media_type,
      size: row.total_size,
      push_time: row.pushed_at.toISOString(),
      deleted_time: row.deleted_at.toISOString(),
      tags: [...row.tags],
    }));
    return { items, total: page.total };
  }

  async restore(
    { params }: InputOf<typeof restoreArtifact>,
    caller: Caller,
  ): Promise<ResultOf<typeof restoreArtifact>> {
    const repository = await getRepositoryOfPath(this.#database, caller, params);
    const digest = parseDigest(params.digest);
    if (digest === undefined) {
      throw new AppError('DIGEST_INVALID', `${params.digest.slice(0, 150)} is no digest; restore by digest`);
    }
    const { project } = projectOf(caller);
    // its row has a name that passed the parser when it was made
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const target = { id: repository.id, projectId: project.id, name: repository.name as RepositoryName };
    const digests = await this.#database.transaction(() =>
      restoreManifest(this.#database, target, digest, caller.origin),
    );
    return { digests: [...digests] };
  }
}
