import { writeSettings, type ProjectCreation } from '@entrepot/access/settings';
import { aProject, aRobot, aUser, password } from '@entrepot/access/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Client } from './client.ts';
import { admin, startRegistry, type Login, type RunningRegistry } from './registry-harness.ts';

describe('the first push to a project that does not exist', () => {
  let registry: RunningRegistry | undefined;
  afterEach(() => registry?.close());

  async function start(
    firstPush: 'off' | 'own-name' | 'anyone',
    projectCreation: ProjectCreation = 'everyone',
  ): Promise<RunningRegistry> {
    registry = await startRegistry({ firstPush });
    await writeSettings(registry.test.database, { projectCreation });
    await aUser(registry.test.database, { username: 'ada' });
    return registry;
  }

  const ada: Login = { username: 'ada', password };

  /** The statuses of a POST with basic credentials and of one with a token asked for it. */
  async function pushBothWays(running: RunningRegistry, login: Login, project: string): Promise<number[]> {
    const basic = new Client(
      running.url,
      `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`,
    );
    const bearer = await Client.as(running, login, `${project}-b/app`);
    const answers = [
      await basic.send('POST', `${project}-a/app/blobs/uploads/`),
      await bearer.send('POST', `${project}-b/app/blobs/uploads/`),
    ];
    return answers.map((answer) => answer.status);
  }

  async function projectsOf(running: RunningRegistry): Promise<string[]> {
    const rows = await running.test.database.query<{ name: string }>(
      'SELECT name FROM project ORDER BY name',
    );
    return rows.map(({ name }) => name);
  }

  it('creates nothing unless a setting allows it', async () => {
    const running = await start('off');
    const before = await projectsOf(running);
    expect(await pushBothWays(running, ada, 'new')).toEqual([401, 401]);
    expect(await pushBothWays(running, admin, 'new')).toEqual([401, 401]);
    expect(await projectsOf(running)).toEqual(before);
  });

  it('creates a private project of whoever pushes, where anyone may', async () => {
    const running = await start('anyone');
    expect(await pushBothWays(running, ada, 'new')).toEqual([202, 202]);
    const rows = await running.test.database.query(
      `SELECT p.name, p.public, u.username FROM project p JOIN "user" u ON u.id = p.owner_id WHERE p.name LIKE 'new%' ORDER BY 1`,
    );
    expect(rows).toEqual([
      { name: 'new-a', public: false, username: 'ada' },
      { name: 'new-b', public: false, username: 'ada' },
    ]);
    const [creation] = await running.test.database.query(
      `SELECT actor, address FROM audit_log WHERE operation = 'create' AND resource = 'new-a'`,
    );
    expect(creation).toEqual({ actor: 'ada', address: '127.0.0.1' });
    const client = await Client.as(running, ada, 'new-a/app');
    await client.anArtifact('new-a/app', 'v1');
    expect((await client.get('new-a/app/manifests/v1')).status).toBe(200);
  });

  it('creates none by a pull', async () => {
    const running = await start('anyone');
    const before = await projectsOf(running);
    const basic = new Client(running.url, `Basic ${Buffer.from(`ada:${password}`).toString('base64')}`);
    expect((await basic.get('pulled/app/manifests/v1')).status).toBe(401);
    await running.token(ada, 'repository:pulled/app:pull');
    expect(await projectsOf(running)).toEqual(before);
  });

  it("creates only the project of one's own name, where the setting says so", async () => {
    const running = await start('own-name');
    expect(await pushBothWays(running, ada, 'new')).toEqual([401, 401]);
    const client = await Client.as(running, ada, 'ada/app');
    expect((await client.send('POST', 'ada/app/blobs/uploads/')).status).toBe(202);
    expect(await projectsOf(running)).toContain('ada');
  });

  it('asks for the right to create projects', async () => {
    const running = await start('anyone', 'administrators');
    expect(await pushBothWays(running, ada, 'new')).toEqual([401, 401]);
    expect(await pushBothWays(running, admin, 'new')).toEqual([202, 202]);
  });

  it('does not make projects for a robot of another project, nor for strangers', async () => {
    const running = await start('anyone');
    const project = await aProject(running.test.database, { name: 'home' });
    const robot = await aRobot(running.test.database, {
      name: 'ci',
      projectId: project.id,
      project: { id: project.id, permissions: ['repository:push', 'repository:pull'] },
    });
    expect(await pushBothWays(running, { username: 'robot$home+ci', password: robot.secret }, 'new')).toEqual(
      [401, 401],
    );
    const nobody = await Client.as(running, undefined, 'new-c/app');
    expect((await nobody.send('POST', 'new-c/app/blobs/uploads/')).status).toBe(401);
    expect(await projectsOf(running)).not.toContain('new-c');
  });

  it('by many at once makes one project', async () => {
    const running = await start('anyone');
    const basic = new Client(running.url, `Basic ${Buffer.from(`ada:${password}`).toString('base64')}`);
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => basic.send('POST', 'crowd/app/blobs/uploads/')),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]));
    expect((await projectsOf(running)).filter((name) => name === 'crowd')).toHaveLength(1);
  });
});
