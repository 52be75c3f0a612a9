import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '@entrepot/telemetry/logger';
import { KeyRing } from './key-ring.ts';
import {
  exportPrivateKey,
  exportPublicJwk,
  generateSigningKey,
  importPrivateKey,
  importPublicKey,
  signatureAlgorithms,
  type SigningKey,
} from './signing-key.ts';
import type { TokenClaims } from './token-claims.ts';
import { signToken } from './token-signer.ts';
import { TokenVerifier } from './token-verifier.ts';

const log = createLogger({ level: 'silent' });
const start = 1_800_000_000;
const clock = { time: start * 1000, now: () => clock.time };

const claims: TokenClaims = {
  iss: 'issuer',
  sub: 'alice',
  aud: 'service',
  iat: start,
  nbf: start,
  exp: start + 300,
  jti: 'x',
  access: [
    { type: 'repository', name: 'a/b', actions: ['pull'], project: 1, version: 2 },
    { type: 'repository', name: 'a/b', actions: ['push'], project: 1, version: 2 },
    { type: 'registry', name: 'catalog', actions: ['*'] },
  ],
  principal: { kind: 'user', id: 7, version: 3 },
};

const keys = new Map<string, SigningKey>();
let published: SigningKey[];
let ring: KeyRing;
let verifier: TokenVerifier;

beforeAll(async () => {
  for (const algorithm of signatureAlgorithms) keys.set(algorithm, await generateSigningKey(algorithm));
});
beforeEach(async () => {
  clock.time = start * 1000;
  published = [...keys.values()];
  ring = new KeyRing({ load: async () => published, clock, log });
  await ring.refresh();
  verifier = new TokenVerifier({ keys: ring, issuer: 'issuer', audience: 'service', clock, remembered: 2 });
});

function keyOf(algorithm: string): SigningKey {
  const key = keys.get(algorithm);
  if (key === undefined) throw new Error(algorithm);
  return key;
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

describe.each(signatureAlgorithms)('a token signed with %s', (algorithm) => {
  it('is valid, and says what it was issued with', async () => {
    const verdict = await verifier.verify(signToken(keyOf(algorithm), claims));
    expect(verdict).toMatchObject({
      state: 'valid',
      token: {
        subject: 'alice',
        principal: { kind: 'user', id: 7, version: 3 },
        catalog: true,
        expiresAt: start + 300,
      },
    });
    const entry = verdict.state === 'valid' ? verdict.token.repositories.get('a/b') : undefined;
    expect(entry).toMatchObject({ actions: ['pull', 'push'], project: 1, version: 2 });
  });

  it('survives storage of its key', async () => {
    const key = keyOf(algorithm);
    expect(importPrivateKey(algorithm, exportPrivateKey(key)).id).toBe(key.id);
    expect(importPublicKey(algorithm, exportPublicJwk(key)).id).toBe(key.id);
    expect(ring.jwks().keys.find((jwk) => jwk['kid'] === key.id)).toMatchObject({
      alg: algorithm,
      use: 'sig',
    });
    expect(JSON.stringify(ring.jwks())).not.toMatch(/"d":/);
  });

  it('is invalid when any character of it is changed', async () => {
    const token = signToken(keyOf(algorithm), claims);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(token.length - 1),
        fc.constantFrom('A', 'B', '.', '_', '='),
        async (index, character) => {
          const changed = token.slice(0, index) + character + token.slice(index + 1);
          // the last characters of base64url hold bits that mean nothing
          fc.pre(Buffer.from(changed, 'base64url').compare(Buffer.from(token, 'base64url')) !== 0);
          fc.pre(changed.split('.').some((each, at) => !sameBytes(each, token.split('.')[at] ?? '')));
          return (await verifier.verify(changed)).state === 'invalid';
        },
      ),
    );
  });
});

function sameBytes(one: string, two: string): boolean {
  return Buffer.from(one, 'base64url').equals(Buffer.from(two, 'base64url'));
}

