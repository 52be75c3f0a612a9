import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import type { TokenPrincipal } from '@entrepot/identity/token-claims';
import type { Permission } from '@entrepot/policy/permission';
import { publicPermissions } from '@entrepot/policy/project-permissions';

/** A project by its names. */
export interface ProjectReference {
  readonly id: number;
  readonly name: string;
}

/** Whose projects are asked for: a token's principal or a known one; `undefined` for an anonymous caller. */
export type Asker = Pick<TokenPrincipal, 'kind' | 'id'> | undefined;

const everything = statement<{ everything: boolean }>(
  'projects.everything',
  `SELECT CASE WHEN $1 = 'user' THEN EXISTS (SELECT 1 FROM "user" WHERE id = $2 AND sysadmin AND deleted_at IS NULL)
     ELSE EXISTS (SELECT 1 FROM robot_permission g JOIN robot b ON b.id = g.robot_id AND NOT b.disabled
       WHERE g.robot_id = $2 AND g.kind = 'project' AND g.project_id IS NULL AND $3 = ANY (g.permissions)) END AS everything`,
);
const permitted = statement<ProjectReference>(
  'projects.permitted',
  `SELECT p.id, p.name FROM project p WHERE p.deleted_at IS NULL AND (
     (p.public AND $4) OR CASE WHEN $1 = 'user' THEN EXISTS (
       SELECT 1 FROM project_member m JOIN role r ON r.id = m.role_id
       WHERE m.project_id = p.id AND m.user_id = $2 AND $3 = ANY (r.permissions))
     ELSE EXISTS (SELECT 1 FROM robot_permission g WHERE g.robot_id = $2 AND g.project_id = p.id AND $3 = ANY (g.permissions)) END)
   ORDER BY p.name LIMIT $5`,
);

const all = statement<ProjectReference>(
  'projects.all',
  'SELECT p.id, p.name FROM project p WHERE p.deleted_at IS NULL ORDER BY p.name LIMIT $1',
);

/** The first projects there are, by name, at most `limit` of them: for those who may see every project. */
export async function listProjects(database: Database, limit: number): Promise<readonly ProjectReference[]> {
  return await database.run(all, [limit]);
}

/**
 * The projects in which somebody holds a permission, by name, at most `limit` of them; `undefined` for every
 * project there is. What everybody holds in public projects counts.
 */
export async function listPermittedProjects(
  database: Database,
  asker: Asker,
  permission: Permission,
  limit?: number,
): Promise<readonly ProjectReference[] | undefined> {
  const [kind, id] = [asker?.kind ?? 'user', asker?.id ?? 0];
  const [row] = await database.run(everything, [kind, id, permission]);
  if (row?.everything === true) return undefined;
  const everybody = publicPermissions.includes(permission);
  return await database.run(permitted, [kind, id, permission, everybody, limit ?? null]);
}
