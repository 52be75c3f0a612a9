import type { Database } from '@entrepot/database/database';
import { sqlState } from '@entrepot/database/database-error';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import type { ProjectName } from '@entrepot/oci/project-name';
import { can } from '@entrepot/policy/rights';
import { projectAdminRoleId } from '@entrepot/policy/roles';
import { recordAudit, type AuditActor } from './audit.ts';
import type { Principal } from './principal.ts';
import { recordFact } from './record-fact.ts';
import { rightsInSystem } from './rights.ts';
import { readSettings } from './settings.ts';

/** A project that is to be. */
export interface NewProject {
  readonly name: ProjectName;
  /** Its first project administrator; without one it belongs to the first administrator. */
  readonly ownerId: number | undefined;
  /** It belongs to nobody yet: only system administrators see it. */
  readonly withoutMembers?: boolean;
  readonly public: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly cveAllowlist?: unknown;
  /** Bytes; `undefined` for no limit. */
  readonly storageLimit?: number | undefined;
}

const insert = statement<{ id: number }>(
  'project.create',
  `WITH made AS (
     INSERT INTO project (name, owner_id, public, metadata, cve_allowlist, storage_limit)
     SELECT $1, coalesce($2, (SELECT min(id) FROM "user" WHERE sysadmin AND deleted_at IS NULL AND NOT $7)), $3, $4, $5, $6
     RETURNING id, owner_id
   ), member AS (
     INSERT INTO project_member (project_id, user_id, role_id)
     SELECT id, owner_id, ${projectAdminRoleId} FROM made WHERE owner_id IS NOT NULL
   ) SELECT id FROM made`,
);

const uniqueViolation = '23505';

/** Whether a principal may create projects. */
export async function mayCreateProjects(database: Database, principal: Principal): Promise<boolean> {
  if (principal.kind === 'anonymous') return false;
  if (principal.kind === 'robot' && principal.projectId !== undefined) return false;
  if (can(await rightsInSystem(database, principal), 'project:create')) return true;
  return (await readSettings(database)).projectCreation === 'everyone';
}

/** Creates a project, with its audit row and fact; its id. `PROJECT_EXISTS` when the name is taken. */
export async function createProject(
  database: Database,
  project: NewProject,
  actor: AuditActor,
): Promise<number> {
  const {
    name,
    ownerId,
    public: isPublic,
    metadata = {},
    cveAllowlist = { items: [] },
    storageLimit,
  } = project;
  const values = [
    name,
    ownerId,
    isPublic,
    JSON.stringify(metadata),
    JSON.stringify(cveAllowlist),
    storageLimit,
    project.withoutMembers === true,
  ];
  try {
    return await database.transaction(async () => {
      const [row] = await database.run(insert, values);
      if (row === undefined) throw new Error('the insert of a project returned no row');
      const entry = { operation: 'create', resourceType: 'project', resource: name, projectId: row.id };
      await recordAudit(database, actor, entry);
      const fact = { projectId: row.id, project: name, actor: actor.actor, public: isPublic };
      await recordFact(database, 'project.created', `project:${row.id}`, fact);
      return row.id;
    });
  } catch (error) {
    if (sqlState(error) !== uniqueViolation) throw error;
    throw new AppError('PROJECT_EXISTS', `The project named ${name} already exists`, { cause: error });
  }
}
