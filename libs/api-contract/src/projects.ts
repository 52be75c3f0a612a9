import { z } from 'zod';
import { anybody, inProject, signedIn } from './access.ts';
import { body, created, nothing, page } from './answer.ts';
import { operation } from './operation.ts';
import { flag, flagText, listParameters, nameHeader, projectParams, timestamp } from './request-values.ts';

const setting = z.string().max(255).nullish();

/** Settings of a project, as strings; `public` is among them. */
export const ProjectMetadata = z
  .object({
    public: setting,
    enable_content_trust: setting,
    enable_content_trust_cosign: setting,
    prevent_vul: setting,
    severity: setting,
    auto_scan: setting,
    auto_sbom_generation: setting,
    reuse_sys_cve_allowlist: setting,
    retention_id: setting,
    proxy_speed_kb: setting,
    max_upstream_conn: setting,
    proxy_cache_local_on_not_found: setting,
    proxy_referrer_api: setting,
    allow_sparse: setting.meta({ description: 'Takes manifests whose content is not there. Not in Harbor.' }),
    proxy_cache_filter_pattern: setting,
    proxy_cache_filter_kind: setting,
  })
  .meta({ id: 'ProjectMetadata' });

/** Vulnerabilities that policies of a project overlook. */
export const CVEAllowlist = z
  .object({
    id: z.int().nullish(),
    project_id: z.int().nullish(),
    expires_at: z.int().nullish().meta({ description: 'Seconds since 1970; absent for ever.' }),
    items: z.array(z.object({ cve_id: z.string() }).meta({ id: 'CVEAllowlistItem' })).nullish(),
    creation_time: timestamp.nullish(),
    update_time: timestamp.nullish(),
  })
  .meta({ id: 'CVEAllowlist' });

/** A project to create, or the settings of one to change. */
export const ProjectReq = z
  .object({
    project_name: z.string().max(255).nullish(),
    public: z.boolean().nullish().meta({ description: 'The same as metadata.public; kept for old clients.' }),
    metadata: ProjectMetadata.nullish(),
    cve_allowlist: CVEAllowlist.nullish(),
    storage_limit: z
      .int()
      .nullish()
      .meta({ description: 'Bytes; -1 for no limit, 0 or absent for the default.' }),
    registry_id: z.int().nullish(),
  })
  .meta({ id: 'ProjectReq' });

/** A project. */
export const Project = z
  .object({
    project_id: z.int(),
    owner_id: z.int(),
    name: z.string(),
    registry_id: z.int().optional(),
    creation_time: timestamp,
    update_time: timestamp,
    deleted: z.boolean(),
    owner_name: z.string(),
    togglable: z.boolean().optional(),
    current_user_role_id: z.int().optional(),
    current_user_role_ids: z.array(z.int()).optional(),
    repo_count: z.int(),
    metadata: ProjectMetadata.optional(),
    cve_allowlist: CVEAllowlist.optional(),
  })
  .meta({ id: 'Project' });

/** Whether a project can be deleted, and why not. */
export const ProjectDeletable = z
  .object({ deletable: z.boolean(), message: z.string() })
  .meta({ id: 'ProjectDeletable' });

const ResourceList = z.record(z.string(), z.int()).meta({ id: 'ResourceList' });

/** What a project holds, in numbers. Counts of members are there for those who may list members. */
export const ProjectSummary = z
  .object({
    repo_count: z.int(),
    project_admin_count: z.int().optional(),
    maintainer_count: z.int().optional(),
    developer_count: z.int().optional(),
    guest_count: z.int().optional(),
    limited_guest_count: z.int().optional(),
    quota: z
      .object({ hard: ResourceList, used: ResourceList })
      .meta({ id: 'ProjectSummaryQuota' })
      .optional(),
  })
  .meta({ id: 'ProjectSummary' });

export const listProjects = operation({
  id: 'listProjects',
  tag: 'project',
  summary: 'List the projects that the caller may see',
  method: 'GET',
  path: '/projects',
  access: anybody,
  query: z.object({
    ...listParameters,
    name: z.string().optional().meta({ description: 'Part of the name.' }),
    public: flagText.optional(),
    owner: z.string().optional().meta({ description: 'Name of the owner.' }),
    with_detail: flag(true).meta({ description: 'Whether metadata, allowlist and counts are wanted.' }),
  }),
  answer: page(Project),
  errors: [],
});

export const createProject = operation({
  id: 'createProject',
  tag: 'project',
  summary: 'Create a project; the caller becomes its administrator',
  method: 'POST',
  path: '/projects',
  access: signedIn('unless everybody may create projects: project:create in the system'),
  headers: z.object({
    'x-resource-name-in-location': flag(false).meta({
      description: 'Whether Location ends with the name of the project instead of its id.',
    }),
  }),
  body: ProjectReq,
  answer: created,
  errors: ['PROJECT_EXISTS', 'NAME_INVALID', 'BAD_REQUEST', 'CONFLICT'],
});

export const headProject = operation({
  id: 'headProject',
  tag: 'project',
  summary: 'Whether a project of that name exists',
  method: 'HEAD',
  path: '/projects',
  access: signedIn(),
  query: z.object({ project_name: z.string() }),
  answer: nothing,
  errors: ['PROJECT_NOT_FOUND'],
});

const inProjectPath = {
  tag: 'project',
  path: '/projects/{project_name_or_id}',
  params: projectParams,
  headers: nameHeader,
} as const;

export const getProject = operation({
  ...inProjectPath,
  id: 'getProject',
  summary: 'Get a project',
  method: 'GET',
  access: inProject('project:read'),
  answer: body(Project),
  errors: ['PROJECT_NOT_FOUND'],
});

export const updateProject = operation({
  ...inProjectPath,
  id: 'updateProject',
  summary: 'Change metadata and allowlist of a project; its name stays',
  method: 'PUT',
  access: inProject('project:update'),
  body: ProjectReq,
  answer: nothing,
  errors: ['PROJECT_NOT_FOUND', 'BAD_REQUEST'],
});

export const deleteProject = operation({
  ...inProjectPath,
  id: 'deleteProject',
  summary: 'Delete a project without repositories',
  method: 'DELETE',
  access: inProject('project:delete'),
  answer: nothing,
  errors: ['PROJECT_NOT_FOUND', 'PROJECT_NOT_EMPTY'],
});

export const getProjectDeletable = operation({
  ...inProjectPath,
  id: 'getProjectDeletable',
  summary: 'Whether a project can be deleted',
  method: 'GET',
  path: '/projects/{project_name_or_id}/_deletable',
  access: inProject('project:delete'),
  answer: body(ProjectDeletable),
  errors: ['PROJECT_NOT_FOUND'],
});

export const getProjectSummary = operation({
  ...inProjectPath,
  id: 'getProjectSummary',
  summary: 'What a project holds, in numbers',
  method: 'GET',
  path: '/projects/{project_name_or_id}/summary',
  access: inProject('project:read'),
  answer: body(ProjectSummary),
  errors: ['PROJECT_NOT_FOUND'],
});
