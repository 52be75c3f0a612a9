import { z } from 'zod';
import { inProject } from './access.ts';
import { body, page } from './answer.ts';
import { operation } from './operation.ts';
import { repositoryParams } from './repositories.ts';
import { listParameters, nameHeader, timestamp } from './request-values.ts';

/** A deleted artifact that can still be restored. */
export const DeletedArtifact = z
  .object({
    id: z.int(),
    digest: z.string(),
    type: z.string(),
    manifest_media_type: z.string(),
    size: z.int(),
    push_time: timestamp,
    deleted_time: timestamp,
    tags: z.array(z.string()).meta({ description: 'Those that were deleted with it.' }),
  })
  .meta({ id: 'DeletedArtifact' });

/** What a restoration brought back. */
export const RestoredArtifacts = z
  .object({
    digests: z.array(z.string()).meta({
      description: 'The artifact, the children that an index lists, and what was attached to them.',
    }),
  })
  .meta({ id: 'RestoredArtifacts' });

const path = '/projects/{project_name}/repositories/{repository_name}/deleted-artifacts';

export const listDeletedArtifacts = operation({
  id: 'listDeletedArtifacts',
  tag: 'artifact',
  summary: 'List the deleted artifacts of a repository that can be restored',
  method: 'GET',
  path,
  params: repositoryParams,
  headers: nameHeader,
  access: inProject('artifact:list'),
  query: z.object(listParameters),
  answer: page(DeletedArtifact),
  errors: ['PROJECT_NOT_FOUND', 'REPOSITORY_NOT_FOUND', 'BAD_REQUEST'],
});

export const restoreArtifact = operation({
  id: 'restoreArtifact',
  tag: 'artifact',
  summary: 'Bring a deleted artifact back, with its tags as far as their names are free',
  method: 'POST',
  path: `${path}/{digest}/restore`,
  params: repositoryParams.extend({ digest: z.string() }),
  headers: nameHeader,
  access: inProject('artifact:create'),
  answer: body(RestoredArtifacts),
  errors: [
    'PROJECT_NOT_FOUND',
    'REPOSITORY_NOT_FOUND',
    'DIGEST_INVALID',
    'MANIFEST_NOT_FOUND',
    'MANIFEST_BLOB_UNKNOWN',
  ],
});
