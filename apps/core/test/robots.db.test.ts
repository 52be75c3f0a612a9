import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aProject, aUser, password } from '@entrepot/access/testing';
import { nobody, startTestCore, type As, type TestAnswer, type TestCore } from './test-core.ts';

const admin: As = ['admin', password];
const owner: As = ['owner', password];
const guest: As = ['guest', password];
const robots = '/api/v2.0/robots';
const pull = { resource: 'repository', action: 'pull' };
const push = { resource: 'repository', action: 'push' };
let core: TestCore;
let teamId: number;

beforeAll(async () => {
  core = await startTestCore();
  await aUser(core.database, { username: 'admin', sysadmin: true });
  const ownerUser = await aUser(core.database, { username: 'owner' });
  const guestUser = await aUser(core.database, { username: 'guest' });
  teamId = (
    await aProject(core.database, {
      name: 'team',
      members: [
        [ownerUser, 1],
        [guestUser, 3],
      ],
    })
  ).id;
  await aProject(core.database, { name: 'other' });
});
afterAll(() => core.close());

function ofTeam(name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  const permissions = [{ kind: 'project', namespace: 'team', access: [pull, push] }];
  return { name, level: 'project', duration: 30, permissions, ...more };
}

function create(body: unknown, as: As = owner): Promise<TestAnswer> {
  return core.send('POST', robots, as, { body });
}

function signIn(name: string, secret: string): Promise<TestAnswer> {
  return core.send('GET', '/api/v2.0/users/current', [name, secret]);
}

describe('creating a robot', () => {
  it('answers 201 with its full name, the secret this once, and Location', async () => {
    const made = await create(ofTeam('ci', { description: 'builds' }));
    expect(made).toMatchObject({ status: 201, json: { name: 'robot$team+ci' } });
    expect(made.headers.location).toBe(`/api/v2.0/robots/${made.json.id}`);
    expect(Object.keys(made.json).toSorted()).toEqual([
      'creation_time',
      'expires_at',
      'id',
      'name',
      'secret',
    ]);
    // a robot that may sign in is told that it is no user
    expect((await signIn('robot$team+ci', made.json.secret)).status).toBe(412);
    const got = await core.send('GET', made.headers.location ?? '', owner);
    expect(got.json).toMatchObject({
      name: 'robot$team+ci',
      description: 'builds',
      level: 'project',
      duration: 30,
      disable: false,
      editable: true,
      creator_type: 'local',
      permissions: [{ kind: 'project', namespace: 'team', access: [pull, push] }],
    });
    expect(got.text).not.toContain(made.json.secret);
    expect(got.json.expires_at - new Date(got.json.creation_time).getTime() / 1000).toBeCloseTo(
      30 * 86_400,
      -1,
    );
  });

  it('of the system may span the system and projects, and live for ever', async () => {
    const permissions = [
      { kind: 'system', namespace: '/', access: [{ resource: 'user', action: 'list' }] },
      { kind: 'project', namespace: '*', access: [pull] },
    ];
    const made = await create({ name: 'wide', level: 'system', duration: -1, permissions }, admin);
    expect(made.json).toMatchObject({ name: 'robot$wide', expires_at: -1 });
    expect((await core.send('GET', '/api/v2.0/users', ['robot$wide', made.json.secret])).status).toBe(200);
    expect((await core.send('GET', made.headers.location ?? '', admin)).json.permissions).toEqual(
      permissions,
    );
  });

  it.each([
    ['duration 0', ofTeam('x', { duration: 0 }), 400],
    ['no duration', ofTeam('x', { duration: undefined }), 400],
    ['a duration as text', ofTeam('x', { duration: '30' }), 422],
    ['no level', ofTeam('x', { level: undefined }), 400],
    ['no permissions', ofTeam('x', { permissions: [] }), 400],
    ['a name in capitals', ofTeam('CI'), 400],
    ['a name with a plus', ofTeam('a+b'), 400],
    ['a chosen secret that is weak', ofTeam('x', { secret: 'weak' }), 400],
    ['the name of another one', ofTeam('ci'), 409],
    [
      'a permission outside the catalogue',
      ofTeam('x', {
        permissions: [
          { kind: 'project', namespace: 'team', access: [{ resource: 'robot', action: 'update' }] },
        ],
      }),
      400,
    ],
    [
      'permissions in two projects',
      ofTeam('x', {
        permissions: [
          { kind: 'project', namespace: 'team', access: [pull] },
          { kind: 'project', namespace: 'other', access: [pull] },
        ],
      }),
      400,
    ],
    [
      'a project that does not exist',
      ofTeam('x', { permissions: [{ kind: 'project', namespace: 'none', access: [pull] }] }),
      403,
    ],
    [
      'a project that one has no rights in',
      ofTeam('x', { permissions: [{ kind: 'project', namespace: 'other', access: [pull] }] }),
      403,
    ],
  ])('refuses %s', async (_, body, status) => {
    expect((await create(body)).status).toBe(status);
  });

  it('is for administrators of its project, or of the system', async () => {
    expect((await create(ofTeam('y'), guest)).status).toBe(403);
    expect((await create(ofTeam('y'), nobody)).status).toBe(401);
    const system = {
      name: 'y',
      level: 'system',
      duration: 1,
      permissions: [{ kind: 'project', namespace: 'team', access: [pull] }],
    };
    expect((await create(system, owner)).status).toBe(403);
    const unknown = ofTeam('x', { permissions: [{ kind: 'project', namespace: 'none', access: [pull] }] });
    expect((await create(unknown, admin)).status).toBe(404);
  });

  it('by a robot gives no more than that robot holds', async () => {
    const access = [pull, { resource: 'robot', action: 'create' }, { resource: 'robot', action: 'read' }];
    const maker = await create(
      ofTeam('maker', { permissions: [{ kind: 'project', namespace: 'team', access }] }),
    );
    const as: As = ['robot$team+maker', maker.json.secret];
    const less = ofTeam('less', { permissions: [{ kind: 'project', namespace: 'team', access: [pull] }] });
    const made = await create(less, as);
    expect(made.status).toBe(201);
    const shown = await core.send('GET', `${robots}/${made.json.id}`, owner);
    expect(shown.json).toMatchObject({ creator_type: 'robot', creator_ref: maker.json.id });
    const more = await create(ofTeam('more'), as);
    expect(more).toMatchObject({ status: 403, json: { errors: [{ code: 'FORBIDDEN' }] } });
    expect(more.json.errors[0].message).toContain('repository:push');
  });
});

