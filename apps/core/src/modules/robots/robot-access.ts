import type { Principal } from '@entrepot/access/principal';
import { rightsInProjects, rightsInSystem } from '@entrepot/access/rights';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import { can, noRights, type Rights } from '@entrepot/policy/rights';
import { isAdministrator, refuse, type Caller } from '../../http/caller.ts';
import { robotFrom, robotSelect, type RobotRow } from './robot-rows.ts';

const byId = statement<RobotRow>(
  'robot.get',
  `SELECT ${robotSelect} FROM ${robotFrom} WHERE b.id = $1 AND (b.project_id IS NULL OR p.deleted_at IS NULL)`,
);

/** What is done with robots. */
export type RobotAction = 'create' | 'read' | 'update' | 'delete' | 'list';

/**
 * Lets through whoever may do this with the robots of the system, or of a project. Of robots of a system only who
 * holds it in the system; a robot's own catalogue has no `robot:update`, so robots change none.
 */
export async function checkRobotAccess(
  database: Database,
  { principal }: Caller,
  action: RobotAction,
  projectId: number | undefined,
): Promise<void> {
  const permission = `robot:${action}` as const;
  const rights =
    projectId === undefined
      ? await rightsInSystem(database, principal)
      : await rightsInProject(database, principal, projectId);
  if (can(rights, permission)) return;
  throw refuse(
    principal,
    `the permission ${permission} ${projectId === undefined ? 'in the system' : 'in this project'}`,
  );
}

async function rightsInProject(database: Database, principal: Principal, projectId: number): Promise<Rights> {
  const found = (await rightsInProjects(database, principal, [projectId])).get(projectId);
  if (found === undefined && isAdministrator(principal)) {
    throw new AppError('PROJECT_NOT_FOUND', `there is no project with the id ${projectId}`);
  }
  return found?.rights ?? noRights;
}

/** A robot with which the caller may do this. `NOT_FOUND` for an unknown one, whoever asks. */
export async function getRobotFor(
  database: Database,
  caller: Caller,
  action: RobotAction,
  robotId: number,
): Promise<RobotRow> {
  const [row] = await database.run(byId, [robotId]);
  if (row === undefined) throw new AppError('NOT_FOUND', `robot with ID ${robotId} not found`);
  await checkRobotAccess(database, caller, action, row.project_id ?? undefined);
  return row;
}
