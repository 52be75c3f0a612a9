import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '@entrepot/database/database';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { SecretBox } from '@entrepot/identity/secret-box';
import { ActiveSigningKey, loadVerificationKeys, rotateSigningKeys } from './signing-keys.ts';

const box = new SecretBox('0123456789abcdef0123456789abcdef');
const clock = { time: 0, now: () => clock.time };

let test: TestDatabase;
let database: Database;

beforeAll(async () => {
  test = await createTestDatabase();
  database = test.database;
});
afterAll(() => test.close());
beforeEach(() => database.query('DELETE FROM signing_key'));

async function states(): Promise<string[]> {
  const rows = await database.query<{ state: string }>(
    'SELECT state FROM signing_key ORDER BY created_at, id',
  );
  return rows.map(({ state }) => state);
}

describe('rotateSigningKeys', () => {
  it('makes one key, however many processes start at once', async () => {
    const steps = await Promise.all(
      Array.from({ length: 4 }, () => rotateSigningKeys(database, box, { algorithm: 'EdDSA' })),
    );
    expect(steps.toSorted()).toEqual(['created', 'unchanged', 'unchanged', 'unchanged']);
    expect(await states()).toEqual(['active']);
  });

  it('goes from next to active to retired to gone, with a wait at each step', async () => {
    const policy = { algorithm: 'EdDSA', activeDays: 90 } as const;
    expect(await rotateSigningKeys(database, box, policy)).toBe('created');
    expect(await rotateSigningKeys(database, box, policy)).toBe('unchanged');

    await database.query(`UPDATE signing_key SET activated_at = now() - interval '91 days'`);
    expect(await rotateSigningKeys(database, box, policy)).toBe('announced');
    expect((await states()).toSorted()).toEqual(['active', 'next']);
    expect(await rotateSigningKeys(database, box, policy)).toBe('unchanged');
    expect(await loadVerificationKeys(database)).toHaveLength(2);

    await database.query(
      `UPDATE signing_key SET created_at = now() - interval '11 minutes' WHERE state = 'next'`,
    );
    expect(await rotateSigningKeys(database, box, policy)).toBe('activated');
    expect((await states()).toSorted()).toEqual(['active', 'retired']);
    expect(await loadVerificationKeys(database)).toHaveLength(2);

    await database.query(
      `UPDATE signing_key SET retired_at = now() - interval '27 hours' WHERE state = 'retired'`,
    );
    expect(await rotateSigningKeys(database, box, policy)).toBe('unchanged');
    expect(await states()).toEqual(['active']);
  });

  it('goes over to another algorithm the same way', async () => {
    await rotateSigningKeys(database, box, { algorithm: 'EdDSA' });
    expect(await rotateSigningKeys(database, box, { algorithm: 'ES256' })).toBe('announced');
    await database.query(
      `UPDATE signing_key SET created_at = now() - interval '11 minutes' WHERE state = 'next'`,
    );
    expect(await rotateSigningKeys(database, box, { algorithm: 'ES256' })).toBe('activated');
    expect((await new ActiveSigningKey(database, box, clock).get()).algorithm).toBe('ES256');
  });
});

describe('ActiveSigningKey', () => {
  it('is read anew each minute', async () => {
    await rotateSigningKeys(database, box, { algorithm: 'EdDSA' });
    const active = new ActiveSigningKey(database, box, clock);
    const first = await active.get();
    await database.query('DELETE FROM signing_key');
    await rotateSigningKeys(database, box, { algorithm: 'EdDSA' });
    expect((await active.get()).id).toBe(first.id);
    clock.time += 60_001;
    expect((await active.get()).id).not.toBe(first.id);
  });

  it('keeps no readable private key in the database, and says so when the key of the box is another', async () => {
    await rotateSigningKeys(database, box, { algorithm: 'EdDSA' });
    const [row] = await database.query<{ private_key: string }>('SELECT private_key FROM signing_key');
    expect(row?.private_key).toMatch(/^v1\.[\w-]+$/);
    const other = new SecretBox('another key of more than 32 characters');
    await expect(new ActiveSigningKey(database, other, clock).get()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});
