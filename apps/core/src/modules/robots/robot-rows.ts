import { formatRobotName } from '@entrepot/access/robot-name';
import type { ResultOf } from '@entrepot/api-contract/operation';
import type { getRobot } from '@entrepot/api-contract/robots';
import { splitPermission, type Permission } from '@entrepot/policy/permission';
import type { RobotGrant, RobotLevel } from '@entrepot/policy/robot-permissions';

/** A robot with its permissions, as lists read it. */
export interface RobotRow {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly level: RobotLevel;
  readonly project_id: number | null;
  readonly project: string | null;
  readonly duration: number;
  readonly expires_at: Date | null;
  readonly disabled: boolean;
  readonly creator_type: string;
  readonly creator_id: number | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly last_used_at: Date | null;
  readonly last_used_from: string | null;
  readonly grants: readonly StoredGrant[] | null;
}

interface StoredGrant {
  readonly kind: RobotLevel;
  /** Null for every project. */
  readonly project: string | null;
  readonly permissions: readonly Permission[];
}

/** The select list of {@link RobotRow} over `b` and its project `p`. */
export const robotSelect = `b.id, b.name, b.description, b.level, b.project_id, p.name AS project, b.duration,
  b.expires_at, b.disabled, b.creator_type, b.creator_id, b.created_at, b.updated_at, b.last_used_at, b.last_used_from,
  (SELECT jsonb_agg(jsonb_build_object('kind', g.kind, 'project', q.name, 'permissions', g.permissions) ORDER BY g.id)
   FROM robot_permission g LEFT JOIN project q ON q.id = g.project_id WHERE g.robot_id = b.id) AS grants`;

/** Where {@link robotSelect} reads from. */
export const robotFrom = 'robot b LEFT JOIN project p ON p.id = b.project_id';

/** The name under which a robot logs in and is shown. */
export function fullName(row: Pick<RobotRow, 'name' | 'project'>): string {
  return formatRobotName({ project: row.project ?? undefined, name: row.name });
}

/** Seconds since 1970; -1 for a robot that does not expire. */
export function expirySeconds(expiresAt: Date | null): number {
  return expiresAt === null ? -1 : Math.floor(expiresAt.getTime() / 1000);
}

/** A robot in the form of the API. */
export function toRobot(row: RobotRow): ResultOf<typeof getRobot> {
  return {
    id: row.id,
    name: fullName(row),
    description: row.description,
    level: row.level,
    duration: row.duration,
    editable: true,
    disable: row.disabled,
    expires_at: expirySeconds(row.expires_at),
    permissions: toGrants(row).map((grant) => ({ ...grant, access: [...grant.access] })),
    creator_type: row.creator_type,
    creator_ref: row.creator_id ?? 0,
    creation_time: row.created_at.toISOString(),
    update_time: row.updated_at.toISOString(),
    ...(row.last_used_at === null ? {} : { last_used_time: row.last_used_at.toISOString() }),
    ...(row.last_used_from === null ? {} : { last_used_from: row.last_used_from }),
  };
}

function toGrants(row: RobotRow): RobotGrant[] {
  return (row.grants ?? []).map(({ kind, project, permissions }) => ({
    kind,
    namespace: kind === 'system' ? '/' : (project ?? '*'),
    access: permissions.map(splitPermission),
  }));
}
