import fc from 'fast-check';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '@entrepot/database/database';
import { UserEntity } from '@entrepot/database/entities/user.entity';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { KeyRing } from '@entrepot/identity/key-ring';
import { SecretBox } from '@entrepot/identity/secret-box';
import type { AccessEntry } from '@entrepot/identity/token-claims';
import { TokenVerifier, type VerifiedToken } from '@entrepot/identity/token-verifier';
import { builtInRoles } from '@entrepot/policy/roles';
import { systemClock } from '@entrepot/telemetry/clock';
import { createLogger } from '@entrepot/telemetry/logger';
import { Authenticator } from './authenticate.ts';
import { decide } from './decide.ts';
import { findProjectOfName } from './project-of-name.ts';
import { parseRepositoryName } from '@entrepot/oci/repository-name';
import { ActiveSigningKey, loadVerificationKeys, rotateSigningKeys } from './signing-keys.ts';
import { aProject, aRobot, aUser, password } from './testing.ts';
import {
  TokenService,
  tokenAudience,
  tokenIssuer,
  type TokenRequest,
  type TokenResponse,
} from './token-service.ts';

const box = new SecretBox('a key for tests, of forty characters....');
const basic = (username: string, secret = password) =>
  ({ kind: 'basic', username, password: secret }) as const;

let test: TestDatabase;
let database: Database;
let service: TokenService;
let verifier: TokenVerifier;
let dev: UserEntity;

beforeAll(async () => {
  test = await createTestDatabase();
  database = test.database;
  await rotateSigningKeys(database, box, { algorithm: 'EdDSA' });
  const keys = new KeyRing({
    load: () => loadVerificationKeys(database),
    clock: systemClock,
    log: createLogger({ level: 'silent' }),
  });
  await keys.refresh();
  verifier = new TokenVerifier({ keys, issuer: tokenIssuer, audience: tokenAudience, clock: systemClock });
  service = new TokenService({
    database,
    authenticator: new Authenticator({ database }),
    signingKey: new ActiveSigningKey(database, box, systemClock),
    clock: systemClock,
    lifetimeSeconds: 300,
  });
  await aUser(database, { username: 'admin', sysadmin: true });
  dev = await aUser(database, { username: 'dev' });
  await aProject(database, { name: 'secret', members: [[dev, 2]] });
  await aProject(database, { name: 'hidden' });
  await aProject(database, { name: 'open', public: true });
});
afterAll(() => test.close());

async function issue(request: Partial<TokenRequest>): Promise<TokenResponse> {
  return await service.issueTokens({
    service: tokenAudience,
    scopes: [],
    credentials: { kind: 'none' },
    offline: false,
    ...request,
  });
}

async function verified(response: TokenResponse): Promise<VerifiedToken> {
  const verdict = await verifier.verify(response.token);
  if (verdict.state !== 'valid') throw new Error(`the token is ${verdict.state}`);
  return verdict.token;
}

async function access(request: Partial<TokenRequest>): Promise<ReadonlyMap<string, AccessEntry>> {
  return (await verified(await issue(request))).repositories;
}

describe('first pushes by token', () => {
  const pushes = (count: number, name: string): string[] =>
    Array.from({ length: count }, (_, index) => `repository:${name}-${index}/app:push`);

  async function request(scopes: readonly string[]): Promise<number> {
    const creating = new TokenService({
      database,
      authenticator: new Authenticator({ database }),
      signingKey: new ActiveSigningKey(database, box, systemClock),
      clock: systemClock,
      lifetimeSeconds: 300,
      firstPush: 'anyone',
    });
    const refusal = await creating
      .issueTokens({ service: tokenAudience, scopes, credentials: basic('admin'), offline: false })
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    if (refusal !== undefined) expect(refusal).toMatchObject({ code: 'BAD_REQUEST' });
    const rows = await database.query(`SELECT 1 FROM project WHERE name LIKE 'burst-%'`);
    return rows.length;
  }

  it('create a few projects at once, but not many, nor any with more scopes than a token takes', async () => {
    expect(await request(pushes(101, 'burst'))).toBe(0);
    expect(await request(pushes(6, 'burst'))).toBe(0);
    expect(await request(pushes(5, 'burst'))).toBe(5);
  });
});

