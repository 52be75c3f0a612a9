import type { ListQuery } from '@entrepot/api-contract/list-query';
import type { Database } from '@entrepot/database/database';
import type { Digest } from '@entrepot/oci/digest';
import { digestTextSql } from './digest-text.ts';
import { readListPage, type ListPage } from './list-page.ts';

/** A manifest in the recycle bin. `size` of everything that it describes, in bytes. */
export interface DeletedArtifactRow {
  readonly id: number;
  readonly digest: Digest;
  readonly type: string;
  readonly media_type: string;
  readonly total_size: number;
  readonly pushed_at: Date;
  readonly deleted_at: Date;
  /** Those that were deleted with it, in byte order. */
  readonly tags: readonly string[];
}

/** The deleted manifests of a repository that collection has not purged yet, the last one first. */
export async function listDeletedArtifactRows(
  database: Database,
  repositoryId: number,
  list: ListQuery,
): Promise<ListPage<DeletedArtifactRow>> {
  const source = {
    select: `m.id, ${digestTextSql('m.digest')} AS digest, m.type, m.media_type, m.total_size, m.pushed_at, m.deleted_at,
      coalesce((SELECT array_agg(DISTINCT e.name) FROM tag_event e WHERE e.repository_id = m.repository_id
        AND e.from_digest = m.digest AND e.to_digest IS NULL AND e.happened_at = m.deleted_at), '{}') AS tags`,
    from: 'manifest m',
    where: ['m.repository_id = $1', 'NOT m.live'],
    values: [repositoryId],
    columns: {
      digest: { sql: digestTextSql('m.digest'), type: 'text' },
      type: { sql: 'm.type', type: 'text' },
      size: { sql: 'm.total_size', type: 'number' },
      pushtime: { sql: 'm.pushed_at', type: 'time' },
      deletedtime: { sql: 'm.deleted_at', type: 'time' },
    },
    order: 'm.deleted_at DESC, m.id DESC',
  } as const;
  return await readListPage<DeletedArtifactRow>(database, source, list);
}
