import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aProject, aUser, password } from '@entrepot/access/testing';
import { nobody, startTestCore, type As, type TestCore } from './test-core.ts';

const admin: As = ['admin', password];
const dev: As = ['dev', password];
const projects = '/api/v2.0/projects';
let core: TestCore;
let readOnly: TestCore;

beforeAll(async () => {
  core = await startTestCore({ health: { storage: async () => undefined } });
  readOnly = await startTestCore({
    readOnly: true,
    externalUrl: 'https://registry.example.org',
    health: { storage: () => Promise.reject(new Error('the disk is gone')) },
  });
  for (const { database } of [core, readOnly]) {
    await aUser(database, { username: 'admin', sysadmin: true });
    await aUser(database, { username: 'dev' });
  }
});
afterAll(async () => {
  await core.close();
  await readOnly.close();
});

describe('every answer', () => {
  it('has the id of its request: the one that was sent, or a new one', async () => {
    const given = await core.send('GET', projects, nobody, { headers: { 'x-request-id': 'my-id.1' } });
    expect(given.headers['x-request-id']).toBe('my-id.1');
    const strange = await core.send('GET', projects, nobody, { headers: { 'x-request-id': 'a b<c>' } });
    expect(strange.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect((await core.send('GET', '/nonsense', nobody)).headers).toHaveProperty('x-request-id');
  });

  it('to a path with a trailing or doubled slash is that of the path', async () => {
    expect((await core.send('GET', `${projects}/`, nobody)).status).toBe(200);
    expect((await core.send('GET', '/api//v2.0/ping/', nobody)).text).toBe('Pong');
  });

  it('to an unknown path is 404 in JSON, to a wrong method 405 with those that there are', async () => {
    expect(await core.send('GET', '/api/v2.0/nonsense', admin)).toMatchObject({
      status: 404,
      json: { errors: [{ code: 'NOT_FOUND' }] },
    });
    const wrong = await core.send('DELETE', projects, admin);
    expect(wrong).toMatchObject({ status: 405, json: { errors: [{ code: 'METHOD_NOT_ALLOWED' }] } });
    expect(wrong.headers.allow?.split(', ').toSorted()).toEqual(['GET', 'HEAD', 'POST']);
  });
});

describe('a body', () => {
  const create = (raw: string, headers: Record<string, string> = {}) =>
    core.send('POST', projects, dev, { raw, headers });

  it.each([
    ['broken JSON', '{"project_name":', 422, 'UNPROCESSABLE_ENTITY'],
    ['no JSON', 'project_name=x', 422, 'UNPROCESSABLE_ENTITY'],
    ['nothing', '', 422, 'UNPROCESSABLE_ENTITY'],
    ['a list', '[]', 422, 'UNPROCESSABLE_ENTITY'],
    ['null', 'null', 422, 'UNPROCESSABLE_ENTITY'],
    ['a wrong type', '{"project_name":["x"]}', 422, 'UNPROCESSABLE_ENTITY'],
    ['a number beyond what is exact', '{"project_name":"big","storage_limit":1e300}', 400, 'BAD_REQUEST'],
    ['a bad value', '{"project_name":"X"}', 400, 'BAD_REQUEST'],
    ['deep JSON', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 422, 'UNPROCESSABLE_ENTITY'],
    [
      'more than a mebibyte',
      `{"project_name":"${'x'.repeat(1024 * 1024)}"}`,
      413,
      'REQUEST_ENTITY_TOO_LARGE',
    ],
    ['a null character', '{"project_name":"a\\u0000"}', 400, 'BAD_REQUEST'],
  ])('of %s is refused', async (_, raw, status, code) => {
    expect(await create(raw)).toMatchObject({ status, json: { errors: [{ code }] } });
  });

  it.each([
    ['{"public":true}', 'project_name is missing: the project needs a name'],
    ['', 'the request has no body: send a JSON object'],
    ['[]', 'the body: must be an object, not a list'],
    ['{"project_name":["x"]}', 'project_name in body: must be a text, not a list'],
    [
      `{"project_name":"${'x'.repeat(1024 * 1024)}"}`,
      'the body is too large: at most 1048576 bytes are taken here',
    ],
    ['{"project_name":"b___e"}', /joined by one \., one or two _, or any number of -$/],
  ])('is refused in words that help: %#', async (raw, message) => {
    const answer = await create(raw);
    expect(answer.json.errors[0].message).toEqual(
      typeof message === 'string' ? message : expect.stringMatching(message),
    );
  });

  it('may have members nobody knows, some of them dangerous, and any content type', async () => {
    const raw = '{"project_name":"odd-one","__proto__":{"public":true},"constructor":1,"nested":{"a":[1]}}';
    expect((await create(raw, { 'content-type': 'text/plain' })).status).toBe(201);
    expect((await core.send('GET', `${projects}/odd-one`, dev)).json.metadata).toEqual({ public: 'false' });
  });

  it('on a GET, or an empty one on a DELETE, does no harm', async () => {
    const headers = { 'content-type': 'application/json' };
    expect((await core.send('GET', `${projects}/odd-one`, dev, { headers })).status).toBe(200);
    expect((await core.send('DELETE', `${projects}/odd-one`, dev, { raw: '', headers })).status).toBe(200);
  });
});

describe('hostile paths', () => {
  it.each(
    [
      `${projects}/%2e%2e%2f`,
      `${projects}/%00`,
      `${projects}/%`,
      `${projects}/%ff`,
      `${projects}/${'a'.repeat(3000)}`,
      `${projects}/x/repositories/%25252e%25252e`,
      `${projects}/team/repositories/..%252f..%252fetc`,
      `${projects}/1e3/summary`,
      `${projects}/-1/members`,
      `${projects}/9999999999999999999999`,
      '/api/v2.0/users/9223372036854775808',
      '/api/v2.0/users/0x10',
      '/api/v2.0/robots/1.5',
    ].map((path) => [path.slice(0, 60), path]),
  )('%s is a 4xx in the right form', async (_, path) => {
    const answer = await core.send('GET', path, admin);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.json.errors[0].code).toMatch(/^[A-Z_]+$/);
  });

  it('and a Host that is none are refused', async () => {
    const answer = await core.send('GET', '/', nobody, { headers: { host: '"><script>' } });
    expect(answer).toMatchObject({ status: 400, json: { errors: [{ code: 'BAD_REQUEST' }] } });
  });
});

