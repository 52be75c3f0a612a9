import { z } from 'zod';
import { inProject } from './access.ts';
import { created, nothing, page } from './answer.ts';
import { operation } from './operation.ts';
import { repositoryParams } from './repositories.ts';
import { flag, listParameters, nameHeader, timestamp } from './request-values.ts';

/** A tag of an artifact. */
export const Tag = z
  .object({
    id: z.int(),
    repository_id: z.int(),
    artifact_id: z.int(),
    name: z.string(),
    push_time: timestamp,
    pull_time: timestamp,
    immutable: z.boolean(),
  })
  .meta({ id: 'Tag' });

/** A tag to create. */
export const NewTag = z.object({ name: z.string() }).meta({ id: 'NewTag' });

const path = '/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}/tags';
const params = repositoryParams.extend({ reference: z.string().meta({ description: 'A tag or a digest.' }) });
const all = { tag: 'artifact', path, params, headers: nameHeader } as const;

export const listTags = operation({
  ...all,
  id: 'listTags',
  summary: 'List the tags of an artifact',
  method: 'GET',
  access: inProject('tag:list'),
  query: z.object({ ...listParameters, with_immutable_status: flag(false) }),
  answer: page(Tag),
  errors: ['PROJECT_NOT_FOUND', 'REPOSITORY_NOT_FOUND', 'MANIFEST_NOT_FOUND'],
});

export const createTag = operation({
  ...all,
  id: 'createTag',
  summary: 'Give an artifact a tag that the repository does not have yet',
  method: 'POST',
  access: inProject('tag:create'),
  body: NewTag,
  answer: created,
  errors: ['PROJECT_NOT_FOUND', 'REPOSITORY_NOT_FOUND', 'MANIFEST_NOT_FOUND', 'TAG_INVALID', 'TAG_EXISTS'],
});

export const deleteTag = operation({
  ...all,
  id: 'deleteTag',
  summary: 'Delete a tag of an artifact, not the artifact',
  method: 'DELETE',
  path: '/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}/tags/{tag_name}',
  params: params.extend({ tag_name: z.string() }),
  access: inProject('tag:delete'),
  answer: nothing,
  errors: ['PROJECT_NOT_FOUND', 'REPOSITORY_NOT_FOUND', 'MANIFEST_NOT_FOUND', 'TAG_NOT_FOUND'],
});
