import { recordAudit } from '@entrepot/access/audit';
import type { InputOf, ResultOf } from '@entrepot/api-contract/operation';
import type {
  addProjectMetadatas,
  deleteProjectMetadata,
  getProjectMetadata,
  listProjectMetadatas,
  updateProjectMetadata,
} from '@entrepot/api-contract/project-metadata';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import { projectOf, type Caller } from '../../http/caller.ts';
import { checkMetadata } from './project-metadata.ts';
import { toMetadata } from './project-rows.ts';

interface MetadataRow {
  readonly metadata: Record<string, string>;
  readonly public: boolean;
}

const read = statement<MetadataRow>('project.metadata', 'SELECT metadata, public FROM project WHERE id = $1');
const lock = statement<MetadataRow>(
  'project.lock-metadata',
  'SELECT metadata, public FROM project WHERE id = $1 FOR UPDATE',
);
const write = statement(
  'project.write-metadata',
  `UPDATE project SET metadata = $2, public = $3, updated_at = now(),
     access_version = access_version + (public <> $3)::integer WHERE id = $1`,
);

/** The settings of a project, one at a time. */
export class ProjectMetadataService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async list(
    _: InputOf<typeof listProjectMetadatas>,
    caller: Caller,
  ): Promise<ResultOf<typeof listProjectMetadatas>> {
    return toMetadata(await this.#read(caller));
  }

  async get(
    { params }: InputOf<typeof getProjectMetadata>,
    caller: Caller,
  ): Promise<ResultOf<typeof getProjectMetadata>> {
    const value = toMetadata(await this.#read(caller))[params.meta_name];
    if (value === undefined) throw unknown(params.meta_name);
    return { [params.meta_name]: value };
  }

  async add({ body }: InputOf<typeof addProjectMetadatas>, caller: Caller): Promise<void> {
    const [name, value] = onlyOne(body);
    await this.#change(caller, name, (current) => {
      if (current[name] !== undefined) throw new AppError('CONFLICT', `the project has ${name} already`);
      return { ...current, ...checkMetadata({ [name]: value }, current) };
    });
  }

  async update({ params, body }: InputOf<typeof updateProjectMetadata>, caller: Caller): Promise<void> {
    const name = params.meta_name;
    const value = Object.hasOwn(body, name) ? body[name] : undefined;
    if (value === undefined) throw new AppError('BAD_REQUEST', `the body must hold ${name} and nothing else`);
    await this.#change(caller, name, (current) => {
      if (current[name] === undefined) throw unknown(name);
      return { ...current, ...checkMetadata({ [name]: value }, current) };
    });
  }

  async delete({ params }: InputOf<typeof deleteProjectMetadata>, caller: Caller): Promise<void> {
    const name = params.meta_name;
    if (name === 'public') throw new AppError('BAD_REQUEST', 'public is never absent: set it to false');
    await this.#change(caller, name, ({ [name]: value, ...rest }) => {
      if (value === undefined) throw unknown(name);
      return rest;
    });
  }

  async #read(caller: Caller): Promise<MetadataRow> {
    const [row] = await this.#database.run(read, [projectOf(caller).project.id]);
    return row ?? { metadata: {}, public: false };
  }

  async #change(
    caller: Caller,
    name: string,
    next: (current: Record<string, string>) => Record<string, string>,
  ): Promise<void> {
    const { project } = projectOf(caller);
    await this.#database.transaction(async () => {
      const [row] = await this.#database.run(lock, [project.id]);
      if (row === undefined) throw new AppError('PROJECT_NOT_FOUND', `there is no project ${project.name}`);
      const { public: isPublic, ...metadata } = next(toMetadata(row));
      await this.#database.run(write, [project.id, JSON.stringify(metadata), isPublic === 'true']);
      const detail = { changed: [name] };
      const entry = {
        operation: 'update',
        resourceType: 'project',
        resource: project.name,
        projectId: project.id,
        detail,
      };
      await recordAudit(this.#database, caller.origin, entry);
    });
  }
}

function onlyOne(body: Readonly<Record<string, string>>): [string, string] {
  const [first, ...more] = Object.entries(body);
  if (first === undefined || more.length > 0)
    throw new AppError('BAD_REQUEST', 'the body must hold exactly one setting');
  return first;
}

function unknown(name: string): AppError {
  return new AppError('NOT_FOUND', `the project has no setting ${name}`);
}
