import type { InputOf, ResultOf } from '@entrepot/api-contract/operation';
import type { getProjectSummary } from '@entrepot/api-contract/projects';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { can } from '@entrepot/policy/rights';
import { projectOf, type Caller } from '../../http/caller.ts';

interface SummaryRow {
  readonly repositories: number;
  readonly members: Readonly<Record<string, number>> | null;
  readonly storage_limit: number | null;
  readonly used: number;
}

const summarise = statement<SummaryRow>(
  'project.summary',
  `SELECT p.storage_limit,
     (SELECT count(*) FROM repository r WHERE r.project_id = p.id AND r.deleted_at IS NULL AND r.pushed_at IS NOT NULL) AS repositories,
     (SELECT jsonb_object_agg(k.role_id, k.count) FROM (
       SELECT m.role_id, count(*) FROM project_member m WHERE m.project_id = p.id GROUP BY 1) k) AS members,
     (coalesce((SELECT sum(s.used) FROM project_usage s WHERE s.project_id = p.id), 0)
       + coalesce((SELECT sum(d.bytes) FROM usage_delta d WHERE d.project_id = p.id), 0))::bigint AS used
   FROM project p WHERE p.id = $1`,
);

/** What a project holds, in numbers. */
export class ProjectSummaryService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async get(
    _: InputOf<typeof getProjectSummary>,
    caller: Caller,
  ): Promise<ResultOf<typeof getProjectSummary>> {
    const { project, rights } = projectOf(caller);
    const [row] = await this.#database.run(summarise, [project.id]);
    const count = (role: number): number => row?.members?.[String(role)] ?? 0;
    return {
      repo_count: row?.repositories ?? 0,
      ...(can(rights, 'member:list')
        ? {
            project_admin_count: count(1),
            maintainer_count: count(4),
            developer_count: count(2),
            guest_count: count(3),
            limited_guest_count: count(5),
          }
        : {}),
      ...(can(rights, 'quota:read')
        ? {
            quota: { hard: { storage: row?.storage_limit ?? -1 }, used: { storage: row?.used ?? 0 } },
          }
        : {}),
    };
  }
}
