import { aUser, password } from '@entrepot/access/testing';
import { createLogger } from '@entrepot/telemetry/logger';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nobody, startTestCore, type As, type TestCore } from './test-core.ts';

const ann: As = ['ann', password];

describe('the log of core', () => {
  let core: TestCore;
  const lines: Record<string, unknown>[] = [];

  beforeAll(async () => {
    const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
    core = await startTestCore({}, createLogger({ level: 'debug', destination: { write } }));
    await aUser(core.database, { username: 'ann' });
  });
  afterAll(() => core.close());
  beforeEach(() => lines.splice(0));

  async function lineOf(...request: Parameters<TestCore['send']>): Promise<Record<string, unknown>> {
    await core.send(...request);
    const written = lines.filter(({ msg }) => msg === 'request');
    expect(written).toHaveLength(1);
    return written[0] ?? {};
  }

  it('says who was refused, from where, by which code and why', async () => {
    const line = await lineOf('GET', '/api/v2.0/users', ann, {
      headers: { 'x-forwarded-for': '203.0.113.9' },
    });
    expect(line).toMatchObject({ level: 'info', status: 403, code: 'FORBIDDEN' });
    expect(line).toMatchObject({ user: 'ann', address: '203.0.113.9' });
    expect(line['refused']).toContain('ann may not');
  });

  it('names codes that clients do not see', async () => {
    const body = { project_name: 'team' };
    await core.send('POST', '/api/v2.0/projects', ann, { body });
    lines.splice(0);
    const line = await lineOf('POST', '/api/v2.0/projects', ann, { body });
    expect(line).toMatchObject({ status: 409, code: 'PROJECT_EXISTS' });
  });

  const asked = '/service/token?service=entrepot-registry&scope=repository:library/app:pull';

  it.each([
    ['the REST API', '/api/v2.0/users/current'],
    ['the token service', asked],
  ])('shows the name of a failed log-in at %s, and nothing of its secret', async (_, path) => {
    const name = 'x'.repeat(150);
    const line = await lineOf('GET', path, [name, 'Wrong-Horse-9']);
    expect(line).toMatchObject({ level: 'info', status: 401, code: 'UNAUTHORIZED', tried: 'x'.repeat(100) });
    expect(line).not.toHaveProperty('user');
    expect(JSON.stringify(lines)).not.toContain('Wrong-Horse-9');
  });

  it('leaves a failed log-in in the audit log too', async () => {
    await core.send('GET', '/api/v2.0/users/current', ['mallory', 'Wrong-Horse-9'], {
      headers: { 'x-request-id': 'try-1', 'user-agent': 'guesser' },
    });
    await core.denials.flush();
    const rows = await core.database.query(
      `SELECT actor, actor_kind, operation, resource_type, resource, succeeded, user_agent, address
       FROM audit_log WHERE request_id = 'try-1'`,
    );
    expect(rows).toEqual([
      {
        actor: '',
        actor_kind: 'anonymous',
        operation: 'login',
        resource_type: 'user',
        resource: 'mallory',
        succeeded: false,
        user_agent: 'guesser',
        address: '127.0.0.1',
      },
    ]);
  });

  it('has tokens that are issued at debug, with their user, in both forms', async () => {
    expect(await lineOf('GET', asked, ann)).toMatchObject({ level: 'debug', status: 200, user: 'ann' });
    lines.splice(0);
    const raw = new URLSearchParams({ grant_type: 'password', username: 'ann', password }).toString();
    const line = await lineOf('POST', '/service/token', nobody, {
      raw,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(line).toMatchObject({ level: 'debug', status: 200, user: 'ann' });
    expect(JSON.stringify(lines)).not.toContain(password);
  });

  it('has writes at info and defects at error', async () => {
    expect(await lineOf('POST', '/api/v2.0/projects', ann, { body: { project_name: 'mine' } })).toMatchObject(
      { level: 'info', status: 201, user: 'ann' },
    );
    lines.splice(0);
    await core.database.query('ALTER TABLE project_member RENAME TO away');
    const line = await lineOf('GET', '/api/v2.0/projects', ann);
    await core.database.query('ALTER TABLE away RENAME TO project_member');
    expect(line).toMatchObject({ level: 'error', status: 500, code: 'INTERNAL' });
  });
});
