import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aProject, aUser, password } from '@entrepot/access/testing';
import { nobody, startTestCore, type As, type TestAnswer, type TestCore } from './test-core.ts';

const admin: As = ['admin', password];
const owner: As = ['owner', password];
const members = '/api/v2.0/projects/team/members';
let core: TestCore;

beforeAll(async () => {
  core = await startTestCore();
  await aUser(core.database, { username: 'admin', sysadmin: true });
  const user = await aUser(core.database, { username: 'owner' });
  for (const username of ['ann', 'bob', 'cid', 'dan']) await aUser(core.database, { username });
  await aProject(core.database, { name: 'team', members: [[user, 1]] });
});
afterAll(() => core.close());

function add(username: string, roleId: number, as: As = owner): Promise<TestAnswer> {
  return core.send('POST', members, as, { body: { role_id: roleId, member_user: { username } } });
}

async function version(): Promise<number> {
  const rows = await core.database.query<{ v: number }>(
    `SELECT access_version AS v FROM project WHERE name = 'team'`,
  );
  return rows[0]?.v ?? 0;
}

describe('members', () => {
  it('are added by name or id, with a Location that can be got', async () => {
    const made = await add('ann', 2);
    expect(made).toMatchObject({ status: 201, text: '' });
    expect(made.headers.location).toMatch(/^\/api\/v2\.0\/projects\/team\/members\/\d+$/);
    const got = await core.send('GET', made.headers.location ?? '', owner);
    expect(got.json).toMatchObject({
      entity_name: 'ann',
      role_name: 'developer',
      role_id: 2,
      entity_type: 'u',
    });
    const byId = {
      role_id: 3,
      member_user: {
        user_id: (await core.send('GET', '/api/v2.0/users/current', ['bob', password])).json.user_id,
      },
    };
    expect((await core.send('POST', members, owner, { body: byId })).status).toBe(201);
  });

  it('are listed by name, filtered by part of it', async () => {
    const answer = await core.send('GET', `${members}?page=1&page_size=2`, owner);
    expect(answer.json.map((each: { entity_name: string }) => each.entity_name)).toEqual(['ann', 'bob']);
    expect(answer.headers['x-total-count']).toBe('3');
    expect((await core.send('GET', `${members}?entityname=NN`, owner)).json).toHaveLength(1);
    expect((await core.send('GET', `${members}?page=9`, owner)).json).toEqual([]);
    expect((await core.send('GET', members, nobody)).status).toBe(401);
    expect((await core.send('GET', members, ['dan', password])).status).toBe(403);
  });

  it.each([
    ['somebody who is one', { role_id: 2, member_user: { username: 'ann' } }, 409],
    ['a role that does not exist', { role_id: 77, member_user: { username: 'cid' } }, 400],
    ['no role', { member_user: { username: 'cid' } }, 400],
    ['nobody', { role_id: 2 }, 400],
    ['a group, without a directory', { role_id: 2, member_group: { id: 1 } }, 400],
    ['an unknown user', { role_id: 2, member_user: { username: 'zoe' } }, 404],
    ['a role that is text', { role_id: '2', member_user: { username: 'cid' } }, 422],
  ])('cannot be %s', async (_, body, status) => {
    expect((await core.send('POST', members, owner, { body })).status).toBe(status);
  });

  it('change their role, and tokens of the old one end', async () => {
    const { headers } = await add('cid', 1);
    const before = await version();
    const path = headers.location ?? '';
    expect((await core.send('GET', '/api/v2.0/projects/team/_deletable', ['cid', password])).status).toBe(
      200,
    );
    expect(await core.send('PUT', path, owner, { body: { role_id: 5 } })).toMatchObject({
      status: 200,
      text: '',
    });
    expect(await version()).toBe(before + 1);
    expect((await core.send('GET', '/api/v2.0/projects/team/_deletable', ['cid', password])).status).toBe(
      403,
    );
    expect((await core.send('PUT', path, owner, { body: { role_id: 99 } })).status).toBe(400);
    expect((await core.send('PUT', `${members}/99999`, owner, { body: { role_id: 2 } })).status).toBe(404);
  });

  it('leave, and are 404 then', async () => {
    const path = (await add('dan', 4)).headers.location ?? '';
    expect((await core.send('GET', '/api/v2.0/projects/team', ['dan', password])).status).toBe(200);
    const before = await version();
    expect(await core.send('DELETE', path, owner)).toMatchObject({ status: 200, text: '' });
    expect(await version()).toBe(before + 1);
    expect((await core.send('GET', path, owner)).status).toBe(404);
    expect((await core.send('GET', '/api/v2.0/projects/team', ['dan', password])).status).toBe(403);
  });

  it('of another project are not found here', async () => {
    await core.send('POST', '/api/v2.0/projects', admin, { body: { project_name: 'other' } });
    const there = (await core.send('GET', '/api/v2.0/projects/other/members', admin)).json[0];
    expect((await core.send('GET', `${members}/${there.id}`, owner)).status).toBe(404);
    expect((await core.send('DELETE', `${members}/${there.id}`, owner)).status).toBe(404);
  });

  it('are managed by administrators of the project alone', async () => {
    expect((await add('dan', 2, ['ann', password])).status).toBe(403);
    expect((await add('dan', 2, ['bob', password])).status).toBe(403);
  });
});
