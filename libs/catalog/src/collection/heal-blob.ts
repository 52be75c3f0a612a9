import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import type { Digest } from '@entrepot/oci/digest';

const damaged = statement<{ size: number }>(
  'blob.damaged-size',
  `SELECT size FROM blob WHERE digest = $1 AND state = 'damaged'`,
);
const heal = statement(
  'blob.heal',
  `UPDATE blob SET state = 'live', state_at = now() WHERE digest = $1 AND state = 'damaged' AND size = $2`,
);

/**
 * Takes back that a blob is damaged, where it has its bytes: a reader came in the moment in which a process that had
 * been paused for too long had moved them aside.
 */
export async function healBlob(
  database: Database,
  bytes: { stat(digest: Digest): Promise<number | undefined> },
  digest: Digest,
): Promise<void> {
  const [row] = await database.run(damaged, [digestToBytes(digest)]);
  if (row === undefined || (await bytes.stat(digest)) !== row.size) return;
  await database.run(heal, [digestToBytes(digest), row.size]);
}
