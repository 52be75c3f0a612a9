import { ProjectMemberEntity } from './project-member.entity.ts';
import { ProjectEntity } from './project.entity.ts';
import { RepositoryEntity } from './repository.entity.ts';
import { RobotEntity } from './robot.entity.ts';
import { RoleEntity } from './role.entity.ts';
import { UserEntity } from './user.entity.ts';

/** Every entity. The content graph has none: it is written and read by statements of libs/catalog. */
export const entities = [
  UserEntity,
  RoleEntity,
  ProjectEntity,
  ProjectMemberEntity,
  RobotEntity,
  RepositoryEntity,
];
