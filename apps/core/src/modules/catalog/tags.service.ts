import { apiBase, type InputOf, type ResultOf } from '@entrepot/api-contract/operation';
import type { createTag, deleteTag, listTags } from '@entrepot/api-contract/tags';
import { listTagRows } from '@entrepot/catalog/list-artifact-tags';
import { Manifests } from '@entrepot/catalog/manifests';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import { parseTag, type Tag } from '@entrepot/oci/tag';
import type { Caller } from '../../http/caller.ts';
import { getArtifactOfPath } from './artifact-of-path.ts';
import { toTag } from './artifact-rows.ts';

const lock = statement<{ id: number }>(
  'repository.lock',
  'SELECT id FROM repository WHERE id = $1 FOR NO KEY UPDATE',
);
const find = statement<{ manifest_id: number }>(
  'tag.find',
  'SELECT manifest_id FROM tag WHERE repository_id = $1 AND name = $2',
);

/** Tags of an artifact: list, create, delete. */
export class TagsService {
  readonly #database: Database;
  readonly #manifests: Manifests;

  constructor(database: Database) {
    this.#database = database;
    this.#manifests = new Manifests(database);
  }

  async list({ params, list }: InputOf<typeof listTags>, caller: Caller): Promise<ResultOf<typeof listTags>> {
    const artifact = await getArtifactOfPath(this.#database, caller, params);
    const page = await listTagRows(this.#database, artifact.id, list);
    return { items: page.rows.map((row) => toTag(artifact, row)), total: page.total };
  }

  async create(
    { params, body }: InputOf<typeof createTag>,
    caller: Caller,
  ): Promise<ResultOf<typeof createTag>> {
    const tag = readTag(body.name);
    const artifact = await getArtifactOfPath(this.#database, caller, params);
    await this.#database.transaction(async () => {
      // two that create one tag here stand in line; a push of that tag in the same moment simply moves it
      await this.#database.run(lock, [artifact.repository_id]);
      if ((await this.#database.run(find, [artifact.repository_id, tag])).length > 0) {
        throw new AppError('TAG_EXISTS', `tag ${tag} already exists`);
      }
      await this.#manifests.moveTag(artifact.repository_id, tag, artifact.id, caller.origin);
    });
    const path = [params.project_name, params.repository_name, params.reference].map(encodeURIComponent);
    return {
      location: `${apiBase}/projects/${path[0]}/repositories/${path[1]}/artifacts/${path[2]}/tags/${tag}`,
      body: undefined,
    };
  }

  async delete({ params }: InputOf<typeof deleteTag>, caller: Caller): Promise<void> {
    const artifact = await getArtifactOfPath(this.#database, caller, params);
    const tag = parseTag(params.tag_name);
    const [found] = tag === undefined ? [] : await this.#database.run(find, [artifact.repository_id, tag]);
    if (tag === undefined || found?.manifest_id !== artifact.id) {
      throw new AppError('TAG_NOT_FOUND', `tag ${params.tag_name} is not one of this artifact`);
    }
    await this.#manifests.deleteTag(artifact.repository_id, tag, caller.origin);
  }
}

function readTag(name: string): Tag {
  const tag = parseTag(name);
  if (tag !== undefined) return tag;
  throw new AppError(
    'TAG_INVALID',
    `name: ${JSON.stringify(name.slice(0, 64))} is not 1 to 128 letters, digits, dots, dashes and underscores`,
  );
}
