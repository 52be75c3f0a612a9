import type { ListQuery } from '@entrepot/api-contract/list-query';
import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { parseDigest } from '@entrepot/oci/digest';
import { topLevelSql } from './list-artifacts.ts';
import { readListPage, type ListPage } from './list-page.ts';

/** A repository as lists show it. */
export interface RepositoryRow {
  readonly id: number;
  readonly project_id: number;
  readonly name: string;
  readonly description: string;
  readonly pull_count: number;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly artifact_count: number;
}

const source = {
  select: `r.id, r.project_id, r.name, r.description, r.pull_count, r.created_at,
    greatest(r.updated_at, r.pushed_at) AS updated_at,
    (SELECT count(*) FROM manifest m WHERE m.repository_id = r.id AND ${topLevelSql}) AS artifact_count`,
  from: 'repository r',
  columns: {
    name: { sql: 'r.name', type: 'text' },
    description: { sql: 'r.description', type: 'text' },
    id: { sql: 'r.id', type: 'number' },
    repositoryid: { sql: 'r.id', type: 'number' },
    projectid: { sql: 'r.project_id', type: 'number' },
    pullcount: { sql: 'r.pull_count', type: 'number' },
    creationtime: { sql: 'r.created_at', type: 'time' },
    updatetime: { sql: 'r.updated_at', type: 'time' },
  },
  order: 'r.created_at DESC, r.id DESC',
} as const;
const listed = 'r.deleted_at IS NULL AND r.pushed_at IS NOT NULL';

/**
 * A page of the repositories to which `where` (SQL over `r`, with `values`) applies and to which something was
 * pushed. `q` may also name `blob_digest`.
 */
export async function listRepositoryRows(
  database: Database,
  scope: { readonly where: string; readonly values: readonly unknown[] },
  list: ListQuery,
): Promise<ListPage<RepositoryRow>> {
  return await readListPage<RepositoryRow>(
    database,
    {
      ...source,
      where: [listed, scope.where],
      values: scope.values,
      special: {
        blobdigest: (match, value) => {
          const digest = match.kind === 'exact' ? parseDigest(match.value) : undefined;
          if (digest === undefined) return 'false';
          return `EXISTS (SELECT 1 FROM repository_blob l JOIN blob b ON b.id = l.blob_id
            WHERE l.repository_id = r.id AND b.digest = ${value(digestToBytes(digest))})`;
        },
      },
    },
    list,
  );
}

/** One repository of a project by its whole name. */
export async function findRepositoryRow(
  database: Database,
  projectId: number,
  name: string,
): Promise<RepositoryRow | undefined> {
  const [row] = await database.query<RepositoryRow>(
    `SELECT ${source.select} FROM repository r WHERE ${listed} AND r.project_id = $1 AND r.name = $2`,
    [projectId, name],
  );
  return row;
}
