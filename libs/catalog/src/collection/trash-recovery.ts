import type { Database } from '@entrepot/database/database';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { statement } from '@entrepot/database/statement';
import type { Digest } from '@entrepot/oci/digest';

import { adoptBytes } from './adopt-bytes.ts';
import { healBlob, type ReadableBytes } from './heal-blob.ts';

/** Bytes that a removal has moved aside and not finished with. */
export interface Trashed {
  readonly digest: Digest;
  readonly lease: string;
}

/** Who keeps what removals moved aside (libs/content-store). */
export interface TrashBytes extends ReadableBytes {
  listTrash(): AsyncIterable<Trashed>;
  /** Puts the bytes back unless the blob has bytes by now, and forgets them. */
  restoreTrash(trashed: Trashed): Promise<void>;
  removeTrash(trashed: Trashed): Promise<void>;
}

const look = statement<{ state: string; size: number; owner: string | null; held: boolean }>(
  'trash.look',
  `SELECT state, size, lease_owner AS owner, coalesce(lease_until > now(), false) AS held FROM blob WHERE digest = $1`,
);

/**
 * Ends what a process left that was killed, or lost its lease, between moving bytes aside and removing them: they go
 * back where a push wants the blob by now, and away otherwise. Returns how many there were.
 */
export async function recoverTrash(database: Database, bytes: TrashBytes): Promise<number> {
  let found = 0;
  for await (const trashed of bytes.listTrash()) {
    const [blob] = await database.run(look, [digestToBytes(trashed.digest)]);
    if (blob?.state === 'deleting' && blob.owner === trashed.lease && blob.held) continue;
    found++;
    if (blob === undefined || blob.state === 'deleting') await bytes.removeTrash(trashed);
    else {
      await bytes.restoreTrash(trashed);
      await adoptBytes(database, { ...trashed, size: blob.size });
      await healBlob(database, bytes, trashed.digest);
    }
  }
  return found;
}
