import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aProject, aUser, password } from '@entrepot/access/testing';
import { fullPath } from '@entrepot/api-contract/operation';
import { operations } from '@entrepot/api-contract/operations';
import { nobody, startTestCore, type As, type TestAnswer, type TestCore } from './test-core.ts';

const admin: As = ['admin', password];
let core: TestCore;

beforeAll(async () => {
  core = await startTestCore();
  const user = await aUser(core.database, { username: 'admin', sysadmin: true });
  const project = await aProject(core.database, { name: 'team', members: [[user, 1]] });
  await core.database.query(
    `INSERT INTO repository (project_id, name, pushed_at) VALUES ($1, 'team/app', now())`,
    [project.id],
  );
});
afterAll(() => core.close());

/** The answer is one of ours: no defect, and an error has Harbor's form. */
function expectAnswer(answer: TestAnswer): void {
  expect(answer.status).toBeLessThan(500);
  if (answer.status >= 400 && answer.text !== '') expect(answer.json.errors[0].code).toMatch(/^[A-Z_]+$/);
}

const nasty = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    '\0',
    "'",
    '%',
    '\\',
    '../..',
    '%2e%2e',
    '%00',
    '%2500',
    '__proto__',
    '-1',
    '1e999',
    '9'.repeat(30),
    '',
    ' ',
    '[~]',
    '{',
    '=~\0',
  ),
);

function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

describe('whatever comes', () => {
  it('in the query of a list is answered', async () => {
    const lists = operations.filter((op) => op.answer.kind === 'page').map((op) => fullPath(op));
    const query = fc.record(
      { q: nasty, sort: nasty, page: nasty, page_size: nasty, name: nasty, username: nasty },
      { requiredKeys: [] },
    );
    const key = fc.constantFrom(
      'name',
      'id',
      'public',
      'creation_time',
      'project_id',
      'tags',
      'digest',
      'push_time',
      'size',
      'Level',
      'blob_digest',
      'media_type',
    );
    const term = fc
      .tuple(key, fc.constantFrom('', '~', '[', '{', '(', '\\'), nasty)
      .map((parts) => `${parts[0]}=${parts[1]}${parts[2]}`);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...lists), query, fc.option(term), async (path, values, q) => {
        const all = Object.entries(q === null ? values : { ...values, q, page: '1', page_size: '5' });
        const text = all.map(([name, value]) => `${name}=${encoded(value)}`).join('&');
        const place = path
          .replace(/\{project_name(_or_id)?\}/, 'team')
          .replace('{repository_name}', 'app')
          .replace('{reference}', 'v1');
        expectAnswer(await core.send('GET', `${place}?${text}`, admin));
      }),
      { numRuns: 300 },
    );
  });

  it('in a path is answered', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...operations), nasty, nasty, async (op, first, second) => {
        const values = [first, second, '1', '2'].map(encoded);
        let index = 0;
        const path = fullPath(op).replaceAll(/\{\w+\}/g, () => values[index++] ?? 'x');
        // a text of nothing or dots may name another path, and nothing of this is to delete by luck
        expectAnswer(await core.send(op.method === 'HEAD' ? 'HEAD' : 'GET', path, admin));
      }),
      { numRuns: 300 },
    );
  });

  it('in a body is answered', async () => {
    const bodies = operations.filter((op) => op.body !== undefined && op.method !== 'DELETE');
    const leaf = fc.oneof(
      nasty,
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom(2 ** 53, -(2 ** 53), 1e300),
    );
    const name = fc.constantFrom(
      'project_name',
      'metadata',
      'public',
      'severity',
      'cve_allowlist',
      'items',
      'cve_id',
      'expires_at',
      'storage_limit',
      'role_id',
      'member_user',
      'user_id',
      'username',
      'email',
      'realname',
      'password',
      'new_password',
      'name',
      'level',
      'duration',
      'permissions',
      'kind',
      'namespace',
      'access',
      'resource',
      'action',
      'description',
      'secret',
      'disable',
      'auto_scan',
      'proxy_cache_filter_pattern',
    );
    const { body } = fc.letrec((tie) => ({
      body: fc.dictionary(
        name,
        fc.oneof({ maxDepth: 4 }, leaf, tie('body'), fc.array(tie('body'), { maxLength: 3 })),
        { maxKeys: 8 },
      ),
    }));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...bodies), body, async (op, value) => {
        const path = fullPath(op)
          .replace(/\{project_name(_or_id)?\}/, 'team')
          .replace('{repository_name}', 'app')
          .replaceAll(/\{\w+\}/g, '99999');
        expectAnswer(await core.send(op.method, path, admin, { body: value }));
      }),
      { numRuns: 400 },
    );
  });

  it.each([
    [
      'a project with an allowlist of null characters',
      'POST',
      '/projects',
      { project_name: 'n1', cve_allowlist: { items: [{ cve_id: 'a\0' }] } },
    ],
    [
      'a project with half a surrogate',
      'POST',
      '/projects',
      { project_name: 'n2', cve_allowlist: { items: [{ cve_id: '\ud800' }] } },
    ],
    [
      'a member with a null character',
      'POST',
      '/projects/team/members',
      { role_id: 1, member_user: { username: 'a\0' } },
    ],
    [
      'a user with one in the mail address',
      'POST',
      '/users',
      { username: 'nul', password, email: 'a\0b@example.org' },
    ],
    [
      'a repository with half a surrogate',
      'PUT',
      '/projects/team/repositories/app',
      { description: 'x\udc00' },
    ],
  ])('%s is a bad request', async (_, method, path, body) => {
    expect((await core.send(method, `/api/v2.0${path}`, admin, { body })).status).toBe(400);
  });

  it.each(['%2500', '%252525', 'app%252f..%252f..', '%25ff', 'a'.repeat(300)])(
    'a repository named %s is not found',
    async (name) => {
      const answer = await core.send('GET', `/api/v2.0/projects/team/repositories/${name}`, admin);
      expect(answer).toMatchObject({ status: 404, json: { errors: [{ code: 'NOT_FOUND' }] } });
    },
  );

  it('of credentials and scopes is answered', async () => {
    await fc.assert(
      fc.asyncProperty(nasty, nasty, nasty, async (username, secret, scope) => {
        const authorization = `Basic ${Buffer.from(`x${username}:${secret}`).toString('base64')}`;
        const path = `/service/token?service=harbor-registry&scope=${encoded(scope)}&client_id=${encoded(secret)}`;
        expectAnswer(await core.send('GET', path, admin));
        expectAnswer(
          await core.send('GET', `${path}&account=${encoded(username)}`, nobody, {
            headers: { authorization },
          }),
        );
      }),
      // each wrong secret costs a password's hash
      { numRuns: 30 },
    );
  });
});
