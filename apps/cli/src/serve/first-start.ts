import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureAdministrator } from '@entrepot/access/bootstrap';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import { generatePassword } from '@entrepot/identity/password-policy';
import { writePrivateFile } from './private-file.ts';

/** What there is to say of the administrator when the product is ready. */
export type AdministratorNotice =
  | { readonly kind: 'made'; readonly password: string; readonly file: string }
  | { readonly kind: 'given' }
  | { readonly kind: 'present'; readonly file: string | undefined; readonly ignored: boolean };

const findAdministrator = statement<{ id: number }>(
  'user.any-administrator',
  'SELECT id FROM "user" WHERE sysadmin LIMIT 1',
);

/** The file (0600) that keeps the password that the first start made. */
export function adminPasswordFile(dataDir: string): string {
  return join(dataDir, 'admin-password');
}

/**
 * Makes the administrator and the project `library` at the first start, with the password of the setting or one
 * made here. The file is written before the account, so that a start which is killed in between loses nothing.
 */
export async function makeFirstAdministrator(
  database: Database,
  dataDir: string,
  given: string | undefined,
): Promise<AdministratorNotice> {
  const file = adminPasswordFile(dataDir);
  const kept = await readKept(file);
  if ((await database.run(findAdministrator)).length > 0) {
    return { kind: 'present', file: kept === undefined ? undefined : file, ignored: given !== undefined };
  }
  if (given !== undefined) {
    await ensureAdministrator(database, given);
    return { kind: 'given' };
  }
  const password = kept ?? generatePassword();
  if (kept === undefined) await writePrivateFile(file, `${password}\n`);
  await ensureAdministrator(database, password);
  return { kind: 'made', password, file };
}

/**
 * Makes the administrator of an installation that shares no data directory, with the password of the setting. Throws
 * `CONFIG_INVALID` when one has to be made and the setting is not there: nobody would ever see one made here.
 */
export async function makeSharedAdministrator(database: Database, given: string | undefined): Promise<void> {
  if ((await database.run(findAdministrator)).length > 0) return;
  if (given === undefined) {
    throw new AppError(
      'CONFIG_INVALID',
      'the database has no administrator yet: set ENTREPOT_ADMIN_PASSWORD for the first start of core',
    );
  }
  await ensureAdministrator(database, given);
}

async function readKept(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch {
    return undefined;
  }
}
