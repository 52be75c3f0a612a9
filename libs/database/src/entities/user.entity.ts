import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** A person. Deleted ones stay as rows, for the record, and free their name. */
@Entity({ name: 'user' })
export class UserEntity {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' }) declare id: number;
  @Column({ type: 'text' }) declare username: string;
  @Column({ type: 'text', nullable: true }) declare email: string | null;
  @Column({ type: 'text', default: '' }) declare realname: string;
  @Column({ type: 'text', default: '' }) declare comment: string;
  @Column({ name: 'password_hash', type: 'text', nullable: true, select: false }) declare passwordHash:
    | string
    | null;
  @Column({ type: 'boolean', default: false }) declare sysadmin: boolean;
  @Column({ name: 'access_version', type: 'integer', default: 1 }) declare accessVersion: number;
  @Column({ name: 'credential_version', type: 'integer', default: 1 }) declare credentialVersion: number;
  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' }) declare createdAt: Date;
  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' }) declare updatedAt: Date;
  @Column({ name: 'deleted_at', type: 'timestamptz', nullable: true }) declare deletedAt: Date | null;
}
