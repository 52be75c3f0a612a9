import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aProject, aRobot, aUser, password } from '@entrepot/access/testing';
import { nobody, startTestCore, type As, type TestAnswer, type TestCore } from './test-core.ts';

const admin: As = ['admin', password];
const users = '/api/v2.0/users';
const chosen = 'Another-Horse-7';
let core: TestCore;
let adminId: number;

beforeAll(async () => {
  core = await startTestCore();
  adminId = (await aUser(core.database, { username: 'admin', sysadmin: true })).id;
});
afterAll(() => core.close());

async function newUser(username: string): Promise<{ as: As; id: number; path: string }> {
  const { id } = await aUser(core.database, { username, email: `${username}@example.org` });
  return { as: [username, password], id, path: `${users}/${id}` };
}

function put(path: string, as: As, body: unknown): Promise<TestAnswer> {
  return core.send('PUT', path, as, { body });
}

describe('creating a user', () => {
  it('is what terraform does: POST, then profile, sysadmin and password with the whole body each', async () => {
    const body = {
      username: 'tf',
      password: chosen,
      email: 'tf@example.org',
      realname: 'T F',
      new_password: chosen,
      comment: 'c',
    };
    const made = await core.send('POST', users, admin, { body });
    expect(made).toMatchObject({ status: 201, text: '' });
    expect(made.headers.location).toMatch(/^\/api\/v2\.0\/users\/\d+$/);
    const path = made.headers.location ?? '';
    expect((await put(path, admin, { ...body, realname: 'Terra' })).status).toBe(200);
    expect((await put(`${path}/sysadmin`, admin, { ...body, sysadmin_flag: true })).status).toBe(200);
    const got = await core.send('GET', path, admin);
    expect(got.json).toMatchObject({
      username: 'tf',
      email: 'tf@example.org',
      realname: 'Terra',
      comment: 'c',
      sysadmin_flag: true,
      admin_role_in_auth: false,
    });
    expect(JSON.stringify(got.json)).not.toMatch(/argon|password/i);
    // an absent flag means false
    expect((await put(`${path}/sysadmin`, admin, body)).status).toBe(200);
    expect((await core.send('GET', path, admin)).json.sysadmin_flag).toBe(false);
    const same = await put(`${path}/password`, admin, body);
    expect(same).toMatchObject({
      status: 400,
      json: { errors: [{ message: 'New password is identical to old password' }] },
    });
  });

  it.each([
    ['a weak password', { username: 'w', password: 'short' }, 400],
    ['no password', { username: 'w' }, 400],
    ['no name', { password: chosen }, 400],
    ['a name like that of a robot', { username: 'robot$x', password: chosen }, 400],
    ['a name with a colon', { username: 'a:b', password: chosen }, 400],
    ['a mail address that is none', { username: 'w', password: chosen, email: 'w' }, 400],
    ['a name that exists', { username: 'admin', password: chosen }, 409],
    ['a number for a name', { username: 7, password: chosen }, 422],
    ['a name of 256 characters', { username: 'x'.repeat(256), password: chosen }, 400],
  ])('refuses %s', async (_, body, status) => {
    expect((await core.send('POST', users, admin, { body })).status).toBe(status);
  });

  it('is for administrators, and for robots that were given it', async () => {
    const { as } = await newUser('plain');
    const body = { username: 'made-by-robot', password: chosen };
    expect((await core.send('POST', users, as, { body })).status).toBe(403);
    expect((await core.send('POST', users, nobody, { body })).status).toBe(401);
    const robot = await aRobot(core.database, { name: 'people', system: ['user:create'] });
    expect((await core.send('POST', users, ['robot$people', robot.secret], { body })).status).toBe(201);
    expect((await core.send('GET', users, ['robot$people', robot.secret])).status).toBe(403);
  });
});

