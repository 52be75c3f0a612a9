import { recordAudit } from '@entrepot/access/audit';
import { apiBase, type InputOf, type ResultOf } from '@entrepot/api-contract/operation';
import type {
  createUser,
  getCurrentUserInfo,
  getUser as getUserOperation,
  listUsers,
  searchUsers,
  updateUserProfile,
} from '@entrepot/api-contract/users';
import { escapeLike, readListPage, type ListSource } from '@entrepot/catalog/list-page';
import type { Database } from '@entrepot/database/database';
import { sqlState } from '@entrepot/database/database-error';
import { UserEntity } from '@entrepot/database/entities/user.entity';
import { AppError } from '@entrepot/errors/app-error';
import { hashPassword } from '@entrepot/identity/password';
import { checkPassword } from '@entrepot/identity/password-policy';
import type { Caller } from '../../http/caller.ts';
import { checkSelfOr } from './self-or.ts';
import { getUser, toUser } from './user-rows.ts';
import { readEmail, readNote, readUsername } from './user-values.ts';

const columns: ListSource['columns'] = {
  userid: { sql: 'u.id', type: 'number' },
  username: { sql: 'u.username', type: 'text' },
  email: { sql: 'u.email', type: 'text' },
  realname: { sql: 'u.realname', type: 'text' },
  comment: { sql: 'u.comment', type: 'text' },
  sysadminflag: { sql: 'u.sysadmin', type: 'flag' },
  creationtime: { sql: 'u.created_at', type: 'time' },
  updatetime: { sql: 'u.updated_at', type: 'time' },
};
const everybody = {
  select: `u.id, u.username, u.email, u.realname, u.comment, u.sysadmin, u.created_at AS "createdAt", u.updated_at AS "updatedAt"`,
  from: '"user" u',
  order: 'u.username, u.id',
} as const;

/** People: list, find, create, and what they may change about themselves. */
export class UsersService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async list({ list }: InputOf<typeof listUsers>): Promise<ResultOf<typeof listUsers>> {
    const source = { ...everybody, where: ['u.deleted_at IS NULL'], values: [], columns };
    const page = await readListPage<UserEntity>(this.#database, source, list);
    return { items: page.rows.map(toUser), total: page.total };
  }

  async search({ query, list }: InputOf<typeof searchUsers>): Promise<ResultOf<typeof searchUsers>> {
    const where = ['u.deleted_at IS NULL', 'u.username ILIKE $1'];
    const values = [`%${escapeLike(query.username)}%`];
    const source = { ...everybody, where, values, columns: {} };
    const page = await readListPage<UserEntity>(this.#database, source, list);
    return { items: page.rows.map(({ id, username }) => ({ user_id: id, username })), total: page.total };
  }

  async current(
    _: InputOf<typeof getCurrentUserInfo>,
    { principal }: Caller,
  ): Promise<ResultOf<typeof getCurrentUserInfo>> {
    if (principal.kind !== 'user') {
      throw new AppError('PRECONDITION', 'get current user not available for security context: robot');
    }
    return toUser(await getUser(this.#database, principal.id));
  }

  async get(
    { params }: InputOf<typeof getUserOperation>,
    caller: Caller,
  ): Promise<ResultOf<typeof getUserOperation>> {
    await checkSelfOr(this.#database, caller, params.user_id, 'user:read');
    return toUser(await getUser(this.#database, params.user_id));
  }

  async create({ body }: InputOf<typeof createUser>, caller: Caller): Promise<ResultOf<typeof createUser>> {
    const username = readUsername(body.username);
    const password = body.password ?? '';
    checkPassword(password);
    const user = {
      username,
      email: readEmail(body.email),
      realname: readNote('realname', body.realname),
      comment: readNote('comment', body.comment),
      passwordHash: await hashPassword(password),
    };
    const id = await this.#write(async () => {
      const result = await this.#database.repository(UserEntity).insert(user);
      await this.#record(caller, 'create', username);
      return Number(result.identifiers[0]?.['id']);
    });
    return { location: `${apiBase}/users/${id}`, body: undefined };
  }

  async update({ params, body }: InputOf<typeof updateUserProfile>, caller: Caller): Promise<void> {
    await checkSelfOr(this.#database, caller, params.user_id, 'user:update');
    await this.#write(async () => {
      const user = await getUser(this.#database, params.user_id);
      await this.#database.repository(UserEntity).update(user.id, {
        email: body.email === undefined ? user.email : readEmail(body.email),
        realname: body.realname === undefined ? user.realname : readNote('realname', body.realname),
        comment: body.comment === undefined ? user.comment : readNote('comment', body.comment),
        updatedAt: new Date(),
      });
      await this.#record(caller, 'update', user.username, { changed: ['profile'] });
    });
  }

  async #write<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.#database.transaction(work);
    } catch (error) {
      if (sqlState(error) !== '23505') throw error;
      throw new AppError('CONFLICT', 'a user of that name or mail address exists', { cause: error });
    }
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
