import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import type { Digest } from '@entrepot/oci/digest';

const adopt = statement<{ state: string }>(
  'blob.adopt',
  `WITH fresh AS (
     INSERT INTO blob (digest, size, live, state) VALUES ($1, $2, false, 'quarantined')
     ON CONFLICT (digest) DO NOTHING RETURNING state
   ) SELECT state FROM fresh UNION ALL SELECT state FROM blob WHERE digest = $1`,
);

const shortestWaitMs = 10;
const longestWaitMs = 2_560;

/**
 * Gives bytes that are at the key of a blob a row in quarantine, where they have none: they were put back, and somebody
 * who looked for them meanwhile may have removed their row, or be about to. Collection has to know of them. `size` in
 * bytes.
 */
export async function adoptBytes(database: Database, digest: Digest, size: number): Promise<void> {
  for (let wait = shortestWaitMs; wait <= longestWaitMs; wait *= 2) {
    const [blob] = await database.run(adopt, [digestToBytes(digest), size]);
    // whoever takes over from a process that died in the middle of a removal looks for the bytes once more
    if (blob !== undefined && blob.state !== 'deleting') return;
    await sleep(wait);
  }
}