describe('who one is', () => {
  it('is told to people, with 401 to nobody and 412 to robots', async () => {
    const { as } = await newUser('me');
    expect((await core.send('GET', `${users}/current`, as)).json).toMatchObject({
      username: 'me',
      sysadmin_flag: false,
    });
    expect((await core.send('GET', `${users}/current`, nobody)).status).toBe(401);
    expect((await core.send('GET', `${users}/current`, ['me', 'wrong'])).status).toBe(401);
    const robot = await aRobot(core.database, { name: 'who' });
    expect((await core.send('GET', `${users}/current`, ['robot$who', robot.secret])).status).toBe(412);
  });

  it('takes the mail address and a password with colons', async () => {
    const { id } = await newUser('colon');
    expect((await put(`${users}/${id}/password`, admin, { new_password: 'Aa1:bb:cc' })).status).toBe(200);
    expect((await core.send('GET', `${users}/current`, ['colon@example.org', 'Aa1:bb:cc'])).status).toBe(200);
  });

  it('includes what one may: in the system, in a project, by relative names', async () => {
    const { as } = await newUser('may');
    const permissions = (query: string, who: As) =>
      core.send('GET', `${users}/current/permissions${query}`, who);
    expect((await permissions('?scope=/system', admin)).json).toContainEqual({
      resource: '/system/user',
      action: 'delete',
    });
    expect((await permissions('?scope=/system', as)).json).toEqual([]);
    const user = await core.send('GET', `${users}/current`, as);
    const { id } = await aProject(core.database, {
      name: 'mine',
      members: [[{ id: user.json.user_id } as never, 5]],
    });
    const mine = await permissions(`?scope=/project/${id}&relative=true`, as);
    expect(mine.json).toHaveLength(14);
    expect(mine.json).toContainEqual({ resource: 'repository', action: 'pull' });
    expect(mine.json).toContainEqual({ resource: '.', action: 'read' });
    const absolute = await permissions(`?scope=/project/${id}`, as);
    expect(absolute.json).toContainEqual({ resource: `/project/${id}/repository`, action: 'pull' });
    expect((await permissions('?scope=/project/99999', as)).json).toEqual([]);
    expect((await permissions('?scope=/nonsense', as)).json).toEqual([]);
    expect((await permissions('', nobody)).status).toBe(401);
  });
});

describe('finding people', () => {
  it('lists them for administrators with filters, whole pages and totals', async () => {
    await newUser('lister');
    const answer = await core.send('GET', `${users}?q=username%3Dlister`, admin);
    expect(answer).toMatchObject({
      status: 200,
      json: [{ username: 'lister' }],
      headers: { 'x-total-count': '1' },
    });
    expect((await core.send('GET', `${users}?page_size=0&sort=-user_id`, admin)).json.length).toBeGreaterThan(
      1,
    );
    expect((await core.send('GET', users, ['lister', password])).status).toBe(403);
    expect((await core.send('GET', users, nobody)).status).toBe(401);
  });

  it('searches names for whoever signed in, and tells nothing but the name', async () => {
    const { as, id } = await newUser('searched');
    const answer = await core.send('GET', `${users}/search?username=EARCHE`, as);
    expect(answer.json).toEqual([{ user_id: id, username: 'searched' }]);
    expect((await core.send('GET', `${users}/search?username=x`, nobody)).status).toBe(401);
    expect((await core.send('GET', `${users}/search`, as)).status).toBe(422);
  });

  it('shows one to himself and to administrators', async () => {
    const { as, path } = await newUser('shown');
    expect((await core.send('GET', path, as)).json.username).toBe('shown');
    expect((await core.send('GET', `${users}/${adminId}`, as)).status).toBe(403);
    expect((await core.send('GET', path, nobody)).status).toBe(401);
    expect(await core.send('GET', `${users}/99999`, admin)).toMatchObject({
      status: 404,
      json: { errors: [{ code: 'NOT_FOUND', message: 'user 99999 not found' }] },
    });
    expect((await core.send('GET', `${users}/abc`, admin)).status).toBe(422);
  });
});

