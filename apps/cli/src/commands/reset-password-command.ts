import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { resetAdministratorPassword } from '@entrepot/access/bootstrap';
import type { Config } from '../config/config.ts';
import { adminPasswordFile } from '../serve/first-start.ts';
import { createOutput } from '../serve/process-log.ts';
import { existingDatabase, withDatabase } from './with-database.ts';

/** Gives an administrator a new password and prints it once. Safe while the server runs: it reads accounts anew. */
export async function resetPasswordCommand(config: Config, user: string): Promise<number> {
  const output = createOutput({ ...config, logLevel: 'warn' });
  const password = await withDatabase({ config, output, access: existingDatabase }, (database) =>
    resetAdministratorPassword(database, user),
  );
  // the file keeps the first password, which is none any more
  if (user === 'admin') await rm(adminPasswordFile(resolve(config.data)), { force: true });
  process.stdout.write(`The password of ${user} is now ${password}\nIt is kept nowhere: note it now.\n`);
  return 0;
}
