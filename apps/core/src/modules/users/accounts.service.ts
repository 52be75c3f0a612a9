import { recordAudit } from '@entrepot/access/audit';
import { administratorName } from '@entrepot/access/bootstrap';
import type { InputOf } from '@entrepot/api-contract/operation';
import type { deleteUser, setUserSysAdmin, updateUserPassword } from '@entrepot/api-contract/users';
import type { Database } from '@entrepot/database/database';
import { statement } from '@entrepot/database/statement';
import { AppError } from '@entrepot/errors/app-error';
import { hashPassword, verifyPassword } from '@entrepot/identity/password';
import { checkPassword } from '@entrepot/identity/password-policy';
import type { Caller } from '../../http/caller.ts';
import { checkSelfOr } from './self-or.ts';
import { getUser } from './user-rows.ts';

const storedHash = statement<{ password_hash: string | null }>(
  'user.password-hash',
  'SELECT password_hash FROM "user" WHERE id = $1 AND deleted_at IS NULL',
);
const setPassword = statement(
  'user.set-password',
  `UPDATE "user" SET password_hash = $2, credential_version = credential_version + 1,
     access_version = access_version + 1, updated_at = now() WHERE id = $1`,
);
const setSysadmin = statement(
  'user.set-sysadmin',
  'UPDATE "user" SET sysadmin = $2, access_version = access_version + 1, updated_at = now() WHERE id = $1',
);
// the rows of all administrators, so that two who demote each other at once do not both succeed
const administrators = statement<{ id: number }>(
  'user.lock-administrators',
  'SELECT id FROM "user" WHERE sysadmin AND deleted_at IS NULL ORDER BY id FOR UPDATE',
);
const remove = statement(
  'user.delete',
  `WITH members AS (DELETE FROM project_member WHERE user_id = $1),
     tokens AS (DELETE FROM refresh_token WHERE principal_kind = 'user' AND principal_id = $1)
   UPDATE "user" SET deleted_at = now(), access_version = access_version + 1, password_hash = NULL WHERE id = $1`,
);

/** What takes rights from people or gives them: passwords, administrators, deletion. */
export class AccountsService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async setPassword({ params, body }: InputOf<typeof updateUserPassword>, caller: Caller): Promise<void> {
    const { user_id: id } = params;
    await checkSelfOr(this.#database, caller, id, 'user:update');
    const user = await getUser(this.#database, id);
    const [row] = await this.#database.run(storedHash, [id]);
    const stored = row?.password_hash ?? '';
    const isSelf = caller.principal.kind === 'user' && caller.principal.id === id;
    if (isSelf && !(await verifyPassword(stored, body.old_password ?? ''))) {
      throw new AppError('FORBIDDEN', 'Current password is incorrect');
    }
    const password = body.new_password ?? '';
    checkPassword(password);
    if (await verifyPassword(stored, password)) {
      throw new AppError('BAD_REQUEST', 'New password is identical to old password');
    }
    const hash = await hashPassword(password);
    await this.#database.transaction(async () => {
      await this.#database.run(setPassword, [id, hash]);
      await this.#record(caller, 'update', user.username, { changed: ['password'] });
    });
  }

  async setAdministrator({ params, body }: InputOf<typeof setUserSysAdmin>, caller: Caller): Promise<void> {
    const sysadmin = body.sysadmin_flag === true;
    await this.#database.transaction(async () => {
      const all = await this.#database.run(administrators);
      const user = await getUser(this.#database, params.user_id);
      if (user.sysadmin === sysadmin) return;
      if (!sysadmin && all.length === 1) {
        throw new AppError(
          'PRECONDITION',
          `${user.username} is the last administrator; make another one first`,
        );
      }
      await this.#database.run(setSysadmin, [user.id, sysadmin]);
      await this.#record(caller, 'update', user.username, { sysadmin });
    });
  }

  async delete({ params }: InputOf<typeof deleteUser>, caller: Caller): Promise<void> {
    await this.#database.transaction(async () => {
      await this.#database.run(administrators);
      const user = await getUser(this.#database, params.user_id);
      const isSelf = caller.principal.kind === 'user' && caller.principal.id === user.id;
      if (isSelf || user.username === administratorName) {
        throw new AppError('FORBIDDEN', `User with ID ${user.id} can not be deleted`);
      }
      await this.#database.run(remove, [user.id]);
      await this.#record(caller, 'delete', user.username);
    });
  }

  async #record(
    caller: Caller,
    operation: string,
    username: string,
    detail?: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    await recordAudit(this.#database, caller.origin, {
      operation,
      resourceType: 'user',
      resource: username,
      detail,
    });
  }
}
