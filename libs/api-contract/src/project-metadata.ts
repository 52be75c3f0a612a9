import { z } from 'zod';
import { inProject } from './access.ts';
import { body, nothing } from './answer.ts';
import { operation } from './operation.ts';
import { nameHeader, projectParams } from './request-values.ts';

/** Settings of a project by name; requests hold exactly one. */
export const MetadataMap = z.record(z.string(), z.string()).meta({ id: 'ProjectMetadataMap' });

const path = '/projects/{project_name_or_id}/metadatas';
const all = { tag: 'projectMetadata', path, params: projectParams, headers: nameHeader } as const;
const one = {
  ...all,
  path: '/projects/{project_name_or_id}/metadatas/{meta_name}',
  params: projectParams.extend({ meta_name: z.string() }),
} as const;

export const listProjectMetadatas = operation({
  ...all,
  id: 'listProjectMetadatas',
  summary: 'List the settings of a project',
  method: 'GET',
  access: inProject('metadata:list'),
  answer: body(MetadataMap),
  errors: ['PROJECT_NOT_FOUND'],
});

export const addProjectMetadatas = operation({
  ...all,
  id: 'addProjectMetadatas',
  summary: 'Set a setting that the project does not have yet',
  method: 'POST',
  access: inProject('metadata:create'),
  body: MetadataMap,
  answer: nothing,
  errors: ['PROJECT_NOT_FOUND', 'BAD_REQUEST', 'CONFLICT'],
});

export const getProjectMetadata = operation({
  ...one,
  id: 'getProjectMetadata',
  summary: 'Get one setting of a project',
  method: 'GET',
  access: inProject('metadata:read'),
  answer: body(MetadataMap),
  errors: ['PROJECT_NOT_FOUND', 'NOT_FOUND'],
});

export const updateProjectMetadata = operation({
  ...one,
  id: 'updateProjectMetadata',
  summary: 'Change one setting of a project',
  method: 'PUT',
  access: inProject('metadata:update'),
  body: MetadataMap,
  answer: nothing,
  errors: ['PROJECT_NOT_FOUND', 'NOT_FOUND', 'BAD_REQUEST'],
});

export const deleteProjectMetadata = operation({
  ...one,
  id: 'deleteProjectMetadata',
  summary: 'Delete one setting of a project',
  method: 'DELETE',
  access: inProject('metadata:delete'),
  answer: nothing,
  errors: ['PROJECT_NOT_FOUND', 'NOT_FOUND', 'BAD_REQUEST'],
});
