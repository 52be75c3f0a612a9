import type { Permission } from './permission.ts';
import { permissionsHeldBy, roleLetters } from './project-permissions.ts';

/** A named set of permissions inside a project. Roles are rows; an installation may add its own. */
export interface Role {
  readonly id: number;
  readonly name: string;
  readonly permissions: readonly Permission[];
}

/** The five roles of Harbor, under its ids and names. What they hold comes with each version of the product. */
export const builtInRoles: readonly Role[] = [
  { id: 1, name: 'projectAdmin', permissions: permissionsHeldBy(roleLetters.projectAdmin) },
  { id: 2, name: 'developer', permissions: permissionsHeldBy(roleLetters.developer) },
  { id: 3, name: 'guest', permissions: permissionsHeldBy(roleLetters.guest) },
  { id: 4, name: 'maintainer', permissions: permissionsHeldBy(roleLetters.maintainer) },
  { id: 5, name: 'limitedGuest', permissions: permissionsHeldBy(roleLetters.limitedGuest) },
];

/** The role that whoever creates a project gets in it. */
export const projectAdminRoleId = 1;
