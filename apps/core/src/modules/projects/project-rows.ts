import type { z } from 'zod';
import type { Principal } from '@entrepot/access/principal';
import type { Project } from '@entrepot/api-contract/projects';
import type { CveAllowlist } from '@entrepot/database/entities/project.entity';

/** A project as lists read it. */
export interface ProjectRow {
  readonly id: number;
  readonly name: string;
  readonly owner_id: number | null;
  readonly owner_name: string | null;
  readonly public: boolean;
  readonly metadata: Record<string, string>;
  readonly cve_allowlist: CveAllowlist;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly repo_count: number;
  readonly role_ids: readonly number[];
}

/** The select list of {@link ProjectRow} over `p` and its owner `u`; `$1` is the id of the calling user, or 0. */
export const projectSelect = `p.id, p.name, p.owner_id, u.username AS owner_name, p.public, p.metadata, p.cve_allowlist,
  p.created_at, p.updated_at,
  (SELECT count(*) FROM repository r WHERE r.project_id = p.id AND r.deleted_at IS NULL AND r.pushed_at IS NOT NULL) AS repo_count,
  ARRAY(SELECT m.role_id::integer FROM project_member m WHERE m.project_id = p.id AND m.user_id = $1) AS role_ids`;

/** Where {@link projectSelect} reads from. */
export const projectFrom = 'project p LEFT JOIN "user" u ON u.id = p.owner_id';

/** The id of the calling user; 0, which is nobody's, for everybody else. */
export function userIdOf(principal: Principal): number {
  return principal.kind === 'user' ? principal.id : 0;
}

/**
 * SQL over `p` for the projects that a principal may see: all for administrators, else those that are public,
 * those of a member, those of a robot. `value` adds a parameter.
 */
export function visibleProjects(principal: Principal, value: (each: unknown) => string): string {
  switch (principal.kind) {
    case 'anonymous':
      return 'p.public';
    case 'user':
      if (principal.administrator) return 'true';
      return `(p.public OR EXISTS (SELECT 1 FROM project_member m WHERE m.project_id = p.id AND m.user_id = ${value(principal.id)}))`;
    case 'robot':
      return `(p.public OR EXISTS (SELECT 1 FROM robot_permission g WHERE g.robot_id = ${value(principal.id)}
        AND g.kind = 'project' AND (g.project_id = p.id OR g.project_id IS NULL)))`;
  }
}

/** A project in the form of the API; metadata and allowlist only with `detail`. */
export function toProject(row: ProjectRow, detail: boolean): z.input<typeof Project> {
  const roles = [...row.role_ids];
  return {
    project_id: row.id,
    name: row.name,
    owner_id: row.owner_id ?? 0,
    owner_name: row.owner_name ?? '',
    creation_time: row.created_at.toISOString(),
    update_time: row.updated_at.toISOString(),
    deleted: false,
    repo_count: row.repo_count,
    ...(roles.length === 0 ? {} : { current_user_role_id: roles[0], current_user_role_ids: roles }),
    ...(detail
      ? { metadata: toMetadata(row), cve_allowlist: toAllowlist(row) }
      : { metadata: { public: String(row.public) } }),
  };
}

/** The settings of a project, as strings, `public` among them. */
export function toMetadata(row: Pick<ProjectRow, 'metadata' | 'public'>): Record<string, string> {
  return { ...row.metadata, public: String(row.public) };
}

function toAllowlist(row: ProjectRow): z.input<typeof Project>['cve_allowlist'] {
  const { items, expires_at } = row.cve_allowlist;
  return {
    id: row.id,
    project_id: row.id,
    items,
    ...(expires_at === undefined ? {} : { expires_at }),
    creation_time: row.created_at.toISOString(),
    update_time: row.updated_at.toISOString(),
  };
}
