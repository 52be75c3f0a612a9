import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** A named set of permissions. The five of Harbor are built in, with its ids. */
@Entity({ name: 'role' })
export class RoleEntity {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' }) declare id: number;
  @Column({ type: 'text' }) declare name: string;
  @Column({ type: 'text', array: true }) declare permissions: string[];
  @Column({ name: 'built_in', type: 'boolean', default: false }) declare builtIn: boolean;
}
