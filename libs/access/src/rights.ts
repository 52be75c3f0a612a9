import type { Database } from '@entrepot/database/database';
import { statement, type Statement } from '@entrepot/database/statement';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { Permission } from '@entrepot/policy/permission';
import { administratorRights, noRights, rightsInProject, type Rights } from '@entrepot/policy/rights';
import { effectiveRobotPermissions } from '@entrepot/policy/robot-permissions';
import { projectOfNameJoin, type ProjectOfName } from './project-of-name.ts';
import type { Principal } from './principal.ts';

/** A project, and what a principal may do in it. */
export interface ProjectRights {
  readonly project: ProjectOfName;
  readonly rights: Rights;
}

interface RightsRow extends ProjectOfName {
  readonly asked: string | number;
  readonly permissions: readonly Permission[];
}

// by what a project is asked for
const askedBy = {
  name: `unnest($1::text[]) k(asked) ${projectOfNameJoin('k.asked')}`,
  id: 'unnest($1::bigint[]) k(asked) JOIN project p ON p.id = k.asked',
};

// where the permissions of a principal stand; an anonymous caller is user 0, who is a member nowhere
const heldBy = {
  user: `SELECT unnest(r.permissions) FROM project_member m JOIN role r ON r.id = m.role_id
         WHERE m.project_id = p.id AND m.user_id = $2`,
  robot: `SELECT unnest(g.permissions) FROM robot_permission g
          WHERE g.robot_id = $2 AND g.kind = 'project' AND (g.project_id = p.id OR g.project_id IS NULL)`,
};

type Asked = keyof typeof askedBy;
type Holder = keyof typeof heldBy;

function rightsStatement(asked: Asked, holder: Holder): Statement<RightsRow> {
  return statement<RightsRow>(
    `rights.of-${holder}-by-${asked}`,
    `SELECT k.asked, p.id, p.name, p.access_version AS version, p.public, ARRAY(${heldBy[holder]}) AS permissions
     FROM ${askedBy[asked]} WHERE p.deleted_at IS NULL`,
  );
}

const statements: Record<Asked, Record<Holder, Statement<RightsRow>>> = {
  name: { user: rightsStatement('name', 'user'), robot: rightsStatement('name', 'robot') },
  id: { user: rightsStatement('id', 'user'), robot: rightsStatement('id', 'robot') },
};

const robotSystem = statement<{ permissions: readonly Permission[] }>(
  'rights.of-robot-in-system',
  `SELECT g.permissions FROM robot_permission g WHERE g.robot_id = $1 AND g.kind = 'system'`,
);

/**
 * The rights of a principal in the projects of many repository names, in one statement. A name whose project
 * does not exist is left out: the caller treats it exactly as one whose rights are empty (I7).
 */
export async function rightsForRepositories(
  database: Database,
  principal: Principal,
  names: readonly RepositoryName[],
): Promise<ReadonlyMap<string, ProjectRights>> {
  const rows = await readRights(database, principal, 'name', names);
  return new Map(rows.map((row) => [String(row.asked), toProjectRights(row, principal)]));
}

/** The rights of a principal on one repository name; `undefined` when it belongs to no project. */
export async function rightsForRepository(
  database: Database,
  principal: Principal,
  name: RepositoryName,
): Promise<ProjectRights | undefined> {
  return (await rightsForRepositories(database, principal, [name])).get(name);
}

/** The rights of a principal in many projects by id, in one statement. Projects that do not exist are left out. */
export async function rightsInProjects(
  database: Database,
  principal: Principal,
  projectIds: readonly number[],
): Promise<ReadonlyMap<number, ProjectRights>> {
  const rows = await readRights(database, principal, 'id', projectIds);
  return new Map(rows.map((row) => [row.id, toProjectRights(row, principal)]));
}

/** The rights of a principal outside projects. People hold some only as administrators. */
export async function rightsInSystem(database: Database, principal: Principal): Promise<Rights> {
  if (principal.kind === 'user') return principal.administrator ? administratorRights : noRights;
  if (principal.kind === 'anonymous') return noRights;
  const rows = await database.run(robotSystem, [principal.id]);
  return { administrator: false, granted: new Set(rows.flatMap((row) => row.permissions)) };
}

async function readRights(
  database: Database,
  principal: Principal,
  asked: Asked,
  keys: readonly (string | number)[],
): Promise<RightsRow[]> {
  if (keys.length === 0) return [];
  const holder = principal.kind === 'robot' ? 'robot' : 'user';
  const holderId = principal.kind === 'anonymous' ? 0 : principal.id;
  return await database.run(statements[asked][holder], [keys, holderId]);
}

function toProjectRights(row: RightsRow, principal: Principal): ProjectRights {
  const { id, name, version, permissions } = row;
  const administrator = principal.kind === 'user' && principal.administrator;
  return {
    project: { id, name, version, public: row.public },
    rights: rightsInProject({
      administrator,
      public: row.public,
      permissions: effective(principal, permissions),
    }),
  };
}

function effective(principal: Principal, permissions: readonly Permission[]): readonly Permission[] {
  if (principal.kind !== 'robot') return permissions;
  return effectiveRobotPermissions(principal.projectId === undefined ? 'system' : 'project', permissions);
}
