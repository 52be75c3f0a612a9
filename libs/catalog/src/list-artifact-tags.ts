import type { ListQuery } from '@entrepot/api-contract/list-query';
import type { Database } from '@entrepot/database/database';
import { readListPage, type ListPage } from './list-page.ts';

/** A tag as lists show it. */
export interface TagRow {
  readonly id: number;
  readonly repository_id: number;
  readonly manifest_id: number;
  readonly name: string;
  readonly pushed_at: Date;
  readonly pulled_at: Date | null;
}

/** A page of the tags of an artifact, newest first. */
export async function listTagRows(
  database: Database,
  manifestId: number,
  list: ListQuery,
): Promise<ListPage<TagRow>> {
  return await readListPage<TagRow>(
    database,
    {
      select:
        't.id, t.repository_id, t.manifest_id, t.name, t.pushed_at, (SELECT u.pulled_at FROM tag_pull u WHERE u.tag_id = t.id) AS pulled_at',
      from: 'tag t',
      where: ['t.manifest_id = $1'],
      values: [manifestId],
      columns: {
        id: { sql: 't.id', type: 'number' },
        name: { sql: 't.name', type: 'text' },
        pushtime: { sql: 't.pushed_at', type: 'time' },
        pulltime: { sql: '(SELECT u.pulled_at FROM tag_pull u WHERE u.tag_id = t.id)', type: 'time' },
      },
      order: 't.pushed_at DESC, t.id DESC',
    },
    list,
  );
}
