import { aProject, aRobot, aUser, password } from '@entrepot/access/testing';
import { createLogger } from '@entrepot/telemetry/logger';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Client, type Answer } from './client.ts';
import { startRegistry, type Login, type RunningRegistry } from './registry-harness.ts';

const developer = 2;

describe('the log of the registry', () => {
  let registry: RunningRegistry;
  const ann: Login = { username: 'ann', password };
  const robot = { username: 'robot$ci', password: '' };
  const lines: Record<string, unknown>[] = [];

  beforeAll(async () => {
    const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
    registry = await startRegistry({ log: createLogger({ level: 'debug', destination: { write } }) });
    const { database } = registry.test;
    const user = await aUser(database, { username: 'ann' });
    const { id } = await aProject(database, { name: 'team', members: [[user, developer]] });
    robot.password = (
      await aRobot(database, { name: 'ci', project: { id, permissions: ['repository:push'] } })
    ).secret;
  });
  afterAll(() => registry.close());
  beforeEach(() => lines.splice(0));

  function as({ username, password: secret }: Login): Client {
    return new Client(registry.url, `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`);
  }

  async function lineOf(request: Promise<Answer>): Promise<Record<string, unknown>> {
    await request;
    const written = lines.filter(({ msg }) => msg === 'request');
    expect(written).toHaveLength(1);
    return written[0] ?? {};
  }

  it('says who pushed and from where, robots by their whole name', async () => {
    const line = await lineOf(as(ann).send('POST', 'team/app/blobs/uploads/'));
    expect(line).toMatchObject({ level: 'info', status: 202, user: 'ann', address: '127.0.0.1' });
    expect(line).not.toHaveProperty('code');
    lines.splice(0);
    const token = await registry.token(robot, 'repository:team/app:push');
    const client = new Client(registry.url, `Bearer ${token}`);
    const headers = { 'X-Forwarded-For': '203.0.113.9' };
    expect(await lineOf(client.send('POST', 'team/app/blobs/uploads/', { headers }))).toMatchObject({
      user: 'robot$ci',
      address: '203.0.113.9',
    });
  });

  it('says by which code and why somebody was refused', async () => {
    const line = await lineOf(as(ann).send('DELETE', 'team/app/manifests/v1'));
    expect(line).toMatchObject({ level: 'info', status: 401, code: 'UNAUTHORIZED', user: 'ann' });
    expect(line['refused']).toContain('may not delete');
    lines.splice(0);
    expect(await lineOf(as(ann).send('PUT', 'team/app/manifests/v1', { body: '{}' }))).toMatchObject({
      level: 'info',
      status: 400,
      code: 'MANIFEST_INVALID',
    });
  });

  it('shows the name of a failed log-in at info, and nothing of its secret', async () => {
    const wrong = as({ username: 'y'.repeat(150), password: 'Wrong-Horse-9' });
    const line = await lineOf(wrong.get('/v2/'));
    expect(line).toMatchObject({ level: 'info', status: 401, code: 'UNAUTHORIZED', tried: 'y'.repeat(100) });
    expect(JSON.stringify(lines)).not.toContain('Wrong-Horse-9');
  });

  it('keeps pulls and the challenge that each client begins with at debug', async () => {
    expect(await lineOf(new Client(registry.url).get('/v2/'))).toMatchObject({
      level: 'debug',
      status: 401,
      code: 'UNAUTHORIZED',
    });
    lines.splice(0);
    const line = await lineOf(as(ann).get('team/app/manifests/none'));
    expect(line).toMatchObject({ level: 'debug', status: 404, code: 'REPOSITORY_NOT_FOUND', user: 'ann' });
  });

  it('has defects at error, with what was thrown', async () => {
    const { database } = registry.test;
    await database.query('ALTER TABLE project_member RENAME TO away');
    const line = await lineOf(as(ann).send('POST', 'team/app/blobs/uploads/'));
    await database.query('ALTER TABLE away RENAME TO project_member');
    expect(line).toMatchObject({ level: 'error', status: 500, code: 'INTERNAL' });
    expect(line['err']).toHaveProperty('stack');
  });
});
