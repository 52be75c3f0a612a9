import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '@entrepot/database/database';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { SecretBox } from '@entrepot/identity/secret-box';
import { Authenticator } from './authenticate.ts';
import { ensureAdministrator, ensureSecretKey, resetAdministratorPassword } from './bootstrap.ts';
import { readSettings, settingDefaults, writeSettings } from './settings.ts';

let test: TestDatabase;
let database: Database;

beforeAll(async () => {
  test = await createTestDatabase();
  database = test.database;
});
afterAll(() => test.close());

describe('the first start', () => {
  it('refuses a weak password and makes nothing', async () => {
    await expect(ensureAdministrator(database, 'weak')).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    expect(await database.query('SELECT 1 FROM "user"')).toEqual([]);
  });

  it('makes one administrator and one project, however many processes start', async () => {
    const results = await Promise.all(Array.from({ length: 4 }, () => ensureAdministrator(database)));
    const created = results.filter((result) => result.state === 'created');
    expect(created).toHaveLength(1);
    const secret = created[0]?.state === 'created' ? (created[0].password ?? '') : '';
    const principal = await new Authenticator({ database }).authenticateBasic('admin', secret);
    expect(principal).toMatchObject({ kind: 'user', administrator: true });
    expect(await database.query('SELECT name, public, owner_id FROM project')).toEqual([
      { name: 'library', public: true, owner_id: principal.id },
    ]);
    expect(await database.query('SELECT operation, resource FROM audit_log')).toEqual([
      { operation: 'create', resource: 'admin' },
    ]);
    expect(await ensureAdministrator(database)).toEqual({ state: 'present' });
  });

  it('takes one secret key, and no other afterwards', async () => {
    const box = new SecretBox('0123456789abcdef0123456789abcdef');
    await ensureSecretKey(database, box);
    await ensureSecretKey(database, box);
    const other = new SecretBox('another key of more than 32 characters');
    await expect(ensureSecretKey(database, other)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('resetAdministratorPassword', () => {
  it('makes the old password useless at once and says so to every token', async () => {
    const authenticator = new Authenticator({ database });
    const first = await resetAdministratorPassword(database, 'admin');
    const before = await authenticator.authenticateBasic('admin', first);
    const second = await resetAdministratorPassword(database);
    expect(second).not.toBe(first);
    await expect(authenticator.authenticateBasic('admin', first)).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
    });
    const after = await authenticator.authenticateBasic('admin', second);
    expect(after.version).toBe(before.version + 1);
    expect(after.credentialVersion).toBe(before.credentialVersion + 1);
  });
});

describe('settings', () => {
  it('are their defaults until they are written, one by one', async () => {
    expect(await readSettings(database)).toEqual(settingDefaults);
    await writeSettings(database, { selfRegistration: true });
    expect(await readSettings(database)).toEqual({ ...settingDefaults, selfRegistration: true });
  });

  it('refuse a value that they cannot have, and overlook a stored one', async () => {
    // what a caller without types would do
    const wrong = writeSettings(database, { projectCreation: 'nobody' } as unknown as {
      projectCreation: 'everyone';
    });
    await expect(wrong).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await database.query(`INSERT INTO setting (name, value) VALUES ('projectCreation', '"nobody"')`);
    expect((await readSettings(database)).projectCreation).toBe('everyone');
  });
});
