import { z } from 'zod';
import { anybody, inProject } from './access.ts';
import { body, nothing, page } from './answer.ts';
import { operation } from './operation.ts';
import { listParameters, nameHeader, timestamp } from './request-values.ts';

/** A repository. */
export const Repository = z
  .object({
    id: z.int(),
    project_id: z.int(),
    name: z.string().meta({ description: 'The whole name, with the project.' }),
    description: z.string(),
    artifact_count: z.int(),
    pull_count: z.int(),
    creation_time: timestamp,
    update_time: timestamp,
  })
  .meta({ id: 'Repository' });

/** What can be changed about a repository. */
export const RepositoryUpdate = z
  .object({ description: z.string().nullish() })
  .meta({ id: 'RepositoryUpdate' });

/** Path parameters of a repository: the name without the project, encoded once or twice. */
export const repositoryParams = z.object({
  project_name: z.string(),
  repository_name: z
    .string()
    .meta({ description: 'Without the project; a slash in it encoded once or twice.' }),
});

const one = {
  tag: 'repository',
  path: '/projects/{project_name}/repositories/{repository_name}',
  params: repositoryParams,
  headers: nameHeader,
} as const;

export const listAllRepositories = operation({
  id: 'listAllRepositories',
  tag: 'repository',
  summary: 'List the repositories that the caller may see',
  method: 'GET',
  path: '/repositories',
  access: anybody,
  query: z.object(listParameters),
  answer: page(Repository),
  errors: [],
});

export const listRepositories = operation({
  ...one,
  id: 'listRepositories',
  summary: 'List the repositories of a project',
  method: 'GET',
  path: '/projects/{project_name}/repositories',
  params: z.object({ project_name: z.string() }),
  access: inProject('repository:list'),
  query: z.object(listParameters),
  answer: page(Repository),
  errors: ['PROJECT_NOT_FOUND'],
});

export const getRepository = operation({
  ...one,
  id: 'getRepository',
  summary: 'Get a repository',
  method: 'GET',
  access: inProject('repository:read'),
  answer: body(Repository),
  errors: ['PROJECT_NOT_FOUND', 'REPOSITORY_NOT_FOUND'],
});

export const updateRepository = operation({
  ...one,
  id: 'updateRepository',
  summary: 'Change the description of a repository',
  method: 'PUT',
  access: inProject('repository:update'),
  body: RepositoryUpdate,
  answer: nothing,
  errors: ['PROJECT_NOT_FOUND', 'REPOSITORY_NOT_FOUND'],
});

export const deleteRepository = operation({
  ...one,
  id: 'deleteRepository',
  summary: 'Delete a repository with all it holds',
  method: 'DELETE',
  access: inProject('repository:delete'),
  answer: nothing,
  errors: ['PROJECT_NOT_FOUND', 'REPOSITORY_NOT_FOUND'],
});
