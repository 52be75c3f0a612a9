import type { Permission } from './permission.ts';
import { projectPermissions, publicPermissions } from './project-permissions.ts';

/** What a principal holds in one place: in the system, or in one project. */
export interface Rights {
  /** Administrators may do everything, everywhere. */
  readonly administrator: boolean;
  readonly granted: ReadonlySet<Permission>;
}

/** Nothing at all. */
export const noRights: Rights = { administrator: false, granted: new Set() };

/** Everything. */
export const administratorRights: Rights = { administrator: true, granted: new Set() };

/** What is known of a principal and a project when its rights there are put together. */
export interface ProjectStanding {
  readonly administrator: boolean;
  /** Whether everybody may read the project. */
  readonly public: boolean;
  /** The permissions of every role, or of the robot, that the principal holds in the project. */
  readonly permissions: Iterable<Permission>;
}

/** The rights of a principal in a project: the union of its roles, and of what everybody may in a public one. */
export function rightsInProject(standing: ProjectStanding): Rights {
  if (standing.administrator) return administratorRights;
  const granted = new Set(standing.permissions);
  if (standing.public) for (const each of publicPermissions) granted.add(each);
  return { administrator: false, granted };
}

/**
 * Whether rights include a permission. The one question that core, registry and portal ask, of rights in the
 * place that the permission is about.
 */
export function can(rights: Rights, permission: Permission): boolean {
  return rights.administrator || rights.granted.has(permission);
}

/** Every permission that rights in a project include. */
export function permissionsInProject(rights: Rights): readonly Permission[] {
  return projectPermissions.filter((each) => can(rights, each));
}
