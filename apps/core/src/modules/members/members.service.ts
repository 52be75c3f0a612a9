import type { z } from 'zod';
import { recordAudit } from '@entrepot/access/audit';
import type {
  createProjectMember,
  deleteProjectMember,
  getProjectMember,
  listProjectMembers,
  ProjectMember,
  updateProjectMember,
} from '@entrepot/api-contract/members';
import { apiBase, type InputOf, type ResultOf } from '@entrepot/api-contract/operation';
import { escapeLike, readListPage } from '@entrepot/catalog/list-page';
import type { Database } from '@entrepot/database/database';
import { sqlState, violatedConstraint } from '@entrepot/database/database-error';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import { projectOf, type Caller } from '../../http/caller.ts';

interface MemberRow {
  readonly id: number;
  readonly project_id: number;
  readonly user_id: number;
  readonly username: string;
  readonly role_id: number;
  readonly role: string;
}

const select = 'm.id, m.project_id, m.user_id, u.username, m.role_id, r.name AS role';
const from = 'project_member m JOIN "user" u ON u.id = m.user_id JOIN role r ON r.id = m.role_id';

const byId = statement<MemberRow>(
  'project-member.get',
  `SELECT ${select} FROM ${from} WHERE m.project_id = $1 AND m.id = $2`,
);
const insert = statement<{ id: number; username: string }>(
  'project-member.create',
  `WITH somebody AS (
     SELECT id, username FROM "user" WHERE deleted_at IS NULL AND (id = $2 OR ($2::bigint IS NULL AND username = $3))
   ) INSERT INTO project_member (project_id, user_id, role_id) SELECT $1, id, $4 FROM somebody
   RETURNING id, (SELECT username FROM somebody)`,
);
const setRole = statement(
  'project-member.update',
  'UPDATE project_member SET role_id = $3 WHERE project_id = $1 AND id = $2',
);
const remove = statement(
  'project-member.delete',
  'DELETE FROM project_member WHERE project_id = $1 AND id = $2',
);
// tokens that were issued under the old rights end
const raiseVersion = statement(
  'project.raise-access-version',
  'UPDATE project SET access_version = access_version + 1 WHERE id = $1',
);

/** Who has which role in a project. */
export class MembersService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async list(
    { query, list }: InputOf<typeof listProjectMembers>,
    caller: Caller,
  ): Promise<ResultOf<typeof listProjectMembers>> {
    const values: unknown[] = [projectOf(caller).project.id];
    const where = ['m.project_id = $1'];
    if (query.entityname !== undefined) {
      where.push(`u.username ILIKE $${values.push(`%${escapeLike(query.entityname)}%`)}`);
    }
    const source = { select, from, where, values, columns: {}, order: 'u.username, m.id' };
    const page = await readListPage<MemberRow>(this.#database, source, list);
    return { items: page.rows.map(toMember), total: page.total };
  }

  async get(
    { params }: InputOf<typeof getProjectMember>,
    caller: Caller,
  ): Promise<ResultOf<typeof getProjectMember>> {
    return toMember(await this.#get(projectOf(caller).project.id, params.mid));
  }

  async create(
    { params, body }: InputOf<typeof createProjectMember>,
    caller: Caller,
  ): Promise<ResultOf<typeof createProjectMember>> {
    const { project } = projectOf(caller);
    const { userId, username } = readUser(body);
    const roleId = body.role_id ?? 0;
    const id = await this.#translate(roleId, async () => {
      const [row] = await this.#database.run(insert, [project.id, userId, username, roleId]);
      if (row === undefined) throw new AppError('NOT_FOUND', `there is no user ${username ?? userId}`);
      await this.#record(caller, 'create', row.username, { roleId });
      return row.id;
    });
    const place = encodeURIComponent(params.project_name_or_id);
    return { location: `${apiBase}/projects/${place}/members/${id}`, body: undefined };
  }

  async update({ params, body }: InputOf<typeof updateProjectMember>, caller: Caller): Promise<void> {
    const { project } = projectOf(caller);
    await this.#translate(body.role_id, async () => {
      const member = await this.#get(project.id, params.mid);
      await this.#database.run(setRole, [project.id, member.id, body.role_id]);
      await this.#database.run(raiseVersion, [project.id]);
      await this.#record(caller, 'update', member.username, { roleId: body.role_id });
    });
  }

  async delete({ params }: InputOf<typeof deleteProjectMember>, caller: Caller): Promise<void> {
    const { project } = projectOf(caller);
    await this.#database.transaction(async () => {
      const member = await this.#get(project.id, params.mid);
      await this.#database.run(remove, [project.id, member.id]);
      await this.#database.run(raiseVersion, [project.id]);
      await this.#record(caller, 'delete', member.username);
    });
  }

  async #get(projectId: number, memberId: number): Promise<MemberRow> {
    const [row] = await this.#database.run(byId, [projectId, memberId]);
    if (row === undefined) throw new AppError('NOT_FOUND', `project member ${memberId} not found`);
    return row;
  }

  async #translate<T>(roleId: number, work: () => Promise<T>): Promise<T> {
    try {
      return await this.#database.transaction(work);
    } catch (error) {
      if (sqlState(error) === '23505')
        throw new AppError('CONFLICT', 'that user is a member already', { cause: error });
      if (sqlState(error) !== '23503' || violatedConstraint(error)?.includes('role') !== true) throw error;
      throw new AppError('BAD_REQUEST', `role_id: there is no role ${roleId}`, { cause: error });
    }
  }

  async #record(
    caller: Caller,
    operation: string,
    member: string,
    detail?: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const { project } = projectOf(caller);
    const resource = `${project.name}/${member}`;
    const entry = { operation, resourceType: 'member', resource, projectId: project.id, detail };
    await recordAudit(this.#database, caller.origin, entry);
  }
}

function readUser(body: z.output<typeof ProjectMember>): { userId: number | null; username: string | null } {
  const { user_id: userId, username } = body.member_user ?? {};
  if (userId) return { userId, username: null };
  if (username) return { userId: null, username };
  if (body.member_group) {
    throw new AppError('BAD_REQUEST', 'member_group: groups come from a directory, and none is connected');
  }
  throw new AppError('BAD_REQUEST', 'member_user: name a user by user_id or username');
}

function toMember(row: MemberRow): ResultOf<typeof getProjectMember> {
  return {
    id: row.id,
    project_id: row.project_id,
    entity_name: row.username,
    role_name: row.role,
    role_id: row.role_id,
    entity_id: row.user_id,
    entity_type: 'u',
  };
}
