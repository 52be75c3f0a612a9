import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import type { RepositoryName } from '@entrepot/oci/repository-name';

/** The project that a repository name belongs to. */
export interface ProjectOfName {
  readonly id: number;
  readonly name: string;
  /** `access_version`: what tokens about it must carry. */
  readonly version: number;
  readonly public: boolean;
}

/**
 * SQL that joins the project `p` of a repository name, deleted or not: that of the repository, which was fixed
 * when it was created, or else the longest prefix of the name, by whole path components, that is a project's
 * name. The one place that knows; tokens, mounts, pushes and lists all come here. `name` is an SQL expression.
 */
export function projectOfNameJoin(name: string): string {
  const parts = `string_to_array(${name}, '/')`;
  // OFFSET keeps the planner from asking for each project instead of once for each name
  return `CROSS JOIN LATERAL (SELECT coalesce(
      (SELECT r.project_id FROM repository r WHERE r.name = ${name} AND r.deleted_at IS NULL),
      (SELECT o.id FROM project o WHERE o.deleted_at IS NULL AND o.name = ANY (ARRAY(
        SELECT array_to_string((${parts})[1:n], '/') FROM generate_series(1, cardinality(${parts})) n))
       ORDER BY length(o.name) DESC LIMIT 1)) AS id OFFSET 0) owner
    JOIN project p ON p.id = owner.id`;
}

const ofNames = statement<ProjectOfName & { readonly asked: string }>(
  'project.of-names',
  `SELECT k.name AS asked, p.id, p.name, p.access_version AS version, p.public
   FROM unnest($1::text[]) k(name) ${projectOfNameJoin('k.name')} WHERE p.deleted_at IS NULL`,
);

/** The projects of these repository names, whether or not the repositories exist; names without one are left out. */
export async function findProjectsOfNames(
  database: Database,
  names: readonly RepositoryName[],
): Promise<ReadonlyMap<string, ProjectOfName>> {
  const rows = await database.run(ofNames, [names]);
  return new Map(rows.map(({ asked, ...project }) => [asked, project]));
}

/** The project of one repository name; `undefined` when there is none. */
export async function findProjectOfName(
  database: Database,
  name: RepositoryName,
): Promise<ProjectOfName | undefined> {
  return (await findProjectsOfNames(database, [name])).get(name);
}
