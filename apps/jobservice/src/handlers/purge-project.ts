import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { parseFact } from '@entrepot/events/fact';
import { purgeProject } from '@entrepot/jobs/definitions/content';
import { handle, type JobHandler } from '@entrepot/jobs/handler';
import { emptyRepository } from './purge-repository.ts';

const repositories = statement<{ id: number }>(
  'project.purge-repositories',
  `SELECT r.id FROM repository r JOIN project p ON p.id = r.project_id
   WHERE r.project_id = $1 AND p.deleted_at IS NOT NULL ORDER BY r.id`,
);
const hide = statement(
  'project.purge-hide',
  'UPDATE repository SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL',
);
// the names of robots are free again with the project's
const people = statement(
  'project.purge-people',
  `WITH gone AS (SELECT id FROM project WHERE id = $1 AND deleted_at IS NOT NULL),
   members AS (DELETE FROM project_member m USING gone WHERE m.project_id = gone.id),
   grants AS (DELETE FROM robot_permission g USING gone WHERE g.project_id = gone.id)
   DELETE FROM robot r USING gone WHERE r.project_id = gone.id`,
);

/** Removes what a deleted project still has: the content of its repositories, members, robots. */
export function purgeProjectHandler({ database }: { readonly database: Database }): JobHandler {
  return handle(purgeProject, async (row, context) => {
    const fact = parseFact(row);
    if (fact.name !== 'project.deleted') throw new Error(`${purgeProject.name} does not take ${fact.name}`);
    const { projectId } = fact.payload;
    for (const { id } of await database.run(repositories, [projectId])) {
      await database.run(hide, [id]);
      await emptyRepository(database, id, context);
    }
    await database.run(people, [projectId]);
  });
}