describe('credentials', () => {
  it.each(['Basic', 'Basic !!!', 'Basic YQ==', 'Bearer abc', 'Basic OnA=', ''])(
    '%j are refused, never taken for none',
    async (authorization) => {
      expect((await core.send('GET', projects, nobody, { headers: { authorization } })).status).toBe(401);
    },
  );

  it('refused, by a lack of rights, stand in the record with the address', async () => {
    await core.send('GET', '/api/v2.0/users', dev, { headers: { 'x-request-id': 'denied-1' } });
    await core.denials.flush();
    const rows = await core.database.query(
      `SELECT actor, operation, succeeded, address FROM audit_log WHERE request_id = 'denied-1'`,
    );
    expect(rows).toEqual([{ actor: 'dev', operation: 'listUsers', succeeded: false, address: '127.0.0.1' }]);
  });

  it('refused by a service stand there too', async () => {
    const robot = {
      name: 'x',
      level: 'system',
      duration: 1,
      permissions: [{ kind: 'system', namespace: '/', access: [] }],
    };
    const headers = { 'x-request-id': 'denied-2' };
    expect((await core.send('POST', '/api/v2.0/robots', dev, { body: robot, headers })).status).toBe(403);
    await core.denials.flush();
    const rows = await core.database.query(`SELECT operation FROM audit_log WHERE request_id = 'denied-2'`);
    expect(rows).toEqual([{ operation: 'CreateRobot' }]);
  });
});

describe('the system', () => {
  it('answers ping and version to everybody', async () => {
    const ping = await core.send('GET', '/api/v2.0/ping', nobody);
    expect(ping).toMatchObject({ status: 200, text: 'Pong' });
    expect(ping.headers['content-type']).toContain('text/plain');
    expect((await core.send('GET', '/api/version', nobody)).json).toEqual({ version: 'v2.0' });
  });

  it('says how its parts are, with 200 also when one is not well', async () => {
    expect((await core.send('GET', '/api/v2.0/health', nobody)).json).toEqual({
      status: 'healthy',
      components: ['core', 'database', 'storage'].map((name) => ({ name, status: 'healthy' })),
    });
    const ill = await readOnly.send('GET', '/api/v2.0/health', nobody);
    expect(ill).toMatchObject({ status: 200, json: { status: 'unhealthy' } });
    expect(ill.json.components).toContainEqual({
      name: 'storage',
      status: 'unhealthy',
      error: 'the disk is gone',
    });
  });

  it('is asked how it is once, when many ask at once', async () => {
    let asked = 0;
    const counted = await startTestCore({
      health: {
        counted: async () => {
          asked++;
        },
      },
    });
    const ask = () => counted.send('GET', '/api/v2.0/health', nobody);
    const answers = await Promise.all([ask(), ask(), ask()]);
    expect(answers.map((answer) => answer.json.status)).toEqual(['healthy', 'healthy', 'healthy']);
    expect(asked).toBe(1);
    await counted.close();
  });

  it('tells visitors how to sign in, and others what it is', async () => {
    const info = (as: As, of = core) => of.send('GET', '/api/v2.0/systeminfo', as);
    expect(Object.keys((await info(nobody)).json)).toEqual([
      'auth_mode',
      'primary_auth_mode',
      'self_registration',
      'banner_message',
    ]);
    expect((await info(dev)).json).toMatchObject({
      harbor_version: 'v0.0.0-test',
      read_only: false,
      project_creation_restriction: 'everyone',
      registry_storage_provider_name: 'filesystem',
    });
    expect((await info(dev, readOnly)).json).toMatchObject({
      read_only: true,
      external_url: 'https://registry.example.org',
      registry_url: 'registry.example.org',
    });
  });

  it('in read-only mode reads, and refuses every change with one sentence', async () => {
    expect((await readOnly.send('GET', projects, admin)).status).toBe(200);
    const refused = await readOnly.send('POST', projects, admin, { body: { project_name: 'x' } });
    const message = 'The system is in read only mode. Any modification is prohibited.';
    expect(refused).toMatchObject({ status: 403, json: { errors: [{ code: 'DENIED', message }] } });
    expect((await readOnly.send('GET', '/service/token', admin)).status).toBe(200);
  });

  it('has a page at / with the host that was used', async () => {
    const page = await core.send('GET', '/', nobody, {
      headers: { host: 'registry.local:8443', 'x-forwarded-proto': 'https' },
    });
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.text).toContain('docker push registry.local:8443/library/');
    expect(page.text).toContain('https://registry.local:8443');
  });
});

