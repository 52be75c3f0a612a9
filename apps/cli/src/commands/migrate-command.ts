import type { Config } from '../config/config.ts';
import { createOutput } from '../serve/process-log.ts';
import { withStoppedProduct } from './with-database.ts';

/** Brings the database to this version. Refused while the server runs on the same data directory. */
export async function migrateCommand(config: Config): Promise<number> {
  const output = createOutput(config);
  await withStoppedProduct(config, output, async () => undefined);
  output.say('The database is at this version.\n');
  return 0;
}
