import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** One user's role in one project. */
@Entity({ name: 'project_member' })
export class ProjectMemberEntity {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' }) declare id: number;
  @Column({ name: 'project_id', type: 'bigint' }) declare projectId: number;
  @Column({ name: 'user_id', type: 'bigint' }) declare userId: number;
  @Column({ name: 'role_id', type: 'bigint' }) declare roleId: number;
  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' }) declare createdAt: Date;
}