describe('a robot', () => {
  it('with push in a project also pulls, but reads back as it was written', async () => {
    const made = await create(
      ofTeam('pusher', { permissions: [{ kind: 'project', namespace: 'team', access: [push] }] }),
    );
    const got = await core.send('GET', `${robots}/${made.json.id}`, owner);
    expect(got.json.permissions[0].access).toEqual([push]);
    const scope = 'repository:team/app:pull,push';
    const token = await core.send('GET', `/service/token?scope=${scope}`, [
      'robot$team+pusher',
      made.json.secret,
    ]);
    const claims = JSON.parse(Buffer.from(token.json.token.split('.')[1], 'base64url').toString());
    expect(claims.access[0].actions.toSorted()).toEqual(['pull', 'push']);
  });

  it('is changed by PUT with its full name; permissions are replaced; other names and levels are refused', async () => {
    const made = await create(ofTeam('changing'));
    const path = `${robots}/${made.json.id}`;
    const permissions = [{ kind: 'project', namespace: 'team', access: [pull] }];
    const body = {
      ...ofTeam('robot$team+changing', { permissions, disable: true, duration: -1 }),
      id: made.json.id,
    };
    expect(await core.send('PUT', path, owner, { body })).toMatchObject({ status: 200, text: '' });
    expect((await core.send('GET', path, owner)).json).toMatchObject({
      permissions,
      disable: true,
      duration: -1,
      expires_at: -1,
    });
    expect((await signIn('robot$team+changing', made.json.secret)).status).toBe(401);
    expect((await core.send('PUT', path, owner, { body: { ...body, disable: false } })).status).toBe(200);
    expect((await signIn('robot$team+changing', made.json.secret)).status).toBe(412);
    expect((await core.send('PUT', path, owner, { body: { ...body, name: 'robot$team+new' } })).status).toBe(
      400,
    );
    expect((await core.send('PUT', path, owner, { body: { ...body, level: 'system' } })).status).toBe(400);
    const elsewhere = [{ kind: 'project', namespace: 'other', access: [pull] }];
    expect((await core.send('PUT', path, admin, { body: { ...body, permissions: elsewhere } })).status).toBe(
      400,
    );
    expect((await core.send('PUT', path, guest, { body })).status).toBe(403);
  });

  it('gets another secret by PATCH, made or chosen, and the old one ends at once', async () => {
    const made = await create(ofTeam('secretive'));
    const path = `${robots}/${made.json.id}`;
    const patch = (body: unknown, as: As = owner) => core.send('PATCH', path, as, { body });
    const fresh = await patch({ secret: '' });
    expect(fresh.json.secret).not.toBe(made.json.secret);
    expect((await signIn('robot$team+secretive', made.json.secret)).status).toBe(401);
    expect((await signIn('robot$team+secretive', fresh.json.secret)).status).toBe(412);
    expect((await patch({ secret: 'Chosen-Secret-1' })).json).toEqual({ secret: '' });
    expect((await signIn('robot$team+secretive', 'Chosen-Secret-1')).status).toBe(412);
    expect((await patch({ secret: 'weak' })).status).toBe(400);
    expect((await patch({}, guest)).status).toBe(403);
  });

  it('stops to work when it expires', async () => {
    const made = await create(ofTeam('mortal'));
    await core.database.query(`UPDATE robot SET expires_at = now() - interval '1 second' WHERE id = $1`, [
      made.json.id,
    ]);
    expect((await signIn('robot$team+mortal', made.json.secret)).status).toBe(401);
  });

  it('is gone after DELETE, and unknown ones are 404 to any user', async () => {
    const made = await create(ofTeam('leaving'));
    const path = `${robots}/${made.json.id}`;
    expect((await core.send('DELETE', path, guest)).status).toBe(403);
    expect(await core.send('DELETE', path, owner)).toMatchObject({ status: 200, text: '' });
    expect((await signIn('robot$team+leaving', made.json.secret)).status).toBe(401);
    for (const as of [admin, owner, guest]) expect((await core.send('GET', path, as)).status).toBe(404);
    expect((await core.send('GET', path, nobody)).status).toBe(401);
  });
});

