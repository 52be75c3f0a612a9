import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '@entrepot/database/database';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { Authenticator } from './authenticate.ts';
import { aProject, aRobot, aUser, password } from './testing.ts';

const refused = { code: 'UNAUTHORIZED' };
const address = '203.0.113.9';

let test: TestDatabase;
let database: Database;
let authenticator: Authenticator;

beforeAll(async () => {
  test = await createTestDatabase();
  database = test.database;
});
afterAll(() => test.close());
beforeEach(() => {
  authenticator = new Authenticator({ database });
});

async function failures(account: string): Promise<number> {
  const rows = await database.query<{ failures: number }>(
    'SELECT failures FROM login_failure WHERE account = $1',
    [account],
  );
  return rows.reduce((sum, row) => sum + row.failures, 0);
}

describe('authenticateBasic of people', () => {
  it('knows a person by name and by mail address', async () => {
    const user = await aUser(database, { username: 'alice', email: 'Alice@example.org' });
    const expected = { kind: 'user', id: user.id, name: 'alice', administrator: false, version: 1 };
    expect(await authenticator.authenticateBasic('alice', password, { address })).toMatchObject(expected);
    expect(await authenticator.authenticateBasic('alice@example.org', password, { address })).toMatchObject(
      expected,
    );
  });

  it('refuses a wrong password and an unknown name in the same words', async () => {
    await aUser(database, { username: 'bob' });
    const wrong = authenticator.authenticateBasic('bob', 'Wrong-Horse-9', { address });
    const unknown = authenticator.authenticateBasic('nobody', 'Wrong-Horse-9', { address });
    const messages = await Promise.all(
      [wrong, unknown].map((promise) => promise.catch((error: Error) => error.message)),
    );
    expect(new Set(messages)).toEqual(new Set(['the user name or the secret is wrong']));
  });

  it('refuses the old password at once after a change, although it was remembered', async () => {
    const user = await aUser(database, { username: 'carol' });
    await authenticator.authenticateBasic('carol', password, { address });
    await database.query(
      `UPDATE "user" SET password_hash = 'none', credential_version = credential_version + 1 WHERE id = $1`,
      [user.id],
    );
    await expect(authenticator.authenticateBasic('carol', password, { address })).rejects.toMatchObject(
      refused,
    );
  });

  it('refuses a deleted person at once, although the password was remembered', async () => {
    const user = await aUser(database, { username: 'dave' });
    await authenticator.authenticateBasic('dave', password, { address });
    await database.query('UPDATE "user" SET deleted_at = now() WHERE id = $1', [user.id]);
    await expect(authenticator.authenticateBasic('dave', password, { address })).rejects.toMatchObject(
      refused,
    );
  });

  it('hashes a password once for many requests at once', async () => {
    await aUser(database, { username: 'erin' });
    const begun = process.cpuUsage();
    await Promise.all(
      Array.from({ length: 100 }, () => authenticator.authenticateBasic('erin', password, { address })),
    );
    const { user } = process.cpuUsage(begun);
    // a hundred hashes of 19 MiB cost well over half a second of CPU
    expect(user).toBeLessThan(400_000);
  });

  it('replaces a hash that was made with other costs', async () => {
    const user = await aUser(database, { username: 'frank' });
    const stored =
      '$argon2id$v=19$m=4096,t=2,p=1$87T6euUdaZC2TKU+zcqiBA$ofg2KduSgX0HHhpy6VjFa0JRWGNhUxCvIHd/ptypdSU';
    await database.query('UPDATE "user" SET password_hash = $2 WHERE id = $1', [user.id, stored]);
    await authenticator.authenticateBasic('frank', password, { address });
    const [row] = await database.query<{ password_hash: string }>(
      'SELECT password_hash FROM "user" WHERE id = $1',
      [user.id],
    );
    expect(row?.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });
});

describe('failed log-ins', () => {
  it('are held back after the third, while the right secret gets in at once and clears the count', async () => {
    await aUser(database, { username: 'grace' });
    const attempt = async (): Promise<number> => {
      await expect(authenticator.authenticateBasic('grace', 'Wrong-Horse-9', { address })).rejects.toThrow();
      return Date.now();
    };
    for (let count = 0; count < 4; count++) await attempt();
    const begun = Date.now();
    expect((await attempt()) - begun).toBeGreaterThanOrEqual(240);
    const again = Date.now();
    await authenticator.authenticateBasic('grace', password, { address });
    expect(Date.now() - again).toBeLessThan(240);
    expect(await failures('grace')).toBe(0);
  });

  it('do not hold the administrator back on the machine itself', async () => {
    await aUser(database, { username: 'root', sysadmin: true });
    await database.query(
      `INSERT INTO login_failure (account, address, failures) VALUES ('root', '127.0.0.1', 30)`,
    );
    const begun = Date.now();
    const wrong = authenticator.authenticateBasic('root', 'Wrong-Horse-9', { address: '127.0.0.1' });
    await expect(wrong).rejects.toMatchObject(refused);
    expect(Date.now() - begun).toBeLessThan(1000);
  });
});

describe('authenticateBasic of robots', () => {
  it('knows robots of the system and of projects, by name and by alias', async () => {
    const project = await aProject(database, { name: 'tools' });
    const system = await aRobot(database, { name: 'ci' });
    const own = await aRobot(database, { name: 'ci', projectId: project.id });
    for (const prefix of ['robot$', 'robot+']) {
      expect(await authenticator.authenticateBasic(`${prefix}ci`, system.secret)).toMatchObject({
        kind: 'robot',
        id: system.id,
        name: 'robot$ci',
        projectId: undefined,
      });
      expect(await authenticator.authenticateBasic(`${prefix}tools+ci`, own.secret)).toMatchObject({
        id: own.id,
        name: 'robot$tools+ci',
        projectId: project.id,
      });
    }
    await expect(authenticator.authenticateBasic('robot$ci', own.secret)).rejects.toMatchObject(refused);
    await expect(authenticator.authenticateBasic('robot$absent+ci', system.secret)).rejects.toMatchObject(
      refused,
    );
  });

  it('says why a robot with the right secret may not log in, and nothing to others', async () => {
    const robot = await aRobot(database, { name: 'idle' });
    await database.query('UPDATE robot SET disabled = true WHERE id = $1', [robot.id]);
    await expect(authenticator.authenticateBasic('robot$idle', robot.secret)).rejects.toThrow(/disabled/);
    await database.query(
      `UPDATE robot SET disabled = false, expires_at = now() - interval '1 s' WHERE id = $1`,
      [robot.id],
    );
    await expect(authenticator.authenticateBasic('robot$idle', robot.secret)).rejects.toThrow(/expired/);
    await expect(authenticator.authenticateBasic('robot$idle', 'x')).rejects.toThrow(
      'the user name or the secret is wrong',
    );
  });

  it('takes both secrets during a rotation, and the old one no longer after its time', async () => {
    const robot = await aRobot(database, { name: 'rotated' });
    const other = await aRobot(database, { name: 'donor' });
    await database.query('UPDATE robot_secret SET robot_id = $1 WHERE robot_id = $2', [robot.id, other.id]);
    await authenticator.authenticateBasic('robot$rotated', robot.secret);
    await authenticator.authenticateBasic('robot$rotated', other.secret);
    await database.query('UPDATE robot_secret SET valid_until = now() WHERE robot_id = $1', [robot.id]);
    await expect(authenticator.authenticateBasic('robot$rotated', robot.secret)).rejects.toMatchObject(
      refused,
    );
  });

  it('notes when and where a robot was used last', async () => {
    const robot = await aRobot(database, { name: 'seen' });
    await authenticator.authenticateBasic('robot$seen', robot.secret, { address });
    const [row] = await database.query<{ last_used_from: string }>(
      'SELECT last_used_from FROM robot WHERE id = $1',
      [robot.id],
    );
    expect(row?.last_used_from).toBe(address);
  });
});
