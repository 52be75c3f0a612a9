import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordAudit } from '@entrepot/access/audit';
import { writeSettings } from '@entrepot/access/settings';
import { aProject, aRobot, aUser, password } from '@entrepot/access/testing';
import { nobody, startTestCore, type As, type TestAnswer, type TestCore } from './test-core.ts';

const admin: As = ['admin', password];
const dev: As = ['dev', password];
const projects = '/api/v2.0/projects';
let core: TestCore;

beforeAll(async () => {
  core = await startTestCore();
  await aUser(core.database, { username: 'admin', sysadmin: true });
  await aUser(core.database, { username: 'dev' });
});
afterAll(() => core.close());

function create(body: unknown, as: As = dev, headers: Record<string, string> = {}): Promise<TestAnswer> {
  return core.send('POST', projects, as, { body, headers });
}

async function accessVersion(name: string): Promise<number> {
  const rows = await core.database.query<{ v: number }>(
    'SELECT access_version AS v FROM project WHERE name = $1',
    [name],
  );
  return rows[0]?.v ?? 0;
}

describe('creating a project', () => {
  it('answers 201 with a zero-length body and a relative Location', async () => {
    const answer = await create({ project_name: 'first' });
    expect(answer).toMatchObject({ status: 201, text: '' });
    expect(answer.headers['content-length']).toBe('0');
    expect(answer.headers.location).toMatch(/^\/api\/v2\.0\/projects\/\d+$/);
    const got = await core.send('GET', answer.headers.location ?? '', dev);
    expect(got.json).toMatchObject({
      name: 'first',
      owner_name: 'dev',
      repo_count: 0,
      current_user_role_id: 1,
      current_user_role_ids: [1],
      deleted: false,
      metadata: { public: 'false' },
      cve_allowlist: { items: [] },
    });
  });

  it('names the project in Location when X-Resource-Name-In-Location asks for it', async () => {
    const answer = await create({ project_name: 'named' }, dev, { 'x-resource-name-in-location': 'true' });
    expect(answer.headers.location).toBe('/api/v2.0/projects/named');
  });

  it('takes what terraform sends: metadata as strings, an allowlist, members nobody knows', async () => {
    const metadata = {
      public: 'true',
      auto_scan: 'true',
      severity: 'high',
      prevent_vul: 'false',
      proxy_speed_kb: '-1',
    };
    const body = {
      metadata,
      cve_allowlist: { items: [{ cve_id: 'CVE-1' }] },
      storage_limit: -1,
      count_limit: 5,
    };
    const answer = await create({ project_name: 'formed', ...body }, admin);
    expect(answer.status).toBe(201);
    expect((await core.send('GET', `${projects}/formed`, nobody)).json).toMatchObject({
      metadata,
      cve_allowlist: { items: [{ cve_id: 'CVE-1' }] },
    });
  });

  it('takes the old member public', async () => {
    expect((await create({ project_name: 'open', public: true })).status).toBe(201);
    expect((await core.send('GET', `${projects}/open`, nobody)).json.metadata.public).toBe('true');
  });

  it.each([
    ['a name that exists', { project_name: 'first' }, 409, 'CONFLICT'],
    ['a name that breaks the grammar', { project_name: 'Team' }, 400, 'BAD_REQUEST'],
    ['a name with a slash', { project_name: 'a/b' }, 400, 'BAD_REQUEST'],
    ['no name', {}, 400, 'BAD_REQUEST'],
    ['a name of 256 characters', { project_name: 'a'.repeat(256) }, 400, 'BAD_REQUEST'],
    ['a name that is a number', { project_name: 3 }, 422, 'UNPROCESSABLE_ENTITY'],
    ['an unknown severity', { project_name: 'x', metadata: { severity: 'bad' } }, 400, 'BAD_REQUEST'],
    ['a flag that is none', { project_name: 'x', metadata: { auto_scan: 'maybe' } }, 400, 'BAD_REQUEST'],
    ['a retention policy', { project_name: 'x', metadata: { retention_id: '3' } }, 400, 'BAD_REQUEST'],
    ['a registry', { project_name: 'x', registry_id: 0 }, 400, 'BAD_REQUEST'],
  ])('refuses %s', async (_, body, status, code) => {
    const answer = await create(body);
    expect(answer).toMatchObject({ status, json: { errors: [{ code }] } });
    expect(answer.json.requestId).toBe(answer.headers['x-request-id']);
  });

  it('heeds the storage limit of an administrator alone', async () => {
    await create({ project_name: 'limited', storage_limit: 1000 }, admin);
    await create({ project_name: 'unlimited', storage_limit: 1000 }, dev);
    const quota = async (name: string) =>
      (await core.send('GET', `${projects}/${name}/summary`, admin)).json.quota;
    expect(await quota('limited')).toEqual({ hard: { storage: 1000 }, used: { storage: 0 } });
    expect(await quota('unlimited')).toEqual({ hard: { storage: -1 }, used: { storage: 0 } });
    expect((await create({ project_name: 'x', storage_limit: -5 }, admin)).status).toBe(400);
  });

  it('of one name by many at once succeeds once', async () => {
    const made = await Promise.all(Array.from({ length: 5 }, () => create({ project_name: 'contested' })));
    const statuses = made.map((answer) => answer.status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([201, 409, 409, 409, 409]);
  });

  it('is for those whom the setting allows, in the words that Harbor has', async () => {
    await writeSettings(core.database, { projectCreation: 'administrators' });
    const answer = await create({ project_name: 'forbidden' });
    const error = { code: 'FORBIDDEN', message: 'Only system admin can create project' };
    expect(answer).toMatchObject({ status: 403, json: { errors: [error] } });
    expect((await create({ project_name: 'by-admin' }, admin)).status).toBe(201);
    await writeSettings(core.database, { projectCreation: 'everyone' });
    expect((await create({ project_name: 'by-nobody' }, nobody)).status).toBe(401);
  });

  it('is for robots of the system, not for those of a project', async () => {
    const project = await aProject(core.database, { name: 'with-robot' });
    const ofSystem = await aRobot(core.database, { name: 'maker', system: ['project:create'] });
    const ofProject = await aRobot(core.database, { name: 'maker', projectId: project.id });
    expect((await create({ project_name: 'by-robot' }, ['robot$maker', ofSystem.secret])).status).toBe(201);
    const refused = await create({ project_name: 'x' }, ['robot$with-robot+maker', ofProject.secret]);
    expect(refused.json.errors[0].message).toBe('Only system level robot can create project');
    expect((await core.send('GET', `${projects}/by-robot`, admin)).json.owner_name).toBe('admin');
  });

  it('writes an audit row and a fact with it, once', async () => {
    await create({ project_name: 'audited' }, dev, { 'x-request-id': 'req-1', 'user-agent': 'tester/1' });
    const [row] = await core.database.query(
      `SELECT actor, actor_kind, user_agent, request_id, operation, resource_type, succeeded FROM audit_log WHERE resource = 'audited'`,
    );
    const expected = {
      actor: 'dev',
      actor_kind: 'user',
      user_agent: 'tester/1',
      request_id: 'req-1',
      operation: 'create',
    };
    expect(row).toMatchObject({ ...expected, resource_type: 'project', succeeded: true });
    const facts = await core.database.query(
      `SELECT payload FROM outbox WHERE fact = 'project.created' AND payload ->> 'project' = 'audited'`,
    );
    expect(facts).toHaveLength(1);
    await create({ project_name: 'audited' });
    expect(await core.database.query(`SELECT 1 AS x FROM audit_log WHERE resource = 'audited'`)).toHaveLength(
      1,
    );
  });
});

describe('finding a project', () => {
  it('takes digits for an id unless X-Is-Resource-Name says name', async () => {
    const made = await create({ project_name: '2026' });
    const id = Number(made.headers.location?.split('/').at(-1));
    expect((await core.send('GET', `${projects}/${id}`, dev)).json.name).toBe('2026');
    expect((await core.send('GET', `${projects}/2026`, admin)).status).toBe(404);
    const byName = await core.send('GET', `${projects}/2026`, dev, {
      headers: { 'x-is-resource-name': 'true' },
    });
    expect(byName.json.project_id).toBe(id);
  });

  it('looks alike for a missing and a hidden one: 404 to an administrator, 403 to a user, 401 to nobody', async () => {
    await create({ project_name: 'hidden' }, admin);
    const ask = async (name: string, as: As): Promise<unknown> => {
      const { status, json } = await core.send('GET', `${projects}/${name}`, as);
      return { status, errors: json.errors };
    };
    expect(await ask('hidden', dev)).toEqual(await ask('missing', dev));
    expect(await ask('hidden', nobody)).toEqual(await ask('missing', nobody));
    expect(await ask('missing', dev)).toMatchObject({ status: 403, errors: [{ code: 'FORBIDDEN' }] });
    expect(await ask('missing', nobody)).toMatchObject({ status: 401, errors: [{ code: 'UNAUTHORIZED' }] });
    expect(await ask('missing', admin)).toMatchObject({ status: 404, errors: [{ code: 'NOT_FOUND' }] });
    expect((await core.send('GET', `${projects}/hidden`, admin)).status).toBe(200);
  });

  it('answers HEAD by name to whoever signed in', async () => {
    const head = (name: string, as: As) => core.send('HEAD', `${projects}?project_name=${name}`, as);
    expect(await head('hidden', dev)).toMatchObject({ status: 200, text: '' });
    expect((await head('missing', dev)).status).toBe(404);
    expect((await head('hidden', nobody)).status).toBe(401);
  });
});

describe('changing a project', () => {
  it('keeps what is not sent, and answers 200 without a body', async () => {
    await create({ project_name: 'changing', metadata: { auto_scan: 'true' } });
    const put = (body: unknown) => core.send('PUT', `${projects}/changing`, dev, { body });
    expect(await put({ metadata: { severity: 'low' } })).toMatchObject({ status: 200, text: '' });
    expect(
      await put({ project_name: 'other', cve_allowlist: { items: [{ cve_id: 'C' }], expires_at: 5 } }),
    ).toMatchObject({
      status: 200,
    });
    const got = await core.send('GET', `${projects}/changing`, dev);
    expect(got.json).toMatchObject({
      name: 'changing',
      metadata: { auto_scan: 'true', severity: 'low' },
      cve_allowlist: { items: [{ cve_id: 'C' }], expires_at: 5 },
    });
  });

  it('ends tokens when it becomes private, and only then', async () => {
    await create({ project_name: 'shutting', public: true });
    const before = await accessVersion('shutting');
    await core.send('PUT', `${projects}/shutting`, dev, { body: { metadata: { auto_scan: 'true' } } });
    expect(await accessVersion('shutting')).toBe(before);
    await core.send('PUT', `${projects}/shutting`, dev, { body: { metadata: { public: 'false' } } });
    expect(await accessVersion('shutting')).toBe(before + 1);
    expect((await core.send('GET', `${projects}/shutting`, nobody)).status).toBe(401);
  });

  it('has a resource for each setting', async () => {
    await create({ project_name: 'settings' });
    const at = `${projects}/settings/metadatas`;
    const set = (method: string, path: string, body?: unknown) =>
      core.send(method, path, dev, body === undefined ? {} : { body });
    expect((await set('POST', `${at}/`, { auto_scan: 'true' })).status).toBe(200);
    expect((await set('POST', at, { auto_scan: 'true' })).status).toBe(409);
    expect((await set('POST', at, { severity: 'low', auto_scan: 'true' })).status).toBe(400);
    expect((await set('POST', at, { nonsense: 'x' })).status).toBe(400);
    expect((await set('PUT', `${at}/auto_scan`, { auto_scan: 'false' })).status).toBe(200);
    expect((await set('GET', `${at}/auto_scan`)).json).toEqual({ auto_scan: 'false' });
    expect((await core.send('GET', `${at}/`, admin)).json).toEqual({ auto_scan: 'false', public: 'false' });
    expect((await set('GET', at)).status).toBe(403);
    expect((await set('DELETE', `${at}/auto_scan`)).status).toBe(200);
    expect((await set('GET', `${at}/auto_scan`)).status).toBe(404);
    expect((await set('PUT', `${at}/__proto__`, { severity: 'low' })).status).toBe(400);
  });
});

describe('deleting a project', () => {
  it('is refused while repositories are left, and says so beforehand', async () => {
    await create({ project_name: 'full' });
    const id = (await core.send('GET', `${projects}/full`, dev)).json.project_id;
    await core.database.query(
      `INSERT INTO repository (project_id, name, pushed_at) VALUES ($1, 'full/app', now())`,
      [id],
    );
    const deletable = { deletable: false, message: 'the project contains repositories, can not be deleted' };
    expect((await core.send('GET', `${projects}/full/_deletable`, dev)).json).toEqual(deletable);
    expect(await core.send('DELETE', `${projects}/full`, dev)).toMatchObject({
      status: 412,
      json: { errors: [{ code: 'PRECONDITION' }] },
    });
    await core.database.query(`UPDATE repository SET deleted_at = now() WHERE name = 'full/app'`);
    expect((await core.send('GET', `${projects}/full/_deletable`, dev)).json.deletable).toBe(true);
    expect(await core.send('DELETE', `${projects}/full`, dev)).toMatchObject({ status: 200, text: '' });
    expect((await core.send('GET', `${projects}/full`, admin)).status).toBe(404);
  });

  it('waits for a push that is creating a repository, and is refused then', async () => {
    await create({ project_name: 'racing' });
    const id = (await core.send('GET', `${projects}/racing`, dev)).json.project_id;
    const pusher = await core.session();
    await pusher.query('BEGIN');
    await pusher.query(`SELECT ensure_repository($1, 'racing/app')`, [id]);
    await pusher.query(`UPDATE repository SET pushed_at = now() WHERE name = 'racing/app'`);
    let answered = false;
    const deletion = core.send('DELETE', `${projects}/racing`, dev).then((answer) => {
      answered = true;
      return answer;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(answered).toBe(false);
    await pusher.query('COMMIT');
    expect((await deletion).status).toBe(412);
  });

  it('makes a push that comes later find no project', async () => {
    await create({ project_name: 'raced' });
    const id = (await core.send('GET', `${projects}/raced`, dev)).json.project_id;
    await core.send('DELETE', `${projects}/raced`, dev);
    const push = core.database.query(`SELECT ensure_repository($1, 'raced/app')`, [id]);
    await expect(push).rejects.toMatchObject({ code: 'EN003' });
  });

  it('frees the name, and the new project has none of the rights of the old one', async () => {
    await create({ project_name: 'reborn' });
    await core.send('DELETE', `${projects}/reborn`, dev);
    expect((await create({ project_name: 'reborn' }, admin)).status).toBe(201);
    expect((await core.send('GET', `${projects}/reborn`, dev)).status).toBe(403);
  });

  it('takes its robots with it', async () => {
    await create({ project_name: 'robotic' });
    const id = (await core.send('GET', `${projects}/robotic`, dev)).json.project_id;
    await aRobot(core.database, {
      name: 'ci',
      projectId: id,
      project: { id, permissions: ['repository:pull'] },
    });
    await core.send('DELETE', `${projects}/robotic`, dev);
    expect(await core.database.query('SELECT id FROM robot WHERE project_id = $1', [id])).toEqual([]);
  });
});

describe('a change that fails', () => {
  it('leaves no audit row behind', async () => {
    const origin = { actor: 'x', actorKind: 'system' } as const;
    const entry = { operation: 'test', resourceType: 'project', resource: 'rolled-back' };
    const failing = core.database.transaction(async () => {
      await recordAudit(core.database, origin, entry);
      throw new Error('stop');
    });
    await expect(failing).rejects.toThrow('stop');
    expect(await core.database.query(`SELECT 1 AS x FROM audit_log WHERE resource = 'rolled-back'`)).toEqual(
      [],
    );
  });
});
