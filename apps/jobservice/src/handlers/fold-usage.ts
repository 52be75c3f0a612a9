import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { foldUsage } from '@entrepot/jobs/definitions/content';
import { handle, type JobHandler } from '@entrepot/jobs/handler';

const batch = 5_000;

// locks usage last and in order, as everything that writes it
const fold = statement<{ taken: number }>(
  'usage.fold',
  `WITH taken AS (
     DELETE FROM usage_delta WHERE id IN (SELECT id FROM usage_delta ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
     RETURNING project_id, bytes
   ), folded AS (
     INSERT INTO project_usage (project_id, shard, used)
     SELECT project_id, 0, sum(bytes) FROM taken GROUP BY project_id ORDER BY project_id
     ON CONFLICT (project_id, shard) DO UPDATE SET used = project_usage.used + excluded.used
   ) SELECT count(*)::int AS taken FROM taken`,
);

/** Adds the changes of use up into one row a project. */
export function foldUsageHandler({ database }: { readonly database: Database }): JobHandler {
  return handle(foldUsage, async (_, { signal }) => {
    let taken: number;
    do {
      signal.throwIfAborted();
      taken = (await database.run(fold, [batch]))[0]?.taken ?? 0;
    } while (taken === batch);
  });
}
