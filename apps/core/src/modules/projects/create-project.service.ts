import { recordAudit } from '@entrepot/access/audit';
import type { Principal } from '@entrepot/access/principal';
import { recordFact } from '@entrepot/access/record-fact';
import { rightsInSystem } from '@entrepot/access/rights';
import { readSettings } from '@entrepot/access/settings';
import { apiBase, type InputOf, type ResultOf } from '@entrepot/api-contract/operation';
import type { createProject } from '@entrepot/api-contract/projects';
import type { Database } from '@entrepot/database/database';
import { sqlState } from '@entrepot/database/database-error';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import { parseProjectName, type ProjectName } from '@entrepot/oci/project-name';
import { can } from '@entrepot/policy/rights';
import { projectAdminRoleId } from '@entrepot/policy/roles';
import type { Caller } from '../../http/caller.ts';
import { checkMetadata } from './project-metadata.ts';
import { dropNull, flagOf, toStoredAllowlist } from './projects.service.ts';

const insert = statement<{ id: number }>(
  'project.create',
  `WITH made AS (
     INSERT INTO project (name, owner_id, public, metadata, cve_allowlist, storage_limit)
     SELECT $1, coalesce($2, (SELECT min(id) FROM "user" WHERE sysadmin AND deleted_at IS NULL)), $3, $4, $5, $6
     RETURNING id, owner_id
   ), member AS (
     INSERT INTO project_member (project_id, user_id, role_id)
     SELECT id, owner_id, ${projectAdminRoleId} FROM made WHERE owner_id IS NOT NULL
   ) SELECT id FROM made`,
);

/** The largest storage limit, 1024 TiB, in bytes. */
const largestLimit = 1024 ** 5;

type Body = InputOf<typeof createProject>['body'];

/** Creates projects. */
export class CreateProjectService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async create(
    { body, headers }: InputOf<typeof createProject>,
    caller: Caller,
  ): Promise<ResultOf<typeof createProject>> {
    await this.#mayCreate(caller.principal);
    const name = readName(body.project_name ?? '');
    if (body.registry_id !== null && body.registry_id !== undefined) {
      throw new AppError(
        'BAD_REQUEST',
        'registry_id: this version has no proxy cache projects; leave it out',
      );
    }
    const id = await this.#insert(name, body, caller);
    const last = headers['x-resource-name-in-location'] ? name : String(id);
    return { location: `${apiBase}/projects/${last}`, body: undefined };
  }

  async #insert(name: ProjectName, body: Body, caller: Caller): Promise<number> {
    const { public: isPublic, ...metadata } = checkMetadata({
      public: flagOf(body.public),
      ...dropNull(body.metadata),
    });
    const owner = caller.principal.kind === 'user' ? caller.principal.id : null;
    const allowlist = JSON.stringify(toStoredAllowlist(body.cve_allowlist ?? {}));
    const limit = readLimit(body.storage_limit, caller.principal);
    const values = [name, owner, isPublic === 'true', JSON.stringify(metadata), allowlist, limit];
    try {
      return await this.#database.transaction(async () => {
        const [row] = await this.#database.run(insert, values);
        if (row === undefined) throw new Error('the insert of a project returned no row');
        const entry = { operation: 'create', resourceType: 'project', resource: name, projectId: row.id };
        await recordAudit(this.#database, caller.origin, entry);
        await recordFact(this.#database, 'project.created', `project:${row.id}`, {
          projectId: row.id,
          project: name,
          actor: caller.origin.actor,
          public: isPublic === 'true',
        });
        return row.id;
      });
    } catch (error) {
      if (sqlState(error) !== '23505') throw error;
      throw new AppError('PROJECT_EXISTS', `The project named ${name} already exists`, { cause: error });
    }
  }

  async #mayCreate(principal: Principal): Promise<void> {
    if (principal.kind === 'robot' && principal.projectId !== undefined) {
      throw new AppError('FORBIDDEN', 'Only system level robot can create project');
    }
    if (can(await rightsInSystem(this.#database, principal), 'project:create')) return;
    const { projectCreation } = await readSettings(this.#database);
    if (projectCreation === 'everyone') return;
    throw new AppError('FORBIDDEN', 'Only system admin can create project');
  }
}

function readName(text: string): ProjectName {
  const name = parseProjectName(text);
  if (name !== undefined) return name;
  throw new AppError(
    'NAME_INVALID',
    `project_name: ${JSON.stringify(text.slice(0, 64))} is not 1 to 255 lower case letters and digits, with single . _ or - between them`,
  );
}

// only administrators choose: to everybody else the member means nothing, as in Harbor
function readLimit(given: number | null | undefined, principal: Principal): number | null {
  if (principal.kind !== 'user' || !principal.administrator) return null;
  if (given === null || given === undefined || given === 0 || given === -1) return null;
  if (given < 0 || given > largestLimit) {
    throw new AppError(
      'BAD_REQUEST',
      `storage_limit: must be -1 for no limit, or 1 to ${largestLimit} bytes`,
    );
  }
  return given;
}
