import { recordAudit } from '@entrepot/access/audit';
import type { ListQuery, Term } from '@entrepot/api-contract/list-query';
import { apiBase, type InputOf, type ResultOf } from '@entrepot/api-contract/operation';
import type {
  createRobot,
  deleteRobot,
  getRobot,
  listRobots,
  refreshRobotSecret,
  updateRobot,
} from '@entrepot/api-contract/robots';
import { readListPage, type ListSource } from '@entrepot/catalog/list-page';
import type { Database } from '@entrepot/database/database';
import { sqlState } from '@entrepot/database/database-error';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import { generateRobotSecret, hashRobotSecret } from '@entrepot/identity/robot-secret';
import type { Caller } from '../../http/caller.ts';
import { checkRobotAccess, getRobotFor } from './robot-access.ts';
import { readGrants, writeGrants, type Grant } from './robot-grants.ts';
import { expirySeconds, fullName, robotFrom, robotSelect, toRobot, type RobotRow } from './robot-rows.ts';
import { checkUnchanged, readDuration, readNewRobot, readSecret, type NewRobot } from './robot-values.ts';

const expiry = (created: string, days: string): string =>
  `CASE WHEN ${days}::integer < 0 THEN NULL ELSE ${created} + make_interval(days => ${days}) END`;

const insert = statement<{ id: number; created_at: Date; expires_at: Date | null }>(
  'robot.create',
  `INSERT INTO robot (name, description, level, project_id, duration, disabled, creator_type, creator_id, expires_at)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, ${expiry('now()', '$5')}) RETURNING id, created_at, expires_at`,
);
const change = statement(
  'robot.update',
  `UPDATE robot SET description = $2, duration = $3, disabled = $4, expires_at = ${expiry('created_at', '$3')},
     access_version = access_version + 1, updated_at = now() WHERE id = $1`,
);
const remove = statement(
  'robot.delete',
  `WITH tokens AS (DELETE FROM refresh_token WHERE principal_kind = 'robot' AND principal_id = $1)
   DELETE FROM robot WHERE id = $1`,
);
const clearSecrets = statement('robot-secret.clear', 'DELETE FROM robot_secret WHERE robot_id = $1');
const insertSecret = statement(
  'robot-secret.create',
  'INSERT INTO robot_secret (robot_id, secret_hash) VALUES ($1, $2)',
);
const raiseVersions = statement(
  'robot.raise-versions',
  `UPDATE robot SET credential_version = credential_version + 1, access_version = access_version + 1, updated_at = now()
   WHERE id = $1`,
);

const columns: ListSource['columns'] = {
  id: { sql: 'b.id', type: 'number' },
  name: { sql: 'b.name', type: 'text' },
  description: { sql: 'b.description', type: 'text' },
  disable: { sql: 'b.disabled', type: 'flag' },
  disabled: { sql: 'b.disabled', type: 'flag' },
  creatortype: { sql: 'b.creator_type', type: 'text' },
  creationtime: { sql: 'b.created_at', type: 'time' },
  updatetime: { sql: 'b.updated_at', type: 'time' },
};

