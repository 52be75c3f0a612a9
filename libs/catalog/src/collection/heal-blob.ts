import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import type { Digest } from '@entrepot/oci/digest';

const damaged = statement<{ id: number }>(
  'blob.find-damaged',
  `SELECT id FROM blob WHERE digest = $1 AND state = 'damaged'`,
);
const heal = statement(
  'blob.heal',
  `UPDATE blob SET state = 'live', state_at = now() WHERE digest = $1 AND state = 'damaged'`,
);

/** Whoever can read the bytes of blobs (libs/content-store). */
export interface ReadableBytes {
  /** Whether they are those of the digest; `undefined` when there are none. */
  isWhole(digest: Digest): Promise<boolean | undefined>;
}

/**
 * Takes back that a blob is damaged, where it has its bytes: a reader came in the moment in which a process that had
 * been paused for too long had moved them aside.
 */
export async function healBlob(database: Database, bytes: ReadableBytes, digest: Digest): Promise<void> {
  const [row] = await database.run(damaged, [digestToBytes(digest)]);
  if (row === undefined) return;
  if ((await bytes.isWhole(digest)) !== true) return;
  await database.run(heal, [digestToBytes(digest)]);
}
