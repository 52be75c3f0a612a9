import { z } from 'zod';
import { inProject } from './access.ts';
import { body, created, nothing, page } from './answer.ts';
import { operation } from './operation.ts';
import { integerText, nameHeader, pageParameters, projectParams } from './request-values.ts';

/** Somebody to make a member: a user by id or name. */
export const ProjectMember = z
  .object({
    role_id: z.int().nullish(),
    member_user: z
      .object({ user_id: z.int().nullish(), username: z.string().nullish() })
      .meta({ id: 'UserEntity' })
      .nullish(),
    member_group: z
      .object({
        id: z.int().nullish(),
        group_name: z.string().nullish(),
        group_type: z.int().nullish(),
        ldap_group_dn: z.string().nullish(),
      })
      .meta({ id: 'UserGroup' })
      .nullish(),
  })
  .meta({ id: 'ProjectMember' });

/** A member of a project. */
export const ProjectMemberEntity = z
  .object({
    id: z.int(),
    project_id: z.int(),
    entity_name: z.string(),
    role_name: z.string(),
    role_id: z.int(),
    entity_id: z.int(),
    entity_type: z.string().meta({ description: 'u for a user, g for a group.' }),
  })
  .meta({ id: 'ProjectMemberEntity' });

/** The role to give. */
export const RoleRequest = z.object({ role_id: z.int() }).meta({ id: 'RoleRequest' });

const path = '/projects/{project_name_or_id}/members';
const all = { tag: 'member', path, params: projectParams, headers: nameHeader } as const;
const one = {
  ...all,
  path: '/projects/{project_name_or_id}/members/{mid}',
  params: projectParams.extend({ mid: integerText }),
} as const;

export const listProjectMembers = operation({
  ...all,
  id: 'listProjectMembers',
  summary: 'List the members of a project',
  method: 'GET',
  access: inProject('member:list'),
  query: z.object({
    ...pageParameters,
    entityname: z.string().optional().meta({ description: 'Part of the name.' }),
  }),
  answer: page(ProjectMemberEntity),
  errors: ['PROJECT_NOT_FOUND'],
});

export const createProjectMember = operation({
  ...all,
  id: 'createProjectMember',
  summary: 'Make somebody a member of a project',
  method: 'POST',
  access: inProject('member:create'),
  body: ProjectMember,
  answer: created,
  errors: ['PROJECT_NOT_FOUND', 'NOT_FOUND', 'BAD_REQUEST', 'CONFLICT'],
});

export const getProjectMember = operation({
  ...one,
  id: 'getProjectMember',
  summary: 'Get a member of a project',
  method: 'GET',
  access: inProject('member:read'),
  answer: body(ProjectMemberEntity),
  errors: ['PROJECT_NOT_FOUND', 'NOT_FOUND'],
});

export const updateProjectMember = operation({
  ...one,
  id: 'updateProjectMember',
  summary: 'Give a member another role',
  method: 'PUT',
  access: inProject('member:update'),
  body: RoleRequest,
  answer: nothing,
  errors: ['PROJECT_NOT_FOUND', 'NOT_FOUND', 'BAD_REQUEST'],
});

export const deleteProjectMember = operation({
  ...one,
  id: 'deleteProjectMember',
  summary: 'Take a member out of a project',
  method: 'DELETE',
  access: inProject('member:delete'),
  answer: nothing,
  errors: ['PROJECT_NOT_FOUND', 'NOT_FOUND'],
});