describe('issueTokens', () => {
  it('answers in the members of the specification', async () => {
    const response = await issue({
      credentials: basic('dev'),
      scopes: ['repository:secret/app:pull,push,delete'],
    });
    expect(response).toMatchObject({
      access_token: response.token,
      expires_in: 300,
      scope: 'repository:secret/app:pull,push',
    });
    expect(Date.parse(response.issued_at)).toBeGreaterThan(Date.now() - 10_000);
    expect(response).not.toHaveProperty('refresh_token');
  });

  it('gives a developer pull and push, not delete, in his project', async () => {
    const scopes = ['repository:secret/app:delete,pull,push'];
    expect((await access({ credentials: basic('dev'), scopes })).get('secret/app')?.actions).toEqual([
      'pull',
      'push',
    ]);
  });

  it('gives no more than was asked for', async () => {
    const scopes = ['repository:secret/app:pull'];
    expect((await access({ credentials: basic('admin'), scopes })).get('secret/app')?.actions).toEqual([
      'pull',
    ]);
  });

  it('takes * as every action there is', async () => {
    const scopes = ['repository:secret/app:*'];
    const actions = (await access({ credentials: basic('admin'), scopes })).get('secret/app')?.actions;
    expect(actions).toEqual(['pull', 'push', 'delete']);
  });

  it('takes several scopes, in parameters of their own or one, and adds up what names one repository', async () => {
    const scopes = ['repository:secret/app:pull repository:open/app:pull,push', 'repository:secret/app:push'];
    const granted = await access({ credentials: basic('dev'), scopes });
    expect(granted.get('secret/app')?.actions).toEqual(['pull', 'push']);
    expect(granted.get('open/app')?.actions).toEqual(['pull']);
  });

  it('lets an anonymous caller pull from public projects and nothing else', async () => {
    const granted = await access({ scopes: ['repository:open/app:pull,push', 'repository:secret/app:pull'] });
    expect(granted.get('open/app')?.actions).toEqual(['pull']);
    expect(granted.get('secret/app')?.actions).toEqual([]);
  });

  it('says the same of a project that the caller may not see, of none, and of a name that is none', async () => {
    const names = ['hidden/app', 'absent/app', 'registry.example:5000/library/app', 'UPPER/app'];
    const granted = await access({
      credentials: basic('dev'),
      scopes: names.map((name) => `repository:${name}:pull`),
    });
    for (const name of names) expect(granted.get(name)).toEqual({ type: 'repository', name, actions: [] });
  });

  it('leaves out resource types that it does not know', async () => {
    const response = await issue({ credentials: basic('dev'), scopes: ['galaxy:far/away:pull'] });
    const [, payload = ''] = response.token.split('.');
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({ access: [] });
  });

  it('gives the whole catalog to administrators, and to robots that hold it', async () => {
    const scopes = ['registry:catalog:*'];
    const robot = await aRobot(database, { name: 'lister', system: ['catalog:read'] });
    expect((await verified(await issue({ credentials: basic('admin'), scopes }))).catalog).toBe(true);
    expect((await verified(await issue({ credentials: basic('dev'), scopes }))).catalog).toBe(false);
    const byRobot = await issue({ credentials: basic('robot$lister', robot.secret), scopes });
    expect((await verified(byRobot)).catalog).toBe(true);
  });

  it('gives a robot what it was given, in its projects', async () => {
    const project = await aProject(database, { name: 'machines' });
    const robot = await aRobot(database, {
      name: 'puller',
      projectId: project.id,
      project: { id: project.id, permissions: ['repository:pull'] },
    });
    const scopes = ['repository:machines/app:pull,push', 'repository:secret/app:pull'];
    const granted = await access({ credentials: basic('robot$machines+puller', robot.secret), scopes });
    expect(granted.get('machines/app')?.actions).toEqual(['pull']);
    expect(granted.get('secret/app')?.actions).toEqual([]);
  });

  it.each([
    ['another service', { service: 'elsewhere' }, 'BAD_REQUEST'],
    ['neither credentials nor scopes', {}, 'UNAUTHORIZED'],
    [
      'wrong credentials',
      { credentials: basic('dev', 'Wrong-Horse-9'), scopes: ['repository:open/app:pull'] },
      'UNAUTHORIZED',
    ],
    [
      'too many scopes',
      { scopes: Array.from({ length: 101 }, (_, index) => `repository:open/a${index}:pull`) },
      'BAD_REQUEST',
    ],
    ['an unknown refresh token', { credentials: { kind: 'refresh', token: 'x' } as const }, 'UNAUTHORIZED'],
  ])('refuses %s', async (_, request, code) => {
    await expect(issue(request)).rejects.toMatchObject({ code });
  });
});

