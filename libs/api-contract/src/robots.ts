import { z } from 'zod';
import { signedIn } from './access.ts';
import { body, createdWith, nothing, page } from './answer.ts';
import { operation } from './operation.ts';
import { integerText, listParameters, timestamp } from './request-values.ts';

const Access = z
  .object({ resource: z.string(), action: z.string(), effect: z.string().nullish() })
  .meta({ id: 'Access' });

/** Permissions of a robot in one place. */
export const RobotPermission = z
  .object({
    kind: z.string().meta({ description: 'system or project' }),
    namespace: z.string().meta({ description: '/ for the system, else the name of a project or * for all.' }),
    access: z.array(Access),
  })
  .meta({ id: 'RobotPermission' });

const days = z.int().meta({ description: 'Days from creation; -1 for ever.' });

/** A robot. Its secret is never in it. */
export const Robot = z
  .object({
    id: z.int(),
    name: z.string(),
    description: z.string(),
    secret: z.string().optional(),
    level: z.string(),
    duration: days,
    editable: z.boolean(),
    disable: z.boolean(),
    expires_at: z.int().meta({ description: 'Seconds since 1970; -1 for never.' }),
    permissions: z.array(RobotPermission),
    creator_type: z.string(),
    creator_ref: z.int(),
    creation_time: timestamp,
    update_time: timestamp,
    last_used_time: timestamp.optional(),
    last_used_from: z.string().optional(),
  })
  .meta({ id: 'Robot' });

/** A robot to change: everything of it is sent, name and level as they are. */
export const RobotUpdate = z
  .object({
    id: z.int().nullish(),
    name: z.string().nullish(),
    description: z.string().nullish(),
    level: z.string().nullish(),
    duration: days.nullish(),
    disable: z.boolean().nullish(),
    permissions: z.array(RobotPermission).nullish(),
  })
  .meta({ id: 'RobotUpdate' });

/** A robot to create, by its name without prefix and project. */
export const RobotCreate = z
  .object({
    name: z.string(),
    description: z.string().nullish(),
    secret: z.string().nullish(),
    level: z.string().nullish(),
    disable: z.boolean().nullish(),
    duration: days.nullish(),
    permissions: z.array(RobotPermission).nullish(),
  })
  .meta({ id: 'RobotCreate' });

/** A new robot with its secret, which is shown this once. */
export const RobotCreated = z
  .object({
    id: z.int(),
    name: z.string(),
    secret: z.string(),
    creation_time: timestamp,
    expires_at: z.int(),
  })
  .meta({ id: 'RobotCreated' });

/** A secret: in a request the chosen one, or none to have one made; in an answer the one that was made. */
export const RobotSec = z.object({ secret: z.string().nullish() }).meta({ id: 'RobotSec' });

const one = {
  tag: 'robot',
  path: '/robots/{robot_id}',
  params: z.object({ robot_id: integerText }),
} as const;
const where = (action: string): string => `robot:${action} in the system, or in the project of the robot`;

export const listRobots = operation({
  id: 'ListRobot',
  tag: 'robot',
  summary: 'List the robots of the system (q=Level=system) or of a project (q=Level=project,ProjectID=1)',
  method: 'GET',
  path: '/robots',
  access: signedIn(where('list')),
  query: z.object(listParameters),
  answer: page(Robot),
  errors: ['BAD_REQUEST'],
});

export const createRobot = operation({
  id: 'CreateRobot',
  tag: 'robot',
  summary: 'Create a robot; the answer has its secret',
  method: 'POST',
  path: '/robots',
  access: signedIn(`${where('create')}; nobody gives what he does not hold`),
  body: RobotCreate,
  answer: createdWith(RobotCreated),
  errors: ['BAD_REQUEST', 'CONFLICT', 'PROJECT_NOT_FOUND'],
});

export const getRobot = operation({
  ...one,
  id: 'GetRobotByID',
  summary: 'Get a robot',
  method: 'GET',
  access: signedIn(where('read')),
  answer: body(Robot),
  errors: ['NOT_FOUND'],
});

export const updateRobot = operation({
  ...one,
  id: 'UpdateRobot',
  summary: 'Change a robot and replace its permissions',
  method: 'PUT',
  access: signedIn(`${where('update')}; nobody gives what he does not hold`),
  body: RobotUpdate,
  answer: nothing,
  errors: ['NOT_FOUND', 'BAD_REQUEST'],
});

export const deleteRobot = operation({
  ...one,
  id: 'DeleteRobot',
  summary: 'Delete a robot',
  method: 'DELETE',
  access: signedIn(where('delete')),
  answer: nothing,
  errors: ['NOT_FOUND'],
});

export const refreshRobotSecret = operation({
  ...one,
  id: 'RefreshSec',
  summary: 'Give a robot another secret, chosen or made',
  method: 'PATCH',
  access: signedIn(where('update')),
  body: RobotSec,
  answer: body(RobotSec),
  errors: ['NOT_FOUND', 'BAD_REQUEST'],
});
