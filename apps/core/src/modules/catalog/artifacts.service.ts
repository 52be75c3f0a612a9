import type {
  deleteArtifact,
  getArtifact,
  listAccessories,
  listArtifacts,
  listArtifactsOfProject,
} from '@entrepot/api-contract/artifacts';
import type { ListQuery } from '@entrepot/api-contract/list-query';
import type { InputOf, ResultOf } from '@entrepot/api-contract/operation';
import { listAccessoryRows, listArtifactRows } from '@entrepot/catalog/list-artifacts';
import { Manifests } from '@entrepot/catalog/manifests';
import type { Database } from '@entrepot/database/database';
import { digestFromBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import { projectOf, type Caller } from '../../http/caller.ts';
import { getArtifactOfPath } from './artifact-of-path.ts';
import { toAccessory, toArtifact } from './artifact-rows.ts';
import { getRepositoryOfPath } from './repository-of-path.ts';

// a subject is named by its digest, so these are no circle: nobody knows a digest before its bytes
const accessoriesOf = statement<{ digest: Buffer }>(
  'manifest.accessories',
  `SELECT digest FROM manifest WHERE repository_id = $1 AND subject_digest = $2 AND live AND accessory_type IS NOT NULL
   ORDER BY id`,
);
const newestInRepository = `m.id = (SELECT n.id FROM manifest n WHERE n.repository_id = m.repository_id AND n.live
  AND n.accessory_type IS NULL AND n.type = m.type ORDER BY n.pushed_at DESC, n.id DESC LIMIT 1)`;

/** Artifacts: list, get, delete, and what is attached to them. */
export class ArtifactsService {
  readonly #database: Database;
  readonly #manifests: Manifests;

  constructor(database: Database) {
    this.#database = database;
    this.#manifests = new Manifests(database);
  }

  async list(
    { params, query, list }: InputOf<typeof listArtifacts>,
    caller: Caller,
  ): Promise<ResultOf<typeof listArtifacts>> {
    const repository = await getRepositoryOfPath(this.#database, caller, params);
    const scope = { where: 'm.repository_id = $1', values: [repository.id] };
    const parts = { tags: query.with_tag, accessories: query.with_accessory };
    const page = await listArtifactRows(this.#database, scope, list, parts);
    return { items: page.rows.map(toArtifact), total: page.total };
  }

  async listOfProject(
    { query, list }: InputOf<typeof listArtifactsOfProject>,
    caller: Caller,
  ): Promise<ResultOf<typeof listArtifactsOfProject>> {
    const inProject = 'r.project_id = $1';
    if (query.latest_in_repository) checkOneKind(list);
    const where = query.latest_in_repository ? `${inProject} AND ${newestInRepository}` : inProject;
    const parts = { tags: query.with_tag, accessories: query.with_accessory };
    const scope = { where, values: [projectOf(caller).project.id] };
    const page = await listArtifactRows(this.#database, scope, list, parts);
    return { items: page.rows.map(toArtifact), total: page.total };
  }

  async get(
    { params, query }: InputOf<typeof getArtifact>,
    caller: Caller,
  ): Promise<ResultOf<typeof getArtifact>> {
    const parts = { tags: query.with_tag, accessories: query.with_accessory };
    return toArtifact(await getArtifactOfPath(this.#database, caller, params, parts));
  }

  async delete({ params }: InputOf<typeof deleteArtifact>, caller: Caller): Promise<void> {
    const row = await getArtifactOfPath(this.#database, caller, params);
    await this.#database.transaction(async () => {
      await this.#deleteWithAccessories(row.repository_id, row.digest, caller);
    });
  }

  // what is attached to an artifact goes with it, as in Harbor: a signature of nothing is of no use
  async #deleteWithAccessories(repositoryId: number, digest: Buffer, caller: Caller): Promise<void> {
    for (const accessory of await this.#database.run(accessoriesOf, [repositoryId, digest])) {
      await this.#deleteWithAccessories(repositoryId, accessory.digest, caller);
    }
    await this.#manifests.delete(repositoryId, digestFromBytes(digest), caller.origin);
  }

  async listAccessories(
    { params, list }: InputOf<typeof listAccessories>,
    caller: Caller,
  ): Promise<ResultOf<typeof listAccessories>> {
    const subject = await getArtifactOfPath(this.#database, caller, params);
    const page = await listAccessoryRows(this.#database, subject, list);
    return { items: page.rows.map((row) => toAccessory(subject, row)), total: page.total };
  }
}

function checkOneKind(list: ListQuery): void {
  const kinds = list.terms.filter(({ key }) => key === 'mediatype' || key === 'artifacttype');
  if (kinds.length === 1) return;
  throw new AppError(
    'BAD_REQUEST',
    'latest_in_repository needs exactly one of media_type and artifact_type in q',
  );
}
