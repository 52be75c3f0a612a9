import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { migrateOutside, outsideDatabase } from '../serve/open-database.ts';
import { createOutput } from '../serve/process-log.ts';
import { existingDatabase, refuseWhileServed, withStoppedProduct } from './with-database.ts';

/**
 * Brings the database to this version. Refused while the whole product runs on the same data directory; processes of
 * single apps go on beside it.
 */
export async function migrateCommand(config: Config): Promise<number> {
  const output = createOutput(config);
  const outside = outsideDatabase(config);
  if (outside === undefined) {
    await withStoppedProduct({ config, output, access: existingDatabase }, async () => undefined);
  } else {
    await refuseWhileServed(resolve(config.data));
    await migrateOutside(outside, output.log);
  }
  output.say('The database is at this version.\n');
  return 0;
}
