import { purgeRepositoryBatch } from '@entrepot/catalog/repositories';
import type { Database } from '@entrepot/database/database';
import { parseFact } from '@entrepot/events/fact';
import { purgeRepository } from '@entrepot/jobs/definitions/content';
import { handle, type JobContext, type JobHandler } from '@entrepot/jobs/handler';

const batch = 1_000;

/** Removes what a deleted repository held. */
export function purgeRepositoryHandler({ database }: { readonly database: Database }): JobHandler {
  return handle(purgeRepository, async (row, context) => {
    const fact = parseFact(row);
    if (fact.name !== 'repository.deleted')
      throw new Error(`${purgeRepository.name} does not take ${fact.name}`);
    await emptyRepository(database, fact.payload.repositoryId, context);
  });
}

/** Removes manifests and links of one repository, a batch a transaction, until nothing is left. */
export async function emptyRepository(
  database: Database,
  repositoryId: number,
  context: JobContext,
): Promise<void> {
  let total = 0;
  for (;;) {
    context.signal.throwIfAborted();
    const removed = await purgeRepositoryBatch(database, repositoryId, batch);
    if (removed === 0) break;
    total += removed;
  }
  context.log(`repository ${repositoryId}: ${total} rows removed`);
}
