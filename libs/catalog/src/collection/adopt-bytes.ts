import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import type { Digest } from '@entrepot/oci/digest';

const adopt = statement(
  'blob.adopt',
  `INSERT INTO blob (digest, size, live, state) VALUES ($1, $2, false, 'quarantined') ON CONFLICT (digest) DO NOTHING`,
);

/**
 * Gives bytes that are at the key of a blob a row in quarantine, where they have none: they were put back, and somebody
 * who looked for them meanwhile may have removed their row. Collection has to know of them. `size` in bytes.
 */
export async function adoptBytes(database: Database, digest: Digest, size: number): Promise<void> {
  await database.run(adopt, [digestToBytes(digest), size]);
}
