import { writeSettings } from '@entrepot/access/settings';
import { aProject, aRobot, aUser, password } from '@entrepot/access/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client, errorOf } from './client.ts';
import { admin, startRegistry, type Login, type RunningRegistry } from './registry-harness.ts';

const guest = 3;
const developer = 2;

describe('a refusal explains itself', () => {
  let registry: RunningRegistry;
  const ann: Login = { username: 'ann', password };
  const robot = { username: 'robot$puller', password: '' };

  beforeAll(async () => {
    registry = await startRegistry();
    const { database } = registry.test;
    const user = await aUser(database, { username: 'ann' });
    await aProject(database, { name: 'commons', public: true });
    await aProject(database, { name: 'guests', members: [[user, guest]] });
    await aProject(database, { name: 'hidden' });
    const { id } = await aProject(database, { name: 'robots' });
    robot.password = (
      await aRobot(database, { name: 'puller', project: { id, permissions: ['repository:pull'] } })
    ).secret;
  });
  afterAll(() => registry.close());

  async function refusedTo(login: Login, method: string, path: string): Promise<string> {
    const basic = Buffer.from(`${login.username}:${login.password}`).toString('base64');
    const answer = await new Client(registry.url, `Basic ${basic}`).send(method, path);
    expect(answer.status).toBe(401);
    expect(String(answer.headers['www-authenticate'])).toContain('error_description="');
    return errorOf(answer).message;
  }

  it.each(['commons', 'guests'])('that %s exists, and which role is lacking', async (project) => {
    const message = await refusedTo(ann, 'POST', `${project}/app/blobs/uploads/`);
    expect(message).toContain(`project ${project} exists, but your account may not push to it`);
    expect(message).toContain('ask an administrator of the project for the role projectAdmin or developer');
    expect(message).not.toContain('guest or');
  });

  it('to a robot, by the permission that it lacks', async () => {
    const message = await refusedTo(robot, 'POST', 'robots/app/blobs/uploads/');
    expect(message).toContain('project robots exists, but this robot may not push to it');
    expect(message).toContain('repository:push');
  });

  it.each(['hidden', 'missing'])('without telling whether %s is there', async (project) => {
    const push = await refusedTo(ann, 'POST', `${project}/app/blobs/uploads/`);
    expect(push).toContain(`project ${project} does not exist, or your account may not push to it`);
    const pull = await refusedTo(ann, 'GET', `${project}/app/manifests/v1`);
    expect(pull).toMatch(/does not exist, or your account may not pull from it; check the name, or ask/);
    expect(pull).not.toContain('push');
  });

  it('with the way to create a project, for those who may', async () => {
    const { database } = registry.test;
    expect(await refusedTo(ann, 'POST', 'missing/app/blobs/uploads/')).toContain(
      'to create a project, POST {"project_name": "missing"} to /api/v2.0/projects',
    );
    await writeSettings(database, { projectCreation: 'administrators' });
    const message = await refusedTo(ann, 'POST', 'missing/app/blobs/uploads/');
    await writeSettings(database, { projectCreation: 'everyone' });
    expect(message).not.toContain('POST');
    expect(message).toContain('ask an administrator for a project of your own');
  });

  it('to administrators with the first five projects, and with what a pull lacks', async () => {
    const push = await refusedTo(admin, 'POST', 'missing/app/blobs/uploads/');
    expect(push).toContain(
      'project missing does not exist; you may push to commons, guests, hidden, library, robots; ',
    );
    const { database } = registry.test;
    for (const name of ['aaa', 'bbb']) await aProject(database, { name });
    expect(await refusedTo(admin, 'POST', 'missing/app/blobs/uploads/')).toContain(
      'you may push to aaa, bbb, commons, guests, hidden and others',
    );
    const pull = await refusedTo(admin, 'GET', 'missing/app/manifests/v1');
    expect(pull).toMatch(/: project missing does not exist; check the name$/);
  });

  it('as a matter of the token, when the account itself may', async () => {
    const { database } = registry.test;
    const ben = await aUser(database, { username: 'ben' });
    await aProject(database, { name: 'bens', members: [[ben, developer]] });
    const token = await registry.token({ username: 'ben', password }, 'repository:bens/app:pull');
    const answer = await new Client(registry.url, `Bearer ${token}`).send('POST', 'bens/app/blobs/uploads/');
    expect(errorOf(answer).message).toContain('ask for one with the scope repository:bens/app:push');
  });
});
