import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';

const held = statement<{ held: boolean }>(
  'instance.collection-held',
  'SELECT collection_held AS held FROM instance',
);

/** Whether nothing may be collected, since the database was restored and has not been compared with the storage. */
export async function isCollectionHeld(database: Database): Promise<boolean> {
  return (await database.run(held))[0]?.held === true;
}

/** What somebody is told who asks for a run meanwhile. */
export function collectionHeld(): AppError {
  return new AppError(
    'CONFLICT',
    'nothing is collected since the database was restored: run entrepot verify --repair first, which looks at what the storage has and the database does not know',
  );
}
