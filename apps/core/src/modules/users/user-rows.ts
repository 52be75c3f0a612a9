import type { z } from 'zod';
import type { UserResp } from '@entrepot/api-contract/users';
import type { Database } from '@entrepot/database/database';
import { UserEntity } from '@entrepot/database/entities/user.entity';
import { AppError } from '@entrepot/errors/app-error';

/** A user who has not been deleted. `NOT_FOUND` otherwise. */
export async function getUser(database: Database, id: number): Promise<UserEntity> {
  const user = await database
    .repository(UserEntity)
    .createQueryBuilder('u')
    .where('u.id = :id AND u.deletedAt IS NULL', { id })
    .getOne();
  if (user === null) throw new AppError('NOT_FOUND', `user ${id} not found`);
  return user;
}

/** A user in the form of the API. */
export function toUser(user: UserEntity): z.input<typeof UserResp> {
  return {
    user_id: user.id,
    username: user.username,
    email: user.email ?? '',
    realname: user.realname,
    comment: user.comment,
    sysadmin_flag: user.sysadmin,
    admin_role_in_auth: false,
    creation_time: user.createdAt.toISOString(),
    update_time: user.updatedAt.toISOString(),
  };
}
