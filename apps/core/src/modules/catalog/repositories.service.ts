import { recordAudit } from '@entrepot/access/audit';
import type { InputOf, ResultOf } from '@entrepot/api-contract/operation';
import type {
  deleteRepository as deleteRepositoryOperation,
  getRepository,
  listAllRepositories,
  listRepositories,
  updateRepository,
} from '@entrepot/api-contract/repositories';
import { listRepositoryRows, type RepositoryRow } from '@entrepot/catalog/list-repositories';
import { deleteRepository } from '@entrepot/catalog/repositories';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import { projectOf, type Caller } from '../../http/caller.ts';
import { visibleProjects } from '../projects/project-rows.ts';
import { getRepositoryOfPath } from './repository-of-path.ts';

const describe = statement(
  'repository.describe',
  'UPDATE repository SET description = $2, updated_at = now() WHERE id = $1',
);
const longestDescription = 16_384;

/** Repositories: list, get, describe, delete. */
export class RepositoriesService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async listAll(
    { list }: InputOf<typeof listAllRepositories>,
    caller: Caller,
  ): Promise<ResultOf<typeof listAllRepositories>> {
    const values: unknown[] = [];
    const visible = visibleProjects(caller.principal, (each) => `$${values.push(each)}`);
    const where = `r.project_id IN (SELECT p.id FROM project p WHERE p.deleted_at IS NULL AND ${visible})`;
    const page = await listRepositoryRows(this.#database, { where, values }, list);
    return { items: page.rows.map(toRepository), total: page.total };
  }

  async list(
    { list }: InputOf<typeof listRepositories>,
    caller: Caller,
  ): Promise<ResultOf<typeof listRepositories>> {
    const scope = { where: 'r.project_id = $1', values: [projectOf(caller).project.id] };
    const page = await listRepositoryRows(this.#database, scope, list);
    return { items: page.rows.map(toRepository), total: page.total };
  }

  async get(
    { params }: InputOf<typeof getRepository>,
    caller: Caller,
  ): Promise<ResultOf<typeof getRepository>> {
    return toRepository(await getRepositoryOfPath(this.#database, caller, params));
  }

  async update({ params, body }: InputOf<typeof updateRepository>, caller: Caller): Promise<void> {
    const description = (body.description ?? '').replaceAll('\0', '');
    if (description.length > longestDescription) {
      throw new AppError('BAD_REQUEST', `description: must be at most ${longestDescription} characters long`);
    }
    const row = await getRepositoryOfPath(this.#database, caller, params);
    await this.#database.transaction(async () => {
      await this.#database.run(describe, [row.id, description]);
      const entry = {
        operation: 'update',
        resourceType: 'repository',
        resource: row.name,
        projectId: row.project_id,
        detail: { changed: ['description'] },
      };
      await recordAudit(this.#database, caller.origin, entry);
    });
  }

  async delete({ params }: InputOf<typeof deleteRepositoryOperation>, caller: Caller): Promise<void> {
    const row = await getRepositoryOfPath(this.#database, caller, params);
    await deleteRepository(this.#database, row.id, caller.origin);
  }
}

function toRepository(row: RepositoryRow): ResultOf<typeof getRepository> {
  return {
    id: row.id,
    project_id: row.project_id,
    name: row.name,
    description: row.description,
    artifact_count: row.artifact_count,
    pull_count: row.pull_count,
    creation_time: row.created_at.toISOString(),
    update_time: row.updated_at.toISOString(),
  };
}
