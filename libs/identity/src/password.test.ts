import fc from 'fast-check';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { hashPassword, needsRehash, verifyAbsentPassword, verifyPassword } from './password.ts';
import { checkPassword, generatePassword, isAcceptablePassword } from './password-policy.ts';

describe('hashPassword', () => {
  it('makes another argon2id hash each time, which only the password opens', async () => {
    const [one, two] = await Promise.all([hashPassword('Correct-Horse-9'), hashPassword('Correct-Horse-9')]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(one).not.toBe(two);
    expect(await verifyPassword(one, 'Correct-Horse-9')).toBe(true);
    expect(await verifyPassword(one, 'Correct-Horse-8')).toBe(false);
    expect(needsRehash(one)).toBe(false);
    expect(needsRehash(one.replace('t=2', 't=3'))).toBe(true);
  });

  it('takes any text there is', async () => {
    for (const text of ['', '\0', 'ü'.repeat(300), '💥']) {
      expect(await verifyPassword(await hashPassword(text), text)).toBe(true);
    }
  });
});

describe('verifyAbsentPassword', () => {
  // a module of its own: the hash that an absent account is checked against is made once
  beforeEach(() => void vi.resetModules());

  it('works again after a moment in which too many passwords were being checked', async () => {
    const passwords = await import('./password.ts');
    // checks that take a place in line and next to no time
    const cheap = '$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
    const crowd = Array.from({ length: 600 }, () => passwords.verifyPassword(cheap, 'x'));
    const settled = Promise.allSettled(crowd);
    await expect(passwords.verifyAbsentPassword('x')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await settled;
    expect(await passwords.verifyAbsentPassword('x')).toBe(false);
  });
});

describe('verifyPassword', () => {
  it.each(['', 'none', '5f4dcc3b5aa765d61d8327deb882cf99'])(
    'opens no account whose hash is %j',
    async (stored) => {
      expect(await verifyPassword(stored, stored)).toBe(false);
    },
  );

  it('is never true of an absent account', async () => {
    expect(await verifyAbsentPassword('an account that does not exist')).toBe(false);
  });
});

describe('the rule for passwords', () => {
  it.each(['Abcdefg1', `Aa1${'x'.repeat(125)}`, 'Ünïcode Pass 1 word a'])('takes %s', (password) => {
    expect(() => checkPassword(password)).not.toThrow();
  });

  it.each(['Abcdef1', `Aa1${'x'.repeat(126)}`, 'abcdefg1', 'ABCDEFG1', 'Abcdefgh', ''])(
    'refuses %s',
    (password) => {
      expect(() => checkPassword(password)).toThrow(/8 to 128/);
    },
  );

  it('is kept by every password that is made here', () => {
    fc.assert(fc.property(fc.constant(undefined), () => isAcceptablePassword(generatePassword())));
  });
});
