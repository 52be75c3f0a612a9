import type { Database } from '@entrepot/database/database';
import { ProjectMemberEntity } from '@entrepot/database/entities/project-member.entity';
import { ProjectEntity } from '@entrepot/database/entities/project.entity';
import { UserEntity } from '@entrepot/database/entities/user.entity';
import { hashPassword } from '@entrepot/identity/password';
import { generateRobotSecret, hashRobotSecret } from '@entrepot/identity/robot-secret';
import type { Permission } from '@entrepot/policy/permission';

/** Builders of rows for tests: each makes one thing, with what the test says about it. */
export const password = 'Correct-Horse-9';

/** A person with {@link password}. */
export async function aUser(
  database: Database,
  values: { username: string; sysadmin?: boolean; email?: string },
): Promise<UserEntity> {
  return await database
    .repository(UserEntity)
    .save({ ...values, passwordHash: await hashPassword(password) });
}

/** A project, private unless said otherwise, with a member for each user given: `[user, role id]`. */
export async function aProject(
  database: Database,
  values: { name: string; public?: boolean; members?: readonly (readonly [UserEntity, number])[] },
): Promise<ProjectEntity> {
  const { members = [], ...columns } = values;
  const project = await database.repository(ProjectEntity).save(columns);
  for (const [user, roleId] of members) {
    await database.repository(ProjectMemberEntity).save({ projectId: project.id, userId: user.id, roleId });
  }
  return project;
}

/** What {@link aRobot} makes. */
export interface RobotForTest {
  readonly id: number;
  readonly secret: string;
}

/** A robot with one secret and, for each project (`undefined`: all), some permissions. */
export async function aRobot(
  database: Database,
  values: {
    name: string;
    projectId?: number;
    project?: { id: number | undefined; permissions: readonly Permission[] };
    system?: readonly Permission[];
  },
): Promise<RobotForTest> {
  const secret = generateRobotSecret();
  const level = values.projectId === undefined ? 'system' : 'project';
  const [row] = await database.query<{ id: number }>(
    'INSERT INTO robot (name, level, project_id) VALUES ($1, $2, $3) RETURNING id',
    [values.name, level, values.projectId ?? null],
  );
  const id = row?.id ?? 0;
  await database.query('INSERT INTO robot_secret (robot_id, secret_hash) VALUES ($1, $2)', [
    id,
    hashRobotSecret(secret),
  ]);
  const grant =
    'INSERT INTO robot_permission (robot_id, kind, project_id, permissions) VALUES ($1, $2, $3, $4)';
  if (values.project !== undefined) {
    await database.query(grant, [id, 'project', values.project.id ?? null, values.project.permissions]);
  }
  if (values.system !== undefined) await database.query(grant, [id, 'system', null, values.system]);
  return { id, secret };
}
