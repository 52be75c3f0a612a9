import { z } from 'zod';
import { inProject } from './access.ts';
import { body, nothing, page } from './answer.ts';
import { operation } from './operation.ts';
import { repositoryParams } from './repositories.ts';
import {
  flag,
  listParameters,
  nameHeader,
  pageParameters,
  projectParams,
  timestamp,
} from './request-values.ts';
import { Tag } from './tags.ts';

const Platform = z
  .object({
    architecture: z.string(),
    os: z.string(),
    'os.version': z.string().optional(),
    'os.features': z.array(z.string()).optional(),
    variant: z.string().optional(),
  })
  .meta({ id: 'Platform' });

const Annotations = z.record(z.string(), z.string()).meta({ id: 'Annotations' });

const Reference = z
  .object({
    parent_id: z.int(),
    child_id: z.int().optional(),
    child_digest: z.string(),
    platform: Platform.optional(),
    annotations: Annotations.optional(),
    urls: z.array(z.string()).optional(),
  })
  .meta({ id: 'Reference' });

/** What was attached to an artifact: a signature, a bill of materials, … */
export const Accessory = z
  .object({
    id: z.int(),
    artifact_id: z.int(),
    subject_artifact_id: z.int(),
    subject_artifact_digest: z.string(),
    subject_artifact_repo: z.string(),
    size: z.int(),
    digest: z.string(),
    type: z.string(),
    icon: z.string(),
    creation_time: timestamp,
  })
  .meta({ id: 'Accessory' });

/** An artifact: what one manifest of a repository describes. */
export const Artifact = z
  .object({
    id: z.int(),
    type: z.string(),
    media_type: z
      .string()
      .meta({ description: 'Of its configuration, or of the manifest where it has none.' }),
    manifest_media_type: z.string(),
    artifact_type: z.string(),
    project_id: z.int(),
    repository_id: z.int(),
    repository_name: z.string(),
    digest: z.string(),
    size: z.int(),
    icon: z.string(),
    push_time: timestamp,
    pull_time: timestamp,
    extra_attrs: z.record(z.string(), z.unknown()).nullable().meta({ id: 'ExtraAttrs' }),
    annotations: Annotations.nullable(),
    references: z.array(Reference).nullable(),
    tags: z.array(Tag).nullable(),
    addition_links: z.record(
      z.string(),
      z.object({ href: z.string(), absolute: z.boolean() }).meta({ id: 'AdditionLink' }),
    ),
    labels: z.array(z.unknown()).nullable(),
    accessories: z.array(Accessory).nullable(),
  })
  .meta({ id: 'Artifact' });

const withFlags = {
  with_tag: flag(true),
  with_label: flag(false),
  with_scan_overview: flag(false),
  with_sbom_overview: flag(false),
  with_immutable_status: flag(false),
  with_accessory: flag(false),
  with_inherited_accessory: flag(false),
};
const path = '/projects/{project_name}/repositories/{repository_name}/artifacts';
const params = repositoryParams.extend({ reference: z.string().meta({ description: 'A tag or a digest.' }) });
const one = { tag: 'artifact', path: `${path}/{reference}`, params, headers: nameHeader } as const;

export const listArtifacts = operation({
  ...one,
  id: 'listArtifacts',
  summary: 'List the artifacts of a repository',
  method: 'GET',
  path,
  params: repositoryParams,
  access: inProject('artifact:list'),
  query: z.object({ ...listParameters, ...withFlags }),
  answer: page(Artifact),
  errors: ['PROJECT_NOT_FOUND', 'REPOSITORY_NOT_FOUND', 'BAD_REQUEST'],
});

export const listArtifactsOfProject = operation({
  id: 'listArtifactsOfProject',
  tag: 'project',
  summary: 'List the artifacts of a project',
  method: 'GET',
  path: '/projects/{project_name_or_id}/artifacts',
  params: projectParams,
  headers: nameHeader,
  access: inProject('artifact:list'),
  query: z.object({ ...listParameters, ...withFlags, latest_in_repository: flag(false) }),
  answer: page(Artifact),
  errors: ['PROJECT_NOT_FOUND', 'BAD_REQUEST'],
});

export const getArtifact = operation({
  ...one,
  id: 'getArtifact',
  summary: 'Get an artifact by tag or digest',
  method: 'GET',
  access: inProject('artifact:read'),
  query: z.object({ ...pageParameters, ...withFlags, with_signature: flag(false) }),
  answer: body(Artifact),
  errors: ['PROJECT_NOT_FOUND', 'REPOSITORY_NOT_FOUND', 'MANIFEST_NOT_FOUND'],
});

export const deleteArtifact = operation({
  ...one,
  id: 'deleteArtifact',
  summary: 'Delete an artifact with its tags',
  method: 'DELETE',
  access: inProject('artifact:delete'),
  answer: nothing,
  errors: ['PROJECT_NOT_FOUND', 'REPOSITORY_NOT_FOUND', 'MANIFEST_NOT_FOUND', 'MANIFEST_IN_USE'],
});

export const listAccessories = operation({
  ...one,
  id: 'listAccessories',
  summary: 'List what was attached to an artifact',
  method: 'GET',
  path: `${path}/{reference}/accessories`,
  access: inProject('accessory:list'),
  query: z.object(listParameters),
  answer: page(Accessory),
  errors: ['PROJECT_NOT_FOUND', 'REPOSITORY_NOT_FOUND', 'MANIFEST_NOT_FOUND'],
});
