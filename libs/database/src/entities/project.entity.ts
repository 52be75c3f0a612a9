import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** A namespace of repositories with members and policies. Deleted ones free their name. */
@Entity({ name: 'project' })
export class ProjectEntity {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'BY DEFAULT' }) declare id: number;
  @Column({ type: 'text' }) declare name: string;
  @Column({ name: 'owner_id', type: 'bigint', nullable: true }) declare ownerId: number | null;
  @Column({ type: 'boolean', default: false }) declare public: boolean;
  /** Harbor's metadata, strings by key, without `public`. */
  @Column({ type: 'jsonb', default: {} }) declare metadata: Record<string, string>;
  @Column({ name: 'cve_allowlist', type: 'jsonb', default: { items: [] } })
  declare cveAllowlist: CveAllowlist;
  /** Bytes; null for no limit. */
  @Column({ name: 'storage_limit', type: 'bigint', nullable: true }) declare storageLimit: number | null;
  /** Takes manifests whose content is not there: the setting `allow_sparse` of the metadata. */
  @Column({ type: 'boolean', insert: false, update: false }) declare readonly sparse: boolean;
  /** Days that deleted manifests stay in the recycle bin: `recycle_bin_days` of the metadata; null for the setting. */
  @Column({ name: 'recycle_bin_days', type: 'integer', nullable: true, insert: false, update: false })
  declare readonly recycleBinDays: number | null;
  /** Days after which untagged manifests go: `untagged_days` of the metadata; null for never. */
  @Column({ name: 'untagged_days', type: 'integer', nullable: true, insert: false, update: false })
  declare readonly untaggedDays: number | null;
  @Column({ name: 'access_version', type: 'integer', default: 1 }) declare accessVersion: number;
  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' }) declare createdAt: Date;
  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()' }) declare updatedAt: Date;
  @Column({ name: 'deleted_at', type: 'timestamptz', nullable: true }) declare deletedAt: Date | null;
}

/** The project's own list of vulnerabilities that policies overlook. */
export interface CveAllowlist {
  items: { cve_id: string }[];
  /** Seconds since 1970; absent for ever. */
  expires_at?: number;
}
