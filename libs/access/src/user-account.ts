import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { hashPassword, needsRehash, verifyAbsentPassword, verifyPassword } from '@entrepot/identity/password';
import type { Account } from './account.ts';
import type { LoginAttempt } from './login-failures.ts';
import type { UserPrincipal } from './principal.ts';

interface UserRow {
  readonly id: number;
  readonly username: string;
  readonly sysadmin: boolean;
  readonly access_version: number;
  readonly credential_version: number;
  readonly password_hash: string | null;
  readonly has_failures: boolean;
}

const columns = 'u.id, u.username, u.sysadmin, u.access_version, u.credential_version';

const byName = statement<UserRow>(
  'user.authenticate',
  `SELECT ${columns}, u.password_hash,
     EXISTS (SELECT 1 FROM login_failure f WHERE f.account = $1 AND f.address = $2) AS has_failures
   FROM "user" u WHERE u.deleted_at IS NULL AND (u.username = $1 OR lower(u.email) = lower($1))
   ORDER BY u.username = $1 DESC LIMIT 1`,
);
const byId = statement<UserRow>(
  'user.principal',
  `SELECT ${columns} FROM "user" u WHERE u.id = $1 AND u.deleted_at IS NULL`,
);
const rehash = statement(
  'user.rehash',
  'UPDATE "user" SET password_hash = $3 WHERE id = $1 AND password_hash = $2',
);

/** The account that a person logs in to. Takes as long for one that does not exist. */
export async function findUserAccount(
  database: Database,
  attempt: LoginAttempt,
  secret: string,
): Promise<Account | undefined> {
  const [row] = await database.run(byName, [attempt.account, attempt.address ?? '']);
  const stored = row?.password_hash;
  if (row === undefined || stored === null || stored === undefined) {
    await verifyAbsentPassword(secret);
    return undefined;
  }
  return {
    principal: toPrincipal(row),
    refusal: undefined,
    hasFailures: row.has_failures,
    check: (given) => verifyPassword(stored, given),
    noteUse: async (given) => {
      if (needsRehash(stored)) await database.run(rehash, [row.id, stored, await hashPassword(given)]);
    },
  };
}

/** A person by id, as the row says now; `undefined` when deleted. */
export async function findUserPrincipal(database: Database, id: number): Promise<UserPrincipal | undefined> {
  const [row] = await database.run(byId, [id]);
  return row === undefined ? undefined : toPrincipal(row);
}

function toPrincipal(row: UserRow): UserPrincipal {
  return {
    kind: 'user',
    id: row.id,
    name: row.username,
    administrator: row.sysadmin,
    version: row.access_version,
    credentialVersion: row.credential_version,
  };
}
