import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import type { Digest } from '@entrepot/oci/digest';

const adopt = statement<{ removing: boolean }>(
  'blob.adopt',
  `WITH fresh AS (
     INSERT INTO blob (digest, size, live, state) VALUES ($1, $2, false, 'quarantined')
     ON CONFLICT (digest) DO NOTHING RETURNING id
   ) SELECT state = 'deleting' AND lease_until > now() AND lease_owner <> $3 AS removing FROM blob WHERE digest = $1
   UNION ALL SELECT false FROM fresh`,
);

const shortestWaitMs = 10;
const longestWaitMs = 2_560;

/** Bytes that a process had in its hands under a lease that is over. `size` in bytes. */
export interface LateBytes {
  readonly digest: Digest;
  readonly size: number;
  readonly lease: string;
}

/**
 * Gives bytes that are at the key of a blob a row in quarantine, where they have none: they were put back, and somebody
 * who looked for them meanwhile may have removed their row, or be about to. Collection has to know of them.
 */
export async function adoptBytes(database: Database, { digest, size, lease }: LateBytes): Promise<void> {
  for (let wait = shortestWaitMs; wait <= longestWaitMs; wait *= 2) {
    const rows = await database.run(adopt, [digestToBytes(digest), size, lease]);
    // whoever takes over from a process whose lease is over looks for the bytes once more
    if (rows.some(({ removing }) => !removing)) return;
    await sleep(wait);
  }
}
