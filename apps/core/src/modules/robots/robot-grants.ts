import type { Principal } from '@entrepot/access/principal';
import { rightsInProjects, rightsInSystem } from '@entrepot/access/rights';
import type { RobotPermission } from '@entrepot/api-contract/robots';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import { permission, type Permission } from '@entrepot/policy/permission';
import { administratorRights, noRights, type Rights } from '@entrepot/policy/rights';
import {
  checkRobotGrants,
  effectiveRobotPermissions,
  permissionsBeyond,
  type RobotLevel,
} from '@entrepot/policy/robot-permissions';
import type { z } from 'zod';
import { isAdministrator } from '../../http/caller.ts';

/** Permissions of a robot as they are stored; a project of null is every project. */
export interface Grant {
  readonly kind: RobotLevel;
  readonly projectId: number | null;
  readonly permissions: readonly Permission[];
}

const projectIds = statement<{ id: number; name: string }>(
  'project.ids-of-names',
  'SELECT id, name FROM project WHERE name = ANY ($1) AND deleted_at IS NULL',
);
const everywhere = statement<{ permissions: readonly Permission[] }>(
  'rights.of-robot-everywhere',
  `SELECT permissions FROM robot_permission WHERE robot_id = $1 AND kind = 'project' AND project_id IS NULL`,
);
const clear = statement('robot-permission.clear', 'DELETE FROM robot_permission WHERE robot_id = $1');
const insert = statement(
  'robot-permission.create',
  'INSERT INTO robot_permission (robot_id, kind, project_id, permissions) VALUES ($1, $2, $3, $4)',
);

/**
 * Reads the permissions that a request gives a robot. `BAD_REQUEST` for what the catalogue does not have,
 * `FORBIDDEN` for what the giver does not hold himself, `PROJECT_NOT_FOUND` only to administrators.
 */
export async function readGrants(
  database: Database,
  giver: Principal,
  level: RobotLevel,
  given: readonly z.output<typeof RobotPermission>[],
): Promise<readonly Grant[]> {
  checkRobotGrants(level, given);
  const names = given
    .filter((each) => each.kind === 'project' && each.namespace !== '*')
    .map((each) => each.namespace);
  const rows = await database.run(projectIds, [names]);
  const ids = new Map(rows.map((row) => [row.name, row.id]));
  const grants = given.map((each): Grant => {
    const permissions = [...new Set(each.access.map(({ resource, action }) => permission(resource, action)))];
    if (each.kind === 'system') return { kind: 'system', projectId: null, permissions };
    const projectId = each.namespace === '*' ? null : ids.get(each.namespace);
    if (projectId === undefined) throw unknownProject(giver, each.namespace, permissions);
    return { kind: 'project', projectId, permissions };
  });
  await checkDelegation(
    database,
    giver,
    grants.map((each) => ({ ...each, permissions: effectiveRobotPermissions(level, each.permissions) })),
  );
  return grants;
}

/** Replaces the permissions of a robot, in the running transaction. */
export async function writeGrants(
  database: Database,
  robotId: number,
  grants: readonly Grant[],
): Promise<void> {
  await database.run(clear, [robotId]);
  for (const { kind, projectId, permissions } of grants) {
    await database.run(insert, [robotId, kind, projectId, permissions]);
  }
}

// a project that does not exist is refused as one in which the giver holds nothing
function unknownProject(giver: Principal, name: string, permissions: readonly Permission[]): AppError {
  return isAdministrator(giver)
    ? new AppError('PROJECT_NOT_FOUND', `permissions: there is no project ${name}`)
    : notHeld(permissions);
}

function notHeld(permissions: readonly Permission[]): AppError {
  return new AppError(
    'FORBIDDEN',
    `permissions: you do not hold ${permissions.join(', ')} there, so you cannot give it`,
  );
}

async function checkDelegation(
  database: Database,
  giver: Principal,
  grants: readonly Grant[],
): Promise<void> {
  const ids = grants.flatMap(({ projectId }) => projectId ?? []);
  const inProjects = await rightsInProjects(database, giver, ids);
  const inSystem = await rightsInSystem(database, giver);
  const inAll = await rightsEverywhere(database, giver);
  for (const { kind, projectId, permissions } of grants) {
    const rights =
      kind === 'system' ? inSystem : projectId === null ? inAll : inProjects.get(projectId)?.rights;
    const beyond = permissionsBeyond(rights ?? noRights, permissions);
    if (beyond.length > 0) throw notHeld(beyond);
  }
}

async function rightsEverywhere(database: Database, giver: Principal): Promise<Rights> {
  if (giver.kind === 'user') return giver.administrator ? administratorRights : noRights;
  if (giver.kind === 'anonymous') return noRights;
  const rows = await database.run(everywhere, [giver.id]);
  return { administrator: false, granted: new Set(rows.flatMap((row) => row.permissions)) };
}