describe('the token service', () => {
  const token = '/service/token?service=harbor-registry';
  const form = (fields: Record<string, string>) =>
    core.send('POST', '/service/token', nobody, {
      raw: new URLSearchParams(fields).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
  const actionsOf = (jwt: string): unknown =>
    JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()).access[0].actions;

  it('gives what was asked for as far as it is held', async () => {
    const user = await core.send('GET', '/api/v2.0/users/current', dev);
    await aProject(core.database, { name: 'tokens', members: [[{ id: user.json.user_id } as never, 3]] });
    const scope = '&scope=repository:tokens/app:pull,push';
    const mine = await core.send('GET', `${token}${scope}`, dev);
    expect(mine).toMatchObject({ status: 200, json: { expires_in: 300 } });
    expect(mine.json.access_token).toBe(mine.json.token);
    expect(actionsOf(mine.json.token)).toEqual(['pull']);
    expect(actionsOf((await core.send('GET', `${token}${scope}`, nobody)).json.token)).toEqual([]);
    expect(mine.headers['cache-control']).toBe('no-store');
  });

  it('refuses wrong credentials, none at all, and other services', async () => {
    expect((await core.send('GET', token, ['dev', 'wrong'])).status).toBe(401);
    expect((await core.send('GET', token, nobody)).status).toBe(401);
    expect((await core.send('GET', '/service/token?service=other', dev)).status).toBe(400);
  });

  it('has the OAuth2 form, with a refresh token only where it is wanted', async () => {
    const base = { grant_type: 'password', username: 'dev', password, service: 'harbor-registry' };
    expect((await form(base)).json).not.toHaveProperty('refresh_token');
    const first = await form({ ...base, access_type: 'offline', client_id: 'test' });
    const again = await form({
      grant_type: 'refresh_token',
      refresh_token: first.json.refresh_token,
      service: 'harbor-registry',
    });
    expect(again).toMatchObject({ status: 200, json: { access_token: expect.any(String) } });
    expect((await form({ grant_type: 'refresh_token', refresh_token: 'x' })).status).toBe(401);
    expect((await form({ grant_type: 'magic' })).status).toBe(400);
    expect((await form({ grant_type: 'password', username: 'dev' })).status).toBe(400);
  });
});

describe('the keys of tokens', () => {
  it('are published, their public halves alone', async () => {
    const jwks = await core.send('GET', '/.well-known/jwks.json', nobody);
    expect(jwks.json.keys).toMatchObject([{ kty: 'OKP', alg: 'EdDSA', use: 'sig' }]);
    expect(jwks.text).not.toContain('"d"');
    const token = await core.send('GET', '/service/token', dev);
    const header = JSON.parse(Buffer.from(token.json.token.split('.')[0], 'base64url').toString());
    expect(jwks.json.keys[0].kid).toBe(header.kid);
  });
});

describe('a client that goes away', () => {
  it('in the middle of its body leaves nothing behind', async () => {
    const before = await core.database.query('SELECT 1 AS x FROM project');
    const answer = await core.send('GET', '/api/v2.0/ping', nobody, { headers: { connection: 'close' } });
    expect(answer.status).toBe(200);
    await new Promise<void>((resolve) => {
      const headers = {
        'content-length': '100',
        authorization: `Basic ${Buffer.from(dev.join(':')).toString('base64')}`,
      };
      const req = request({ host: '127.0.0.1', port: core.port, method: 'POST', path: projects, headers });
      req.on('error', () => resolve());
      req.write('{"project_name":"half');
      setTimeout(() => req.destroy(new Error('gone')), 50);
    });
    expect((await core.send('GET', '/api/v2.0/ping', nobody)).status).toBe(200);
    expect(await core.database.query('SELECT 1 AS x FROM project')).toEqual(before);
  });

  it('or sends its body too slowly is cut off', async () => {
    const slow = await startTestCore({ bodyMilliseconds: 100 });
    const begun = performance.now();
    const error = await new Promise<Error>((resolve) => {
      const headers = { 'content-length': '100' };
      const req = request({ host: '127.0.0.1', port: slow.port, method: 'POST', path: projects, headers });
      req.on('error', resolve);
      req.write('{');
    });
    expect(error.message).toMatch(/socket hang up|ECONNRESET/);
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect((await slow.send('GET', '/api/v2.0/ping', nobody)).status).toBe(200);
    await slow.close();
  });
});
