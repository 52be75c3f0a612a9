import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aUser, password } from '@entrepot/access/testing';
import { startTestCore, type As, type TestCore } from '../src/testing/test-core.ts';

const admin: As = ['admin', password];
const dev: As = ['dev', password];
let core: TestCore;

beforeAll(async () => {
  core = await startTestCore();
  await aUser(core.database, { username: 'admin', sysadmin: true });
  await aUser(core.database, { username: 'dev' });
});
afterAll(() => core.close());

describe('creating a project', () => {
  it('answers 201 with a zero-length body and a relative Location', async () => {
    const answer = await core.send('POST', '/api/v2.0/projects', dev, { body: { project_name: 'first' } });
    expect(answer).toMatchObject({ status: 201, text: '' });
    expect(answer.headers.location).toMatch(/^\/api\/v2\.0\/projects\/\d+$/);
    expect(answer.headers['content-length']).toBe('0');
    const got = await core.send('GET', answer.headers.location ?? '', dev);
    expect(got).toMatchObject({
      status: 200,
      json: {
        name: 'first',
        owner_name: 'dev',
        repo_count: 0,
        current_user_role_id: 1,
        metadata: { public: 'false' },
      },
    });
  });
});
