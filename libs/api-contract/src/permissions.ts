import { z } from 'zod';
import { signedIn } from './access.ts';
import { body } from './answer.ts';
import { operation } from './operation.ts';
import { Permission } from './users.ts';

/** What robots can be given. */
export const Permissions = z
  .object({ system: z.array(Permission).optional(), project: z.array(Permission) })
  .meta({ id: 'Permissions' });

export const getPermissions = operation({
  id: 'getPermissions',
  tag: 'permissions',
  summary: 'What robots can be given, as far as the caller can give it',
  method: 'GET',
  path: '/permissions',
  access: signedIn('an administrator of the system or of any project'),
  answer: body(Permissions),
  errors: [],
});
