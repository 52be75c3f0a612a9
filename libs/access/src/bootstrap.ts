import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import { hashPassword } from '@entrepot/identity/password';
import { checkPassword, generatePassword } from '@entrepot/identity/password-policy';
import type { SecretBox } from '@entrepot/identity/secret-box';
import { recordAudit, type AuditActor } from './audit.ts';

/** Name of the administrator that every installation begins with. */
export const administratorName = 'admin';

/** The project that every installation begins with: public, so that a first pull needs no log-in. */
export const defaultProjectName = 'library';

const system: AuditActor = { actor: 'system', actorKind: 'system' };

const lock = statement('bootstrap.lock', "SELECT pg_advisory_xact_lock(hashtext('bootstrap'))");
const secretKey = statement<{ secret_key_check: string }>(
  'instance.secret-key',
  `INSERT INTO instance (instance_id, secret_key_check) VALUES (gen_random_uuid(), $1)
   ON CONFLICT (only_one) DO UPDATE SET secret_key_check = coalesce(instance.secret_key_check, excluded.secret_key_check)
   RETURNING secret_key_check`,
);
const hasAdministrator = statement<{ id: number }>(
  'user.first-administrator',
  'SELECT id FROM "user" WHERE sysadmin LIMIT 1',
);
const insertAdministrator = statement<{ id: number }>(
  'user.insert-administrator',
  `INSERT INTO "user" (username, realname, comment, password_hash, sysadmin)
   VALUES ($1, 'Administrator', 'made at the first start', $2, true) RETURNING id`,
);
const insertProject = statement<{ id: number }>(
  'project.insert-default',
  `INSERT INTO project (name, owner_id, public) VALUES ($1, $2, true)
   ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING RETURNING id`,
);
const setPassword = statement<{ id: number }>(
  'user.reset-administrator',
  `UPDATE "user" SET password_hash = $2, credential_version = credential_version + 1,
     access_version = access_version + 1, updated_at = now()
   WHERE username = $1 AND sysadmin AND deleted_at IS NULL RETURNING id`,
);

/** What {@link ensureAdministrator} found or did. */
export type FirstAdministrator =
  | { readonly state: 'present' }
  /** `password` is there when it was made here: print it once. */
  | { readonly state: 'created'; readonly name: string; readonly password: string | undefined };

/**
 * Makes sure that the secret key is the one that this database was made with; the first start leaves its check value.
 * `source` names to people where the key is from. `CONFIG_INVALID` otherwise: starting would lose every stored secret.
 */
export async function ensureSecretKey(
  database: Database,
  box: SecretBox,
  source = 'ENTREPOT_SECRET_KEY',
): Promise<void> {
  const [row] = await database.run(secretKey, [box.checkValue()]);
  if (row?.secret_key_check !== box.checkValue()) throw refuseSecretKey(source);
}

/** The `CONFIG_INVALID` for a key that is not the database's. */
export function refuseSecretKey(source: string): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `${source} is not the key that this database was made with; restore that key (it is part of every backup)`,
  );
}

/**
 * Makes the administrator and the project `library` in a database that has no administrator yet. Without a
 * password, one is made. `BAD_REQUEST` when the given one is too weak. Any number of processes may call it at once.
 */
export async function ensureAdministrator(
  database: Database,
  password?: string,
): Promise<FirstAdministrator> {
  if ((await database.run(hasAdministrator)).length > 0) return { state: 'present' };
  const chosen = password ?? generatePassword();
  checkPassword(chosen);
  const hash = await hashPassword(chosen);
  return await database.transaction(async () => {
    await database.run(lock);
    if ((await database.run(hasAdministrator)).length > 0) return { state: 'present' };
    const [user] = await database.run(insertAdministrator, [administratorName, hash]);
    await database.run(insertProject, [defaultProjectName, user?.id]);
    await recordAudit(database, system, {
      operation: 'create',
      resourceType: 'user',
      resource: administratorName,
    });
    return {
      state: 'created',
      name: administratorName,
      password: password === undefined ? chosen : undefined,
    };
  });
}

/**
 * Gives an administrator a new password, made here; every session, token and refresh token made with the old one
 * ends. Returns it. `NOT_FOUND` when there is no administrator of that name.
 */
export async function resetAdministratorPassword(
  database: Database,
  name = administratorName,
): Promise<string> {
  const password = generatePassword();
  const hash = await hashPassword(password);
  await database.transaction(async () => {
    const rows = await database.run(setPassword, [name, hash]);
    if (rows.length === 0) {
      throw new AppError('NOT_FOUND', `there is no administrator named ${name}`);
    }
    const entry = {
      operation: 'update',
      resourceType: 'user',
      resource: name,
      detail: { changed: ['password'] },
    };
    await recordAudit(database, system, entry);
  });
  return password;
}
