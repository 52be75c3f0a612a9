import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** A named set of artifacts. Its project is fixed when it is created, by the longest prefix of its name. */
@Entity({ name: 'repository' })
export class RepositoryEntity {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' }) declare id: number;
  @Column({ name: 'project_id', type: 'bigint' }) declare projectId: number;
  /** The whole name, with the project's. */
  @Column({ type: 'text' }) declare name: string;
  @Column({ type: 'text', default: '' }) declare description: string;
  @Column({ name: 'pull_count', type: 'bigint', default: 0 }) declare pullCount: number;
  /** Null until the first manifest: such a repository is not listed. */
  @Column({ name: 'pushed_at', type: 'timestamptz', nullable: true }) declare pushedAt: Date | null;
  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' }) declare createdAt: Date;
  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' }) declare updatedAt: Date;
  @Column({ name: 'deleted_at', type: 'timestamptz', nullable: true }) declare deletedAt: Date | null;
}
