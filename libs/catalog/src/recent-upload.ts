import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import type { RepositoryName } from '@entrepot/oci/repository-name';

const recent = statement<{ found: number }>(
  'upload.recent',
  `SELECT 1 AS found FROM upload WHERE finished_at > now() - interval '10 minutes' AND principal = $1 AND repository = $2
   AND size > 0 LIMIT 1`,
);

/**
 * Whether a principal (`user:1`) finished a blob in this repository within the last ten minutes: the manifest of a
 * push over a slow line may then follow with a token that has expired.
 */
export async function hasRecentUpload(
  database: Database,
  principal: string,
  repository: RepositoryName,
): Promise<boolean> {
  return (await database.run(recent, [principal, repository])).length > 0;
}
