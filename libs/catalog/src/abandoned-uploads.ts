import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';

/** Hours after which no upload id is accepted any more (24), and one for clocks that differ. */
export const uploadHours = 25;

const forget = statement<{ id: string }>(
  'upload.forget',
  `DELETE FROM upload WHERE id IN (
     SELECT id FROM upload
     WHERE (finished_at < now() - interval '${uploadHours} hours'
       OR finished_at IS NULL AND updated_at < now() - interval '${uploadHours} hours')
       AND (lease_until IS NULL OR lease_until < now())
     LIMIT $1 FOR UPDATE SKIP LOCKED
   ) RETURNING id`,
);
const known = statement<{ id: string }>('upload.known', 'SELECT id FROM upload WHERE id = ANY ($1::uuid[])');

/** Forgets up to `limit` uploads, ended or not, that nobody can go on with. Returns how many went. */
export async function forgetUploads(database: Database, limit: number): Promise<number> {
  return (await database.run(forget, [limit])).length;
}

/** Those of the given uploads that have a row. */
export async function findKnownUploads(
  database: Database,
  uuids: readonly string[],
): Promise<ReadonlySet<string>> {
  return new Set((await database.run(known, [uuids])).map((row) => row.id));
}
