import { rightsInProjects, rightsInSystem } from '@entrepot/access/rights';
import type { InputOf, ResultOf } from '@entrepot/api-contract/operation';
import type { getPermissions } from '@entrepot/api-contract/permissions';
import type { getCurrentUserPermissions } from '@entrepot/api-contract/users';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { splitPermission, type Permission } from '@entrepot/policy/permission';
import { can, permissionsInProject } from '@entrepot/policy/rights';
import { robotProjectPermissions, robotSystemPermissions } from '@entrepot/policy/robot-catalogue';
import { projectAdminRoleId } from '@entrepot/policy/roles';
import { systemPermissions } from '@entrepot/policy/system-permissions';
import { isAdministrator, refuse, type Caller } from '../../http/caller.ts';

const administersProject = statement<{ id: number }>(
  'project-member.administers',
  `SELECT m.id FROM project_member m JOIN project p ON p.id = m.project_id AND p.deleted_at IS NULL
   WHERE m.user_id = $1 AND m.role_id = ${projectAdminRoleId} LIMIT 1`,
);

/** What the caller may do somewhere, and what can be given to robots. */
export class PermissionsService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async current(
    { query }: InputOf<typeof getCurrentUserPermissions>,
    caller: Caller,
  ): Promise<ResultOf<typeof getCurrentUserPermissions>> {
    const scope = (query.scope ?? '/system').replace(/\/+$/, '');
    const held = scope === '/system' ? await this.#inSystem(caller) : await this.#inProject(scope, caller);
    return held.map((each) => {
      const { resource, action } = splitPermission(each);
      const relative = scope !== '/system' && resource === 'project' ? '' : resource;
      if (query.relative) return { resource: relative === '' ? '.' : relative, action };
      return { resource: relative === '' ? scope : `${scope}/${relative}`, action };
    });
  }

  /** The catalogue of robots, as far as the caller makes robots: all of it, or that of projects. */
  async catalogue(
    _: InputOf<typeof getPermissions>,
    caller: Caller,
  ): Promise<ResultOf<typeof getPermissions>> {
    const { principal } = caller;
    const project = robotProjectPermissions.map(splitPermission);
    if (isAdministrator(principal)) {
      return { system: robotSystemPermissions.map(splitPermission), project };
    }
    const administers =
      principal.kind === 'user' && (await this.#database.run(administersProject, [principal.id])).length > 0;
    if (!administers) throw refuse(principal, 'an administrator of the system or of the project');
    return { project };
  }

  async #inSystem({ principal }: Caller): Promise<readonly Permission[]> {
    const rights = await rightsInSystem(this.#database, principal);
    return rights.administrator ? systemPermissions : [...rights.granted];
  }

  async #inProject(scope: string, { principal }: Caller): Promise<readonly Permission[]> {
    const id = /^\/project\/(\d{1,15})$/.exec(scope)?.[1];
    if (id === undefined) return [];
    const found = (await rightsInProjects(this.#database, principal, [Number(id)])).get(Number(id));
    return found !== undefined && can(found.rights, 'project:read') ? permissionsInProject(found.rights) : [];
  }
}
