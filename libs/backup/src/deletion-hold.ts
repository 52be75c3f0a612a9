import type { BulkSession } from '@entrepot/database/bulk-session';
import { AppError } from '@entrepot/errors/app-error';

/**
 * Makes this session the one backup of its instance, and holds the removal of blobs (libs/catalog/src/collection) until
 * it ends: what is live in a snapshot that begins now keeps its bytes. Dies with the session, however that ends.
 * `CONFLICT` while another backup runs.
 */
export async function holdDeletion(session: BulkSession): Promise<void> {
  const [row] = await session.query<{ ours: boolean }>(
    "SELECT pg_try_advisory_lock(hashtext('backup')) AS ours",
  );
  if (row?.ours !== true) {
    throw new AppError('CONFLICT', 'another backup of this instance is running: wait until it has ended');
  }
  // waits for removals that are being decided
  await session.query("SELECT pg_advisory_lock(hashtext('blob_removal'))");
}

/** Throws `UNAVAILABLE` when the hold is lost, since its session is. */
export async function confirmHold(session: BulkSession): Promise<void> {
  await session.query('SELECT 1');
}
