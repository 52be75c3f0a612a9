import { z } from 'zod';
import { inSystem, signedIn } from './access.ts';
import { body, created, nothing, page } from './answer.ts';
import { operation } from './operation.ts';
import { flag, integerText, listParameters, pageParameters, timestamp } from './request-values.ts';

/** A user. */
export const UserResp = z
  .object({
    user_id: z.int(),
    username: z.string(),
    email: z.string(),
    realname: z.string(),
    comment: z.string(),
    sysadmin_flag: z.boolean(),
    admin_role_in_auth: z.boolean(),
    creation_time: timestamp,
    update_time: timestamp,
  })
  .meta({ id: 'UserResp' });

/** A user to create. */
export const UserCreationReq = z
  .object({
    username: z.string().max(255).nullish(),
    email: z.string().max(255).nullish(),
    realname: z.string().nullish(),
    comment: z.string().nullish(),
    password: z.string().nullish(),
  })
  .meta({ id: 'UserCreationReq' });

/** What people may change about themselves. */
export const UserProfile = z
  .object({ email: z.string().nullish(), realname: z.string().nullish(), comment: z.string().nullish() })
  .meta({ id: 'UserProfile' });

/** A new password, and the old one from whoever changes his own. */
export const PasswordReq = z
  .object({ old_password: z.string().nullish(), new_password: z.string().nullish() })
  .meta({ id: 'PasswordReq' });

/** Whether somebody is an administrator; absent means not. */
export const UserSysAdminFlag = z
  .object({ sysadmin_flag: z.boolean().nullish() })
  .meta({ id: 'UserSysAdminFlag' });

/** A user, to those who may only know the name. */
export const UserSearchRespItem = z
  .object({ user_id: z.int(), username: z.string() })
  .meta({ id: 'UserSearchRespItem' });

/** A permission in the form of Harbor. */
export const Permission = z.object({ resource: z.string(), action: z.string() }).meta({ id: 'Permission' });

const one = { tag: 'user', path: '/users/{user_id}', params: z.object({ user_id: integerText }) } as const;
const selfOrAdministrator = (permission: string): string =>
  `the user himself, or ${permission} in the system`;

export const listUsers = operation({
  id: 'listUsers',
  tag: 'user',
  summary: 'List users',
  method: 'GET',
  path: '/users',
  access: inSystem('user:list'),
  query: z.object(listParameters),
  answer: page(UserResp),
  errors: [],
});

export const createUser = operation({
  id: 'createUser',
  tag: 'user',
  summary: 'Create a user',
  method: 'POST',
  path: '/users',
  access: inSystem('user:create'),
  body: UserCreationReq,
  answer: created,
  errors: ['BAD_REQUEST', 'CONFLICT'],
});

export const getCurrentUserInfo = operation({
  id: 'getCurrentUserInfo',
  tag: 'user',
  summary: 'Who the caller is',
  method: 'GET',
  path: '/users/current',
  access: signedIn('a user; robots are told 412'),
  answer: body(UserResp),
  errors: ['PRECONDITION'],
});

export const searchUsers = operation({
  id: 'searchUsers',
  tag: 'user',
  summary: 'Find users by part of their name',
  method: 'GET',
  path: '/users/search',
  access: signedIn(),
  query: z.object({ ...pageParameters, username: z.string() }),
  answer: page(UserSearchRespItem),
  errors: [],
});

export const getCurrentUserPermissions = operation({
  id: 'getCurrentUserPermissions',
  tag: 'user',
  summary: 'What the caller may do in the system or in a project',
  method: 'GET',
  path: '/users/current/permissions',
  access: signedIn(),
  query: z.object({
    scope: z.string().optional().meta({ description: '/system or /project/<id>; absent for the system.' }),
    relative: flag(false).meta({ description: 'Whether resources are named without the scope before them.' }),
  }),
  answer: body(z.array(Permission)),
  errors: [],
});

export const getUser = operation({
  ...one,
  id: 'getUser',
  summary: 'Get a user',
  method: 'GET',
  access: signedIn(selfOrAdministrator('user:read')),
  answer: body(UserResp),
  errors: ['NOT_FOUND'],
});

export const updateUserProfile = operation({
  ...one,
  id: 'updateUserProfile',
  summary: 'Change name, mail address and comment of a user',
  method: 'PUT',
  access: signedIn(selfOrAdministrator('user:update')),
  body: UserProfile,
  answer: nothing,
  errors: ['NOT_FOUND', 'BAD_REQUEST', 'CONFLICT'],
});

export const deleteUser = operation({
  ...one,
  id: 'deleteUser',
  summary: 'Delete a user; nobody deletes himself',
  method: 'DELETE',
  access: inSystem('user:delete'),
  answer: nothing,
  errors: ['NOT_FOUND', 'FORBIDDEN'],
});

export const setUserSysAdmin = operation({
  ...one,
  id: 'setUserSysAdmin',
  summary: 'Make a user an administrator, or no longer one',
  method: 'PUT',
  path: '/users/{user_id}/sysadmin',
  access: inSystem('user:update'),
  body: UserSysAdminFlag,
  answer: nothing,
  errors: ['NOT_FOUND', 'PRECONDITION'],
});

export const updateUserPassword = operation({
  ...one,
  id: 'updateUserPassword',
  summary: 'Change a password',
  method: 'PUT',
  path: '/users/{user_id}/password',
  access: signedIn(selfOrAdministrator('user:update')),
  body: PasswordReq,
  answer: nothing,
  errors: ['NOT_FOUND', 'BAD_REQUEST'],
});