describe('refresh tokens', () => {
  it('come when asked for, and get tokens until the secret changes', async () => {
    const user = await aUser(database, { username: 'laptop' });
    const first = await issue({ credentials: basic('laptop'), offline: true });
    const token = first.refresh_token ?? '';
    const credentials = { kind: 'refresh', token } as const;
    const second = await issue({ credentials, scopes: ['repository:open/app:pull'], offline: true });
    expect((await verified(second)).subject).toBe('laptop');
    expect(second.refresh_token).toBe(token);
    await database.query('UPDATE "user" SET credential_version = credential_version + 1 WHERE id = $1', [
      user.id,
    ]);
    await expect(issue({ credentials, scopes: [] })).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });

  it('are never given to an anonymous caller', async () => {
    expect(await issue({ scopes: ['repository:open/app:pull'], offline: true })).not.toHaveProperty(
      'refresh_token',
    );
  });
});

describe('a token and the rows', () => {
  const name = parseRepositoryName('secret/app');
  async function decideNow(token: VerifiedToken): Promise<string> {
    if (name === undefined) throw new Error('not a name');
    const project = await findProjectOfName(database, name);
    const rows = await database.query<{ v: number }>('SELECT access_version AS v FROM "user" WHERE id = $1', [
      dev.id,
    ]);
    return decide(token, name, 'push', { principalVersion: rows[0]?.v, project });
  }

  it('stops being good when a version is raised, and a new one is good again', async () => {
    const request = { credentials: basic('dev'), scopes: ['repository:secret/app:push'] };
    const token = await verified(await issue(request));
    expect(await decideNow(token)).toBe('allowed');
    await database.query(`UPDATE project SET access_version = access_version + 1 WHERE name = 'secret'`);
    expect(await decideNow(token)).toBe('challenge');
    const again = await verified(await issue(request));
    expect(await decideNow(again)).toBe('allowed');
    await database.query('UPDATE "user" SET access_version = access_version + 1 WHERE id = $1', [dev.id]);
    expect(await decideNow(again)).toBe('challenge');
  });

  it('never grants an action that was not asked for or is not held', async () => {
    const projects = ['secret', 'hidden', 'open', 'absent'];
    const held: Record<string, readonly string[]> = {
      secret: (builtInRoles[1]?.permissions ?? []).includes('repository:push') ? ['pull', 'push'] : [],
      hidden: [],
      open: ['pull'],
      absent: [],
    };
    const action = fc.constantFrom('pull', 'push', 'delete', '*', 'scanner-pull', 'admin', '');
    const scope = fc.record({
      project: fc.constantFrom(...projects),
      actions: fc.array(action, { maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(scope, { minLength: 1, maxLength: 4 }), async (scopes) => {
        const asked = scopes.map((each) => `repository:${each.project}/app:${each.actions.join(',')}`);
        const granted = await access({ credentials: basic('dev'), scopes: asked });
        for (const project of projects) {
          const wanted = scopes
            .filter((each) => each.project === project)
            .flatMap((each): string[] => each.actions);
          for (const given of granted.get(`${project}/app`)?.actions ?? []) {
            expect(held[project]).toContain(given);
            expect(wanted.includes(given) || wanted.includes('*')).toBe(true);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
