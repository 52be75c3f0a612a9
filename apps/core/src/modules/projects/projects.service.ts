import { recordAudit } from '@entrepot/access/audit';
import { recordFact } from '@entrepot/access/record-fact';
import type { InputOf, ResultOf } from '@entrepot/api-contract/operation';
import type {
  deleteProject,
  getProject,
  getProjectDeletable,
  headProject,
  listProjects,
  updateProject,
} from '@entrepot/api-contract/projects';
import { escapeLike, readListPage, type ListSource } from '@entrepot/catalog/list-page';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import { projectOf, type Caller } from '../../http/caller.ts';
import { readProjectSettings } from './project-request.ts';
import {
  projectFrom,
  projectSelect,
  toProject,
  userIdOf,
  visibleProjects,
  type ProjectRow,
} from './project-rows.ts';

const byId = statement<ProjectRow>(
  'project.of-api',
  `SELECT ${projectSelect} FROM ${projectFrom} WHERE p.id = $2 AND p.deleted_at IS NULL`,
);
const named = statement<{ id: number }>(
  'project.exists',
  'SELECT id FROM project WHERE name = $1 AND deleted_at IS NULL',
);
const locked = statement<{ metadata: Record<string, string>; public: boolean }>(
  'project.lock',
  'SELECT metadata, public FROM project WHERE id = $1 AND deleted_at IS NULL FOR UPDATE',
);
// whoever may read a public project only because it is public loses that: tokens of the old version end
const change = statement(
  'project.update',
  `UPDATE project SET public = $2, metadata = $3, cve_allowlist = coalesce($4, cve_allowlist), updated_at = now(),
     access_version = access_version + (public <> $2)::integer
   WHERE id = $1`,
);
const countRepositories = statement<{ count: number }>(
  'project.count-repositories',
  'SELECT count(*) FROM repository WHERE project_id = $1 AND deleted_at IS NULL AND pushed_at IS NOT NULL',
);
const hide = statement(
  'project.delete',
  `WITH robots AS (DELETE FROM robot WHERE project_id = $1),
     members AS (DELETE FROM project_member WHERE project_id = $1),
     grants AS (DELETE FROM robot_permission WHERE project_id = $1),
     unused AS (UPDATE repository SET deleted_at = now() WHERE project_id = $1 AND deleted_at IS NULL)
   UPDATE project SET deleted_at = now(), access_version = access_version + 1 WHERE id = $1`,
);

const columns: ListSource['columns'] = {
  name: { sql: 'p.name', type: 'text' },
  projectid: { sql: 'p.id', type: 'number' },
  id: { sql: 'p.id', type: 'number' },
  ownerid: { sql: 'p.owner_id', type: 'number' },
  ownername: { sql: 'u.username', type: 'text' },
  owner: { sql: 'u.username', type: 'text' },
  public: { sql: 'p.public', type: 'flag' },
  creationtime: { sql: 'p.created_at', type: 'time' },
  updatetime: { sql: 'p.updated_at', type: 'time' },
  repocount: {
    sql: '(SELECT count(*) FROM repository r WHERE r.project_id = p.id AND r.deleted_at IS NULL AND r.pushed_at IS NOT NULL)',
    type: 'number',
  },
};