describe('listing robots', () => {
  it('is of the system by default, or of a project, with q encoded once or twice', async () => {
    const list = (query: string, as: As) => core.send('GET', `${robots}${query}`, as);
    expect((await list('', admin)).json.map((each: { name: string }) => each.name)).toEqual(['robot$wide']);
    expect((await list('', owner)).status).toBe(403);
    const once = `?q=${encodeURIComponent(`Level=project,ProjectID=${teamId}`)}`;
    const twice = `?q=${encodeURIComponent(encodeURIComponent(`Level=project,ProjectID=${teamId}`))}`;
    const found = await list(`${once}&page_size=2`, guest);
    expect(found.json).toHaveLength(2);
    expect(found.json[0].permissions[0].namespace).toBe('team');
    expect(Number(found.headers['x-total-count'])).toBeGreaterThan(2);
    expect((await list(twice, guest)).json).toEqual((await list(once, guest)).json);
    expect((await list(`${once}&page=99`, owner)).json).toEqual([]);
  });

  it('of a project that does not exist looks like one without rights, but to administrators', async () => {
    const ask = (as: As) =>
      core.send('GET', `${robots}?q=${encodeURIComponent('Level=project,ProjectID=99999')}`, as);
    expect((await ask(owner)).status).toBe(403);
    expect((await ask(admin)).status).toBe(404);
  });

  it.each(['Level=project', 'Level=team', 'Level=project,ProjectID=x'])('refuses q=%s', async (q) => {
    expect((await core.send('GET', `${robots}?q=${encodeURIComponent(q)}`, admin)).status).toBe(400);
  });
});
