import { AppError } from '@entrepot/errors/app-error';
import { permission, type Permission } from './permission.ts';
import { can, type Rights } from './rights.ts';
import { robotProjectPermissions, robotSystemPermissions } from './robot-catalogue.ts';

/** Whether a robot belongs to the system or to one project. */
export type RobotLevel = 'system' | 'project';

/** One entry of a robot's permissions, as the REST API has it. */
export interface RobotGrant {
  readonly kind: string;
  /** `/` for the system, else a project's name or `*` for all. */
  readonly namespace: string;
  readonly access: readonly RobotAccess[];
}

/** One permission of a {@link RobotGrant}. */
export interface RobotAccess {
  readonly resource: string;
  readonly action: string;
}

const catalogues: Readonly<Record<RobotLevel, ReadonlySet<Permission>>> = {
  system: new Set(robotSystemPermissions),
  project: new Set(robotProjectPermissions),
};

/**
 * Checks the permissions of a robot against the catalogue. `BAD_REQUEST` names the first that a robot of this
 * level cannot be given. A robot of a project has exactly one entry, for that project.
 */
export function checkRobotGrants(level: RobotLevel, grants: readonly RobotGrant[]): void {
  if (grants.length === 0) throw bad('permissions: at least one entry is needed');
  if (level === 'project' && grants.length > 1) {
    throw bad('permissions: a robot of a project takes one entry, for its project');
  }
  for (const grant of grants) checkGrant(level, grant);
}

function checkGrant(level: RobotLevel, grant: RobotGrant): void {
  const { kind, namespace, access } = grant;
  if (kind !== 'system' && kind !== 'project') {
    throw bad(`permissions: kind must be system or project, not ${JSON.stringify(kind)}`);
  }
  checkNamespace(level, kind, namespace);
  if (access.length === 0) throw bad(`permissions: access of ${namespace} is empty`);
  const unknown = access
    .map((each) => permission(each.resource, each.action))
    .find((asked) => !catalogues[kind].has(asked));
  if (unknown !== undefined) throw bad(`bad request permission: ${unknown}`);
}

function checkNamespace(level: RobotLevel, kind: RobotLevel, namespace: string): void {
  if (level === 'project' && (kind === 'system' || namespace === '*')) {
    throw bad('permissions: a robot of a project is given permissions in its project only');
  }
  if (kind === 'project' && (namespace === '' || namespace === '/')) {
    throw bad('permissions: namespace must be the name of a project, or * for all');
  }
}

/**
 * What permissions of a robot come to: in a robot of a project push brings pull, as pushing needs it. They are kept
 * as they were given, so that whoever reads them back finds what he wrote.
 */
export function effectiveRobotPermissions(
  level: RobotLevel,
  permissions: readonly Permission[],
): readonly Permission[] {
  const impliesPull = level === 'project' && permissions.includes('repository:push');
  return impliesPull && !permissions.includes('repository:pull')
    ? [...permissions, 'repository:pull']
    : permissions;
}

/**
 * The permissions of `wanted` that whoever holds `rights` may not pass on: nobody makes a robot that may do
 * more than himself. `metadata:list`, which no role holds, goes with `metadata:read`.
 */
export function permissionsBeyond(rights: Rights, wanted: readonly Permission[]): readonly Permission[] {
  return wanted.filter(
    (each) => !can(rights, each) && !(each === 'metadata:list' && can(rights, 'metadata:read')),
  );
}

function bad(message: string): AppError {
  return new AppError('BAD_REQUEST', message);
}
