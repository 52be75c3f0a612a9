import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** A machine's account, of the whole system or of one project. Its name is kept without prefix and project. */
@Entity({ name: 'robot' })
export class RobotEntity {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' }) declare id: number;
  @Column({ type: 'text' }) declare name: string;
  @Column({ type: 'text', default: '' }) declare description: string;
  @Column({ type: 'text' }) declare level: 'system' | 'project';
  @Column({ name: 'project_id', type: 'bigint', nullable: true }) declare projectId: number | null;
  /** Days; -1 for ever. */
  @Column({ type: 'integer', default: -1 }) declare duration: number;
  @Column({ name: 'expires_at', type: 'timestamptz', nullable: true }) declare expiresAt: Date | null;
  @Column({ type: 'boolean', default: false }) declare disabled: boolean;
  @Column({ name: 'access_version', type: 'integer', default: 1 }) declare accessVersion: number;
  @Column({ name: 'credential_version', type: 'integer', default: 1 }) declare credentialVersion: number;
  @Column({ name: 'creator_type', type: 'text', default: 'local' }) declare creatorType: string;
  @Column({ name: 'creator_id', type: 'bigint', nullable: true }) declare creatorId: number | null;
  @Column({ name: 'last_used_at', type: 'timestamptz', nullable: true }) declare lastUsedAt: Date | null;
  @Column({ name: 'last_used_from', type: 'text', nullable: true }) declare lastUsedFrom: string | null;
  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' }) declare createdAt: Date;
  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' }) declare updatedAt: Date;
}