describe('TokenVerifier', () => {
  it('lets nobody choose the algorithm', async () => {
    const [, payload] = signToken(keyOf('EdDSA'), claims).split('.');
    const rsa = keyOf('RS256');
    for (const alg of ['none', 'HS256', 'RS256', 'EdDSA']) {
      const header = part({ alg, kid: keyOf('ES256').id });
      expect(await verifier.verify(`${header}.${payload}.`)).toMatchObject({ state: 'invalid' });
    }
    const forged = signToken({ ...rsa, id: keyOf('EdDSA').id }, claims);
    expect(await verifier.verify(forged)).toMatchObject({ state: 'invalid' });
  });

  it.each([
    ['another issuer', { iss: 'elsewhere' }],
    ['another audience', { aud: 'elsewhere' }],
    ['a time to come', { nbf: start + 61 }],
    ['a time long over', { exp: start - 24 * 3600 - 61 }],
    ['no access claim', { access: undefined }],
    ['an access claim of the wrong shape', { access: [{ type: 'repository' }] }],
    ['a principal of an unknown kind', { principal: { kind: 'root', id: 1, version: 1 } }],
  ])('refuses a token of %s', async (_, changes) => {
    // claims that the signer would never make
    const token = signToken(keyOf('EdDSA'), { ...claims, ...changes } as TokenClaims);
    expect(await verifier.verify(token)).toMatchObject({ state: 'invalid' });
  });

  it('refuses extensions that must be understood', async () => {
    const key = keyOf('EdDSA');
    const header = part({ alg: 'EdDSA', kid: key.id, crit: ['exp'] });
    const [, payload, signature] = signToken(key, claims).split('.');
    expect(await verifier.verify(`${header}.${payload}.${signature}`)).toMatchObject({ state: 'invalid' });
  });

  it('allows for clocks that differ by a minute, then says expired for a day, then invalid', async () => {
    const token = signToken(keyOf('EdDSA'), claims);
    const states: string[] = [];
    for (const second of [0, 360, 361, 24 * 3600 + 360, 24 * 3600 + 361]) {
      clock.time = (start + second) * 1000;
      states.push((verifier.find(token) ?? (await verifier.verify(token))).state);
    }
    expect(states).toEqual(['valid', 'valid', 'expired', 'expired', 'invalid']);
  });

  it('remembers verified tokens, a bounded number of them', async () => {
    const tokens = Array.from({ length: 6 }, (_, index) =>
      signToken(keyOf('EdDSA'), { ...claims, jti: String(index) }),
    );
    for (const token of tokens) await verifier.verify(token);
    expect(verifier.find(tokens[5] ?? '')?.state).toBe('valid');
    expect(tokens.filter((token) => verifier.find(token) !== undefined).length).toBeLessThanOrEqual(4);
  });

  it('remembers a bounded length of tokens', async () => {
    const roomy = new TokenVerifier({ keys: ring, issuer: 'issuer', audience: 'service', clock });
    const key = keyOf('EdDSA');
    const texts = Array.from({ length: 4000 }, (_, index) => String(index).padEnd(4000));
    for (const text of texts) roomy.remember(text, key, claims);
    const kept = texts.filter((text) => roomy.find(text) !== undefined);
    // two generations of 4 MiB
    expect(kept.length * 4000).toBeLessThanOrEqual(2 * 4 * 1024 * 1024);
    expect(kept.length).toBeGreaterThan(1000);
    expect(kept).toContain(texts.at(-1));
  });

  it('remembers no long token, and no anonymous one that allows nothing; they are valid all the same', async () => {
    const key = keyOf('EdDSA');
    const { principal: _, ...anonymous } = claims;
    const long = { ...claims, jti: 'x'.repeat(4096) };
    const idle = {
      ...anonymous,
      principal: undefined,
      access: [{ type: 'repository', name: 'a/b', actions: [] }],
    };
    for (const each of [long, idle]) {
      const token = signToken(key, each);
      verifier.remember(token, key, each);
      expect(await verifier.verify(token)).toMatchObject({ state: 'valid' });
      expect(verifier.find(token)).toBeUndefined();
    }
    const pulling = signToken(key, { ...idle, access: claims.access.slice(0, 1) });
    await verifier.verify(pulling);
    expect(verifier.find(pulling)).toMatchObject({ state: 'valid' });
  });

  it('never remembers a token that does not hold', async () => {
    const token = `${signToken(keyOf('EdDSA'), claims).slice(0, -8)}AAAAAAAA`;
    await verifier.verify(token);
    expect(verifier.find(token)).toBeUndefined();
  });

  it('forgets a token when its key is withdrawn', async () => {
    const token = signToken(keyOf('EdDSA'), claims);
    await verifier.verify(token);
    published = [keyOf('ES256')];
    await ring.refresh();
    expect(verifier.find(token)).toBeUndefined();
    expect(await verifier.verify(token)).toMatchObject({ state: 'invalid' });
  });

  it('knows a token that was signed beside it without verifying it', () => {
    const key = keyOf('EdDSA');
    verifier.remember('a text', key, claims);
    expect(verifier.find('a text')).toMatchObject({ state: 'valid', token: { subject: 'alice' } });
  });

  it('never throws for what a client sends', async () => {
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.string(), { minLength: 3, maxLength: 3 }).map((parts) => parts.join('.')),
    );
    await fc.assert(
      fc.asyncProperty(text, async (given) => (await verifier.verify(given)).state === 'invalid'),
    );
    expect(await verifier.verify('x'.repeat(100_000))).toMatchObject({ state: 'invalid' });
  });
});

describe('KeyRing', () => {
  it('finds a key that was published a moment ago, without looking for made-up ones each time', async () => {
    const fresh = await generateSigningKey('EdDSA');
    let looks = 0;
    const lazy = new KeyRing({ load: async () => (looks++, published), clock, log });
    await lazy.refresh();
    published = [...published, fresh];
    clock.time += 6_000;
    expect((await lazy.findFresh(fresh.id))?.id).toBe(fresh.id);
    const before = looks;
    for (let times = 0; times < 10; times++) expect(await lazy.findFresh('made-up')).toBeUndefined();
    expect(looks).toBeLessThanOrEqual(before + 3);
    for (let times = 0; times < 10; times++) expect(await lazy.findFresh('made-up')).toBeUndefined();
    expect(looks).toBeLessThanOrEqual(before + 3);
  });

  it('finds a key that was published just after the last look, for all who ask at once', async () => {
    const fresh = await generateSigningKey('EdDSA');
    const lazy = new KeyRing({ load: async () => published, clock, log });
    await lazy.refresh();
    published = [...published, fresh];
    const found = await Promise.all([1, 2, 3, 4, 5, 6].map(() => lazy.findFresh(fresh.id)));
    expect(found.map((key) => key?.id)).toEqual(Array.from({ length: 6 }, () => fresh.id));
  });

  it('keeps the last known keys while the source does not answer', async () => {
    let broken = false;
    const fragile = new KeyRing({
      load: async () => {
        if (broken) throw new Error('no database');
        return published;
      },
      clock,
      log,
    });
    await fragile.start();
    fragile.stop();
    broken = true;
    await expect(fragile.refresh()).rejects.toThrow('no database');
    expect(fragile.find(keyOf('EdDSA').id)).toBeDefined();
  });
});