describe('a password', () => {
  it('is changed by its owner with the old one, by an administrator without', async () => {
    const { as, path } = await newUser('pw');
    expect((await put(`${path}/password`, as, { new_password: chosen })).status).toBe(403);
    expect((await put(`${path}/password`, as, { old_password: password, new_password: 'weak' })).status).toBe(
      400,
    );
    expect((await put(`${path}/password`, as, { old_password: password, new_password: chosen })).status).toBe(
      200,
    );
    expect((await core.send('GET', `${users}/current`, as)).status).toBe(401);
    expect((await core.send('GET', `${users}/current`, ['pw', chosen])).status).toBe(200);
    expect((await put(`${path}/password`, admin, { new_password: password })).status).toBe(200);
    expect((await core.send('GET', `${users}/current`, as)).status).toBe(200);
    const other = await newUser('pw-other');
    expect((await put(`${path}/password`, other.as, { new_password: chosen })).status).toBe(403);
  });

  it('ends the tokens that were issued before it', async () => {
    const { id, path } = await newUser('pw-version');
    const versions = async () =>
      (
        await core.database.query('SELECT access_version, credential_version FROM "user" WHERE id = $1', [id])
      )[0];
    expect(await versions()).toEqual({ access_version: 1, credential_version: 1 });
    await put(`${path}/password`, admin, { new_password: chosen });
    expect(await versions()).toEqual({ access_version: 2, credential_version: 2 });
  });
});

describe('administrators', () => {
  it('are made by administrators, at once', async () => {
    const { as, path } = await newUser('promoted');
    expect((await put(`${path}/sysadmin`, as, { sysadmin_flag: true })).status).toBe(403);
    expect((await core.send('GET', users, as)).status).toBe(403);
    await put(`${path}/sysadmin`, admin, { sysadmin_flag: true });
    expect((await core.send('GET', users, as)).status).toBe(200);
    await put(`${path}/sysadmin`, admin, { sysadmin_flag: false });
    expect((await core.send('GET', users, as)).status).toBe(403);
  });

  it('never run out', async () => {
    expect(await put(`${users}/${adminId}/sysadmin`, admin, { sysadmin_flag: false })).toMatchObject({
      status: 412,
      json: { errors: [{ code: 'PRECONDITION' }] },
    });
  });
});

describe('deleting a user', () => {
  it('shuts him out at once, frees the name and ends memberships', async () => {
    const { as, id, path } = await newUser('leaver');
    await aProject(core.database, { name: 'left', members: [[{ id } as never, 1]] });
    expect(await core.send('DELETE', path, admin)).toMatchObject({ status: 200, text: '' });
    expect((await core.send('GET', `${users}/current`, as)).status).toBe(401);
    expect((await core.send('GET', path, admin)).status).toBe(404);
    expect((await core.send('DELETE', path, admin)).status).toBe(404);
    expect(await core.database.query('SELECT 1 AS x FROM project_member WHERE user_id = $1', [id])).toEqual(
      [],
    );
    expect((await newUser('leaver')).id).not.toBe(id);
  });

  it('is neither for oneself nor for the first administrator', async () => {
    expect((await core.send('DELETE', `${users}/${adminId}`, admin)).status).toBe(403);
    const { as, path } = await newUser('second-admin');
    await put(`${path}/sysadmin`, admin, { sysadmin_flag: true });
    expect((await core.send('DELETE', `${users}/${adminId}`, as)).status).toBe(403);
    expect((await core.send('DELETE', path, as)).status).toBe(403);
  });
});

describe('the catalogue of robots', () => {
  it('is whole for administrators, of projects for theirs, and for nobody else', async () => {
    const permissions = (as: As) => core.send('GET', '/api/v2.0/permissions', as);
    const all = await permissions(admin);
    expect(all.json.system).toHaveLength(70);
    expect(all.json.project).toHaveLength(70);
    const { as, id } = await newUser('of-project');
    expect((await permissions(as)).status).toBe(403);
    await aProject(core.database, { name: 'administered', members: [[{ id } as never, 1]] });
    expect((await permissions(as)).json).not.toHaveProperty('system');
    expect((await permissions(nobody)).status).toBe(401);
  });
});
