import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Daemon } from '../daemon.ts';
import { tarOf } from '../image-layout.ts';
import { missingPrograms, titleOf, type ProgramResult } from '../programs.ts';
import { Sandbox } from '../sandbox.ts';
import { basic, startEntrepot, type Entrepot } from '../stack.ts';

const missing = missingPrograms(['docker', 'dockerd', 'containerd']);

describe.skipIf(missing.length > 0)(titleOf('the first five minutes', missing), () => {
  let entrepot: Entrepot;
  let sandbox: Sandbox;
  let daemon: Daemon;
  let password = '';

  beforeAll(async () => {
    sandbox = new Sandbox('first-push');
    daemon = new Daemon(sandbox);
    const daemonIsUp = daemon.startDocker();
    entrepot = await startEntrepot({ ownPassword: true });
    await daemonIsUp;
    writeFileSync(sandbox.path('alpine.tar'), tarOf({ hello: Buffer.from('hello\n') }));
    expectSuccess(await docker(['import', sandbox.path('alpine.tar'), 'alpine']));
  });
  afterAll(async () => {
    await daemon?.stop();
    await entrepot?.remove();
    sandbox?.remove();
  });

  test('the start prints a password and the file that keeps it, for its owner alone', () => {
    const file = join(entrepot.dataDir, 'admin-password');
    password = readFileSync(file, 'utf8').trim();
    expect(password.length).toBeGreaterThanOrEqual(16);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(entrepot.log.text).toContain(password);
    expect(entrepot.log.text).toContain(file);
    expect(entrepot.log.text).toContain(entrepot.url);
  });

  test('the three commands that it prints log in, tag and push', async () => {
    const commands = [...entrepot.log.text.matchAll(/^\s+docker (.+)$/gm)].map(([, args = '']) =>
      args.split(' '),
    );
    expect(commands.map(([verb]) => verb)).toEqual(['login', 'tag', 'push']);
    const [login = [], tag = [], push = []] = commands;
    // at a terminal docker asks for it
    expectSuccess(await docker([...login, '--password-stdin'], password));
    expectSuccess(await docker(tag));
    expectSuccess(await docker(push));
  });

  test('anybody pulls from library without a log-in, and nobody pushes', async () => {
    const reference = `${entrepot.host}/library/alpine`;
    expectSuccess(await docker(['logout', entrepot.host]));
    expectSuccess(await docker(['rmi', reference]));
    expectSuccess(await docker(['pull', reference]));
    const refused = await docker(['push', reference]);
    expect(refused.code).not.toBe(0);
    expect(refused.output).toMatch(/authentication required|no basic auth|unauthorized/);
  });

  test('the REST API shows what was pushed', async () => {
    const projects = await get<{ name: string; repo_count: number }>('/projects');
    expect(projects).toMatchObject([{ name: 'library', repo_count: 1 }]);
    const repositories = await get<{ name: string }>('/projects/library/repositories');
    expect(repositories).toMatchObject([{ name: 'library/alpine', artifact_count: 1 }]);
    const artifacts = await get('/projects/library/repositories/alpine/artifacts?with_tag=true');
    expect(artifacts).toMatchObject([{ type: 'IMAGE', tags: [{ name: 'latest' }] }]);
    const current = await request('/users/current');
    expect(await current.json()).toMatchObject({ username: 'admin', sysadmin_flag: true });
  });

  test('a wrong password is refused, and the page at the root says what this is', async () => {
    const wrong = { username: 'admin', password: `${password}x` };
    expect((await entrepot.api('GET', '/api/v2.0/users/current', { as: wrong })).status).toBe(401);
    const page = await entrepot.api('GET', '/', { as: undefined });
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('Entrepot');
  });

  test('a second start is ready in under ten seconds, with everything that was there', async () => {
    const before = entrepot.log.text.length;
    await entrepot.stop();
    const begun = Date.now();
    await entrepot.start();
    expect(Date.now() - begun).toBeLessThan(10_000);
    expect(entrepot.log.text.slice(before)).not.toContain(password);
    expectSuccess(await docker(['pull', `${entrepot.host}/library/alpine`]));
  });

  async function docker(args: readonly string[], input = ''): Promise<ProgramResult> {
    return await sandbox.run('docker', ['-H', daemon.dockerHost, ...args], { input });
  }

  async function request(path: string): Promise<Response> {
    const headers = { Authorization: basic({ username: 'admin', password }) };
    return await fetch(`${entrepot.url}/api/v2.0${path}`, { headers });
  }

  async function get<Item>(path: string): Promise<Item[]> {
    const answer = await request(path);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-total-count')).toBe('1');
    return (await answer.json()) as Item[];
  }
});

function expectSuccess(result: ProgramResult): void {
  expect(result.code, result.output).toBe(0);
}
