import { createProject, mayCreateProjects } from '@entrepot/access/create-project';
import type { Principal } from '@entrepot/access/principal';
import { apiBase, type InputOf, type ResultOf } from '@entrepot/api-contract/operation';
import type { createProject as operation } from '@entrepot/api-contract/projects';
import type { Database } from '@entrepot/database/database';
import { AppError } from '@entrepot/errors/app-error';
import { parseProjectName, type ProjectName } from '@entrepot/oci/project-name';
import { isAdministrator, type Caller } from '../../http/caller.ts';
import { readProjectSettings } from './project-request.ts';

/** The largest storage limit, 1024 TiB, in bytes. */
const largestLimit = 1024 ** 5;

/** Creates projects. */
export class CreateProjectService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async create(
    { body, headers }: InputOf<typeof operation>,
    caller: Caller,
  ): Promise<ResultOf<typeof operation>> {
    await this.#checkMayCreate(caller.principal);
    const name = readName(body.project_name);
    if (body.registry_id !== null && body.registry_id !== undefined) {
      throw new AppError(
        'BAD_REQUEST',
        'registry_id: this version has no proxy cache projects; leave it out',
      );
    }
    const given = readProjectSettings(body);
    const project = {
      name,
      ownerId: caller.principal.kind === 'user' ? caller.principal.id : undefined,
      public: given.public === true,
      metadata: given.metadata,
      ...(given.allowlist === undefined ? {} : { cveAllowlist: given.allowlist }),
      storageLimit: readLimit(body.storage_limit, caller.principal),
    };
    const id = await createProject(this.#database, project, caller.origin);
    const last = headers['x-resource-name-in-location'] ? name : String(id);
    return { location: `${apiBase}/projects/${last}`, body: undefined };
  }

  async #checkMayCreate(principal: Principal): Promise<void> {
    if (await mayCreateProjects(this.#database, principal)) return;
    const isOfProject = principal.kind === 'robot' && principal.projectId !== undefined;
    throw new AppError(
      'FORBIDDEN',
      isOfProject ? 'Only system level robot can create project' : 'Only system admin can create project',
    );
  }
}

function readName(text: string | null | undefined): ProjectName {
  if (text === null || text === undefined) {
    throw new AppError('BAD_REQUEST', 'project_name is missing: the project needs a name');
  }
  const name = parseProjectName(text);
  if (name !== undefined) return name;
  throw new AppError(
    'NAME_INVALID',
    `project_name: ${JSON.stringify(text.slice(0, 64))} is no project name: 1 to 255 lower case letters and digits, joined by one ., one or two _, or any number of -`,
  );
}

// only administrators choose: to everybody else the member means nothing, as in Harbor
function readLimit(given: number | null | undefined, principal: Principal): number | undefined {
  if (!isAdministrator(principal)) return undefined;
  if (given === null || given === undefined || given === 0 || given === -1) return undefined;
  if (given < 0 || given > largestLimit) {
    throw new AppError(
      'BAD_REQUEST',
      `storage_limit: must be -1 for no limit, or 1 to ${largestLimit} bytes`,
    );
  }
  return given;
}
