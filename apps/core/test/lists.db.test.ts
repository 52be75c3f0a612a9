import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { aProject, aRobot, aUser, password } from '@entrepot/access/testing';
import { nobody, startTestCore, type As, type TestAnswer, type TestCore } from './test-core.ts';

const admin: As = ['admin', password];
const dev: As = ['dev', password];
const projects = '/api/v2.0/projects';
let core: TestCore;

beforeAll(async () => {
  core = await startTestCore();
  await aUser(core.database, { username: 'admin', sysadmin: true });
  const user = await aUser(core.database, { username: 'dev' });
  for (const name of ['p1', 'p2', 'p3', 'p4', 'p5']) await aProject(core.database, { name });
  await aProject(core.database, { name: 'mine', members: [[user, 5]] });
  await aProject(core.database, { name: 'open_one', public: true });
});
afterAll(() => core.close());

function list(query: string, as: As = admin): Promise<TestAnswer> {
  return core.send('GET', `${projects}${query}`, as);
}

async function names(query: string, as: As = admin): Promise<string[]> {
  return (await list(query, as)).json.map((project: { name: string }) => project.name);
}

describe('a list', () => {
  it('comes in pages with a total and links, prev first', async () => {
    const answer = await list('?sort=name&q=name%3D~p&page=2&page_size=2');
    expect(answer.json.map((project: { name: string }) => project.name)).toEqual(['p2', 'p3']);
    expect(answer.headers['x-total-count']).toBe('6');
    expect(answer.headers.link).toBe(
      '</api/v2.0/projects?page=1&page_size=2&q=name=~p&sort=name>; rel="prev" , ' +
        '</api/v2.0/projects?page=3&page_size=2&q=name=~p&sort=name>; rel="next"',
    );
  });

  it('can be walked by its links to the end', async () => {
    const seen: string[] = [];
    let path: string | undefined = `${projects}?page_size=3`;
    while (path !== undefined) {
      const answer: TestAnswer = await core.send('GET', path, admin);
      seen.push(...answer.json.map((project: { name: string }) => project.name));
      path = /<([^>]*)>; rel="next"/.exec(String(answer.headers.link))?.[1];
    }
    expect(seen).toEqual(['mine', 'open_one', 'p1', 'p2', 'p3', 'p4', 'p5']);
  });

  it('is whole, without links, for page_size=0', async () => {
    const answer = await list('?page_size=0');
    expect(answer.json).toHaveLength(7);
    expect(answer.headers).not.toHaveProperty('link');
  });

  it('is empty beyond its end, with its total', async () => {
    expect(await list('?page=9&page_size=3')).toMatchObject({
      status: 200,
      json: [],
      headers: { 'x-total-count': '7' },
    });
  });

  it.each(['?page=0', '?page=-1', '?page_size=-1', '?page=1&page_size=100', '?q=', '?nonsense=1'])(
    'takes %s',
    async (query) => {
      expect((await list(query)).json).toHaveLength(7);
    },
  );

  it.each([
    ['?page_size=101', 422],
    ['?page_size=abc', 422],
    ['?page=1.5', 422],
    ['?q=name', 400],
    ['?q=name%3D', 400],
    ['?q=creation_time%3D[yesterday~]', 400],
    ['?q=project_id%3Dx', 400],
  ])('refuses %s with %i', async (query, status) => {
    expect((await list(query)).status).toBe(status);
  });

  it('ignores what it does not know in q and sort', async () => {
    expect(await names('?q=colour%3Dred&sort=-colour')).toHaveLength(7);
  });

  it('filters exactly, fuzzily, by lists, ranges and flags', async () => {
    expect(await names('?q=name%3Dp1')).toEqual(['p1']);
    expect(await names('?q=name%3D~P')).toHaveLength(6);
    expect(await names('?q=name%3D%7Bp1%20p4%7D')).toEqual(['p1', 'p4']);
    expect(await names('?q=public%3Dtrue')).toEqual(['open_one']);
    expect(await names("?q=creation_time%3D['2020-01-01T00:00:00'~],name%3D~p5")).toEqual(['p5']);
    expect(await names('?q=creation_time%3D[~2020-01-01T00:00:00]')).toEqual([]);
    expect(await names('?name=p')).toHaveLength(6);
    expect(await names('?name=n_o')).toEqual(['open_one']);
    expect(await names('?name=%25')).toEqual([]);
    expect(await names('?public=true')).toEqual(['open_one']);
    expect(await names('?public=false')).toHaveLength(6);
    expect(await names('?owner=nobody')).toEqual([]);
  });

  it('reads q that was encoded twice', async () => {
    expect(await names('?q=name%253Dp1')).toEqual(['p1']);
  });

  it('sorts by several keys in both directions', async () => {
    expect((await names('?sort=-name'))[0]).toBe('p5');
    expect((await names('?sort=-public,name'))[0]).toBe('open_one');
  });

  it('lets nothing of q or sort into SQL', async () => {
    const attack = encodeURIComponent("name=~'; DROP TABLE project; --");
    expect(await names(`?q=${attack}&sort=${encodeURIComponent('name; DROP TABLE project')}`)).toEqual([]);
    expect((await list('?q=name%3D%2500')).status).toBe(400);
    expect(await names('')).toHaveLength(7);
  });

  it('costs as many statements for a hundred rows as for one', async () => {
    const statements = [vi.spyOn(core.database, 'run'), vi.spyOn(core.database, 'query')];
    const count = (): number => statements.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
    await list('?page_size=1');
    const forOne = count();
    await list('?page_size=100');
    // the whole list tells its total by itself, so that it even saves the count
    expect(count() - forOne).toBeLessThanOrEqual(forOne);
    expect(forOne).toBeLessThanOrEqual(3);
  });
});

describe('who sees what', () => {
  it('nobody: public projects; a user: also those of a member; an administrator: all', async () => {
    expect(await names('', nobody)).toEqual(['open_one']);
    expect(await names('', dev)).toEqual(['mine', 'open_one']);
    expect(await names('')).toHaveLength(7);
  });

  it('a robot: its projects and public ones, or all where it is for all', async () => {
    const mine = await core.send('GET', `${projects}/mine`, admin);
    const one = await aRobot(core.database, {
      name: 'one',
      project: { id: mine.json.project_id, permissions: ['repository:pull'] },
    });
    const every = await aRobot(core.database, {
      name: 'all',
      project: { id: undefined, permissions: ['repository:pull'] },
    });
    expect(await names('', ['robot$one', one.secret])).toEqual(['mine', 'open_one']);
    expect(await names('', ['robot$all', every.secret])).toHaveLength(7);
  });

  it('wrong credentials see nothing, not even what is public', async () => {
    expect((await list('', ['dev', 'wrong'])).status).toBe(401);
  });

  it('leaves out metadata where with_detail=false, but not whether it is public', async () => {
    const [project] = (await list('?name=open_one&with_detail=false')).json;
    expect(project).toMatchObject({ metadata: { public: 'true' }, repo_count: 0 });
    expect(project).not.toHaveProperty('cve_allowlist');
  });
});