/** Projects: list, get, change, delete. */
export class ProjectsService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async list(
    { query, list }: InputOf<typeof listProjects>,
    caller: Caller,
  ): Promise<ResultOf<typeof listProjects>> {
    const values: unknown[] = [userIdOf(caller.principal)];
    const value = (each: unknown): string => `$${values.push(each)}`;
    const where = ['p.deleted_at IS NULL', visibleProjects(caller.principal, value)];
    if (query.name !== undefined) where.push(`p.name ILIKE ${value(`%${escapeLike(query.name)}%`)}`);
    if (query.public !== undefined) where.push(`p.public = ${value(query.public)}`);
    if (query.owner !== undefined) where.push(`u.username = ${value(query.owner)}`);
    // the count of a page has no use for the caller's id, and PostgreSQL wants to know what every parameter is
    where.push('$1::bigint IS NOT NULL');
    const source = { select: projectSelect, from: projectFrom, where, values, columns, order: 'p.name' };
    const page = await readListPage<ProjectRow>(this.#database, source, list);
    return { items: page.rows.map((row) => toProject(row, query.with_detail)), total: page.total };
  }

  async get(_: InputOf<typeof getProject>, caller: Caller): Promise<ResultOf<typeof getProject>> {
    const { project } = projectOf(caller);
    const [row] = await this.#database.run(byId, [userIdOf(caller.principal), project.id]);
    if (row === undefined) throw gone(project.name);
    return toProject(row, true);
  }

  async head({ query }: InputOf<typeof headProject>): Promise<void> {
    const found = await this.#database.run(named, [query.project_name]);
    if (found.length === 0)
      throw new AppError('PROJECT_NOT_FOUND', `there is no project ${query.project_name}`);
  }

  async update({ body }: InputOf<typeof updateProject>, caller: Caller): Promise<void> {
    const { project } = projectOf(caller);
    await this.#database.transaction(async () => {
      const [row] = await this.#database.run(locked, [project.id]);
      if (row === undefined) throw gone(project.name);
      const given = readProjectSettings(body, row.metadata);
      const metadata = JSON.stringify({ ...row.metadata, ...given.metadata });
      const allowlist = given.allowlist === undefined ? null : JSON.stringify(given.allowlist);
      await this.#database.run(change, [project.id, given.public ?? row.public, metadata, allowlist]);
      const changed = [
        ...(given.public === undefined ? [] : ['public']),
        ...Object.keys(given.metadata),
        ...(allowlist === null ? [] : ['cve_allowlist']),
      ];
      await this.#record(caller, project, 'update', { changed });
      const fact = { projectId: project.id, project: project.name, actor: caller.origin.actor, changed };
      await recordFact(this.#database, 'project.updated', `project:${project.id}`, fact);
    });
  }

  async delete(_: InputOf<typeof deleteProject>, caller: Caller): Promise<void> {
    const { project } = projectOf(caller);
    await this.#database.transaction(async () => {
      // a push that creates a repository holds the row's key: it is over, or it will find the project gone
      if ((await this.#database.run(locked, [project.id])).length === 0) throw gone(project.name);
      const repositories = await this.#countRepositories(project.id);
      if (repositories > 0) throw new AppError('PROJECT_NOT_EMPTY', notEmpty);
      await this.#database.run(hide, [project.id]);
      await this.#record(caller, project, 'delete');
      const fact = { projectId: project.id, project: project.name, actor: caller.origin.actor };
      await recordFact(this.#database, 'project.deleted', `project:${project.id}`, fact);
    });
  }

  async deletable(
    _: InputOf<typeof getProjectDeletable>,
    caller: Caller,
  ): Promise<ResultOf<typeof getProjectDeletable>> {
    const repositories = await this.#countRepositories(projectOf(caller).project.id);
    return repositories === 0 ? { deletable: true, message: '' } : { deletable: false, message: notEmpty };
  }

  async #countRepositories(projectId: number): Promise<number> {
    const [row] = await this.#database.run(countRepositories, [projectId]);
    return row?.count ?? 0;
  }

  async #record(
    caller: Caller,
    project: { readonly id: number; readonly name: string },
    operation: string,
    detail?: Record<string, unknown>,
  ): Promise<void> {
    const entry = {
      operation,
      resourceType: 'project',
      resource: project.name,
      projectId: project.id,
      detail,
    };
    await recordAudit(this.#database, caller.origin, entry);
  }
}

const notEmpty = 'the project contains repositories, can not be deleted';

function gone(name: string): AppError {
  return new AppError('PROJECT_NOT_FOUND', `project ${name} has just been deleted`);
}