/** Accounts of machines, of the system or of one project. */
export class RobotsService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async list({ list }: InputOf<typeof listRobots>, caller: Caller): Promise<ResultOf<typeof listRobots>> {
    const projectId = readScope(list);
    await checkRobotAccess(this.#database, caller, 'list', projectId);
    const where = projectId === undefined ? ["b.level = 'system'"] : ['b.project_id = $1'];
    const values = projectId === undefined ? [] : [projectId];
    const source = { select: robotSelect, from: robotFrom, where, values, columns, order: 'b.name, b.id' };
    const page = await readListPage<RobotRow>(this.#database, source, list);
    return { items: page.rows.map(toRobot), total: page.total };
  }

  async get({ params }: InputOf<typeof getRobot>, caller: Caller): Promise<ResultOf<typeof getRobot>> {
    return toRobot(await getRobotFor(this.#database, caller, 'read', params.robot_id));
  }

  async create({ body }: InputOf<typeof createRobot>, caller: Caller): Promise<ResultOf<typeof createRobot>> {
    const robot = readNewRobot(body);
    if (robot.level === 'system') await checkRobotAccess(this.#database, caller, 'create', undefined);
    const grants = await readGrants(this.#database, caller.principal, robot.level, robot.permissions);
    const projectId = robot.level === 'project' ? (grants[0]?.projectId ?? undefined) : undefined;
    if (projectId !== undefined) await checkRobotAccess(this.#database, caller, 'create', projectId);
    try {
      return await this.#database.transaction(
        async () => await this.#insert(robot, grants, projectId, caller),
      );
    } catch (error) {
      if (sqlState(error) !== '23505') throw error;
      throw new AppError('CONFLICT', `a robot ${robot.name} exists there`, { cause: error });
    }
  }

  async #insert(
    robot: NewRobot,
    grants: readonly Grant[],
    projectId: number | undefined,
    caller: Caller,
  ): Promise<ResultOf<typeof createRobot>> {
    const { name, description, level, duration, disabled } = robot;
    const creator = caller.principal.kind === 'anonymous' ? undefined : caller.principal;
    const creatorType = creator?.kind === 'robot' ? 'robot' : 'local';
    const values = [name, description, level, projectId, duration, disabled, creatorType, creator?.id];
    const [row] = await this.#database.run(insert, values);
    if (row === undefined) throw new Error('the insert of a robot returned no row');
    const secret = robot.secret ?? generateRobotSecret();
    await this.#database.run(insertSecret, [row.id, hashRobotSecret(secret)]);
    await writeGrants(this.#database, row.id, grants);
    const shown = fullName({
      name,
      project: level === 'project' ? (robot.permissions[0]?.namespace ?? null) : null,
    });
    await this.#record(caller, 'create', shown, projectId);
    const answer = { id: row.id, name: shown, secret, creation_time: row.created_at.toISOString() };
    return {
      location: `${apiBase}/robots/${row.id}`,
      body: { ...answer, expires_at: expirySeconds(row.expires_at) },
    };
  }

  async update({ params, body }: InputOf<typeof updateRobot>, caller: Caller): Promise<void> {
    const robot = await getRobotFor(this.#database, caller, 'update', params.robot_id);
    checkUnchanged(robot, body);
    const duration = readDuration(body.duration ?? robot.duration);
    const grants =
      body.permissions === null || body.permissions === undefined
        ? undefined
        : await readGrants(this.#database, caller.principal, robot.level, body.permissions);
    if (
      robot.project_id !== null &&
      grants?.some(({ projectId }) => projectId !== robot.project_id) === true
    ) {
      throw new AppError(
        'BAD_REQUEST',
        'permissions: a robot of a project is given permissions in its project only',
      );
    }
    await this.#database.transaction(async () => {
      const values = [
        robot.id,
        body.description ?? robot.description,
        duration,
        body.disable ?? robot.disabled,
      ];
      await this.#database.run(change, values);
      if (grants !== undefined) await writeGrants(this.#database, robot.id, grants);
      await this.#record(caller, 'update', fullName(robot), robot.project_id ?? undefined);
    });
  }

  async delete({ params }: InputOf<typeof deleteRobot>, caller: Caller): Promise<void> {
    const robot = await getRobotFor(this.#database, caller, 'delete', params.robot_id);
    await this.#database.transaction(async () => {
      await this.#database.run(remove, [robot.id]);
      await this.#record(caller, 'delete', fullName(robot), robot.project_id ?? undefined);
    });
  }

  async refreshSecret(
    { params, body }: InputOf<typeof refreshRobotSecret>,
    caller: Caller,
  ): Promise<ResultOf<typeof refreshRobotSecret>> {
    const robot = await getRobotFor(this.#database, caller, 'update', params.robot_id);
    const chosen = readSecret(body.secret);
    const secret = chosen ?? generateRobotSecret();
    await this.#database.transaction(async () => {
      await this.#database.run(raiseVersions, [robot.id]);
      await this.#database.run(clearSecrets, [robot.id]);
      await this.#database.run(insertSecret, [robot.id, hashRobotSecret(secret)]);
      await this.#record(caller, 'update', fullName(robot), robot.project_id ?? undefined);
    });
    return { secret: chosen === undefined ? secret : '' };
  }

  async #record(
    caller: Caller,
    operation: string,
    resource: string,
    projectId: number | undefined,
  ): Promise<void> {
    await recordAudit(this.#database, caller.origin, {
      operation,
      resourceType: 'robot',
      resource,
      projectId,
    });
  }
}

/** Whose robots `q` asks for: the project, or undefined for the system. */
function readScope(list: ListQuery): number | undefined {
  const exact = (key: string): string | undefined => list.terms.flatMap((term) => exactValue(term, key))[0];
  const level = exact('level')?.toLowerCase() ?? 'system';
  const projectId = exact('projectid');
  if (level === 'system') return undefined;
  if (level === 'project' && projectId !== undefined && /^[1-9]\d{0,14}$/.test(projectId))
    return Number(projectId);
  throw new AppError('BAD_REQUEST', 'q: ask for Level=system, or for Level=project,ProjectID=<id>');
}

function exactValue({ key, match }: Term, wanted: string): string[] {
  return key === wanted && match.kind === 'exact' ? [match.value] : [];
}
