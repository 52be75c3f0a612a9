import { aProject, aRobot, aUser, password } from '@entrepot/access/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  Client,
  digestOf,
  errorOf,
  listOf,
  send,
  someBytes,
  type Answer,
  type PushedArtifact,
} from './client.ts';
import { admin, startRegistry, type Login, type Replica, type RunningRegistry } from './registry-harness.ts';

const hour = 3600 * 1000;
const developer = 2;
const guest = 3;

function basic({ username, password: secret }: Login): string {
  return `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`;
}

describe('rights on the distribution API', () => {
  let registry: RunningRegistry;
  let everything: Client;
  let count = 0;

  beforeAll(async () => {
    registry = await startRegistry();
    everything = new Client(registry.url, basic(admin));
  });
  afterAll(() => registry.close());

  /** A project with an artifact in `<name>/app`, and a member. */
  async function aWorld(options: { public?: boolean; role?: number } = {}): Promise<World> {
    const { database } = registry.test;
    const name = `world${++count}`;
    const user = await aUser(database, { username: `user${count}` });
    const project = await aProject(database, {
      name,
      public: options.public ?? false,
      members: options.role === undefined ? [] : [[user, options.role]],
    });
    const repository = `${name}/app`;
    const pushed = await everything.anArtifact(repository, 'v1');
    return {
      name,
      repository,
      projectId: project.id,
      userId: user.id,
      login: { username: user.username, password },
      pushed,
    };
  }

  async function sql(text: string, ...values: unknown[]): Promise<void> {
    await registry.test.database.query(text, values);
  }

  function expectChallenge(answer: Answer): string {
    expect(answer.status).toBe(401);
    expect(errorOf(answer).code).toBe('UNAUTHORIZED');
    return String(answer.headers['www-authenticate']);
  }

  describe('challenges', () => {
    const zeros = digestOf('');

    it.each([
      ['GET', '', undefined],
      ['GET', 'some/app/manifests/v1', 'repository:some/app:pull'],
      ['HEAD', `some/app/blobs/${zeros}`, 'repository:some/app:pull'],
      ['GET', 'some/app/tags/list', 'repository:some/app:pull'],
      ['GET', `some/app/referrers/${zeros}`, 'repository:some/app:pull'],
      ['PUT', 'some/app/manifests/v1', 'repository:some/app:pull,push'],
      ['POST', 'some/app/blobs/uploads/', 'repository:some/app:pull,push'],
      ['PATCH', 'some/app/blobs/uploads/x', 'repository:some/app:pull,push'],
      ['DELETE', 'some/app/manifests/v1', 'repository:some/app:delete'],
      [
        'POST',
        `some/app/blobs/uploads/?mount=${zeros}&from=other/app`,
        'repository:some/app:pull,push repository:other/app:pull',
      ],
      ['POST', `some/app/blobs/uploads/?mount=${zeros}&from=No/Name`, 'repository:some/app:pull,push'],
    ])('of %s /v2/%s name the scope', async (method, path, scope) => {
      const answer = await new Client(registry.url).send(method, path);
      expect(answer.status).toBe(401);
      const expected = `Bearer realm="${registry.url}/service/token",service="entrepot-registry"`;
      expect(answer.headers['www-authenticate']).toBe(
        scope === undefined ? expected : `${expected},scope="${scope}"`,
      );
    });

    it('can be followed: the token for the scope opens the door', async () => {
      const world = await aWorld({ role: guest });
      const path = `/v2/${world.repository}/manifests/v1`;
      const answer = await new Client(registry.url).get(path);
      const [, realm = '', scope = ''] =
        /realm="([^"]+)".*scope="([^"]+)"/.exec(expectChallenge(answer)) ?? [];
      const issued = await fetch(`${realm}?service=entrepot-registry&scope=${scope}`, {
        headers: { Authorization: basic(world.login) },
      });
      const { token }: { token?: string } = Object(await issued.json());
      expect((await new Client(registry.url, `Bearer ${token}`).get(path)).status).toBe(200);
    });

    async function realmFor(replica: Replica, headers: Record<string, string>): Promise<string | undefined> {
      const answer = await send(replica.url, { method: 'GET', path: '/v2/', headers });
      return /realm="([^"]+)"/.exec(expectChallenge(answer))?.[1];
    }

    it('name the host that the client used, through a proxy only when it is trusted', async () => {
      const forwarded = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'registry.example:8443' };
      const open = await registry.another({ trustedProxies: [] });
      expect(await realmFor(registry, { Host: 'registry.example:5000' })).toBe(
        'http://registry.example:5000/service/token',
      );
      expect(await realmFor(registry, forwarded)).toBe('https://registry.example:8443/service/token');
      expect(await realmFor(open, forwarded)).toBe(`${open.url}/service/token`);
    });
  });

  describe('of strangers', () => {
    it('tell a private project and a missing one not apart', async () => {
      const hidden = await aWorld();
      const outsider = await aWorld();
      const missing = hidden.repository.replace('world', 'wor1d');
      const { digest } = hidden.pushed;
      const requests: [string, string][] = [
        ['GET', `REPOSITORY/manifests/v1`],
        ['HEAD', `REPOSITORY/manifests/${digest}`],
        ['GET', `REPOSITORY/blobs/${hidden.pushed.layer.digest}`],
        ['GET', `REPOSITORY/tags/list`],
        ['GET', `REPOSITORY/referrers/${digest}`],
        ['PUT', `REPOSITORY/manifests/v1`],
        ['POST', `REPOSITORY/blobs/uploads/`],
        ['POST', `${outsider.repository}/blobs/uploads/?mount=${digest}&from=REPOSITORY`],
        ['PATCH', `REPOSITORY/blobs/uploads/${'A'.repeat(59)}`],
        ['DELETE', `REPOSITORY/manifests/v1`],
        ['DELETE', `REPOSITORY/blobs/${hidden.pushed.layer.digest}`],
      ];
      const scopes = [hidden.repository, missing].map((name) => `repository:${name}:pull,push,delete`);
      const token = await registry.token(outsider.login, ...scopes);
      const callers = [
        new Client(registry.url),
        new Client(registry.url, basic(outsider.login)),
        new Client(registry.url, `Bearer ${token}`),
      ];
      for (const caller of callers) {
        for (const [method, path] of requests) {
          const [one, two] = [hidden.repository, missing].map((name) =>
            caller.send(method, path.replace('REPOSITORY', name)),
          );
          const plain = (answer: Answer | undefined, name: string): string =>
            JSON.stringify([
              answer?.status,
              { ...answer?.headers, date: '', 'x-request-id': '' },
              answer?.body.toString(),
            ])
              .replaceAll(name, 'REPOSITORY')
              .replaceAll(name.split('/')[0] ?? '', 'PROJECT');
          expect(plain(await one, hidden.repository)).toBe(plain(await two, missing));
          expect((await one)?.status).toBe(401);
        }
      }
    });

    it('are to pull what is public, and no more', async () => {
      const world = await aWorld({ public: true });
      const client = await Client.as(registry, undefined, world.repository);
      expect((await client.get(`${world.repository}/manifests/v1`)).status).toBe(200);
      expect((await client.get(`${world.repository}/blobs/${world.pushed.layer.digest}`)).status).toBe(200);
      expect(listOf(await client.get(`${world.repository}/tags/list`)).tags).toEqual(['v1']);
      expect((await client.get('/v2/')).status).toBe(200);
      for (const [method, path] of [
        ['POST', 'blobs/uploads/'],
        ['PUT', 'manifests/v1'],
        ['DELETE', 'manifests/v1'],
      ] as const) {
        expectChallenge(await client.send(method, `${world.repository}/${path}`));
      }
    });
  });

  describe('by role', () => {
    it.each([
      ['a guest', guest, [200, 401, 401]],
      ['a developer', developer, [200, 202, 401]],
      ['a maintainer', 4, [200, 202, 202]],
      ['a limited guest', 5, [200, 401, 401]],
    ])('let %s do what the table says', async (_, role, [pull, push, remove]) => {
      const world = await aWorld({ role });
      const bearer = await Client.as(registry, world.login, world.repository);
      for (const client of [bearer, new Client(registry.url, basic(world.login))]) {
        expect((await client.get(`${world.repository}/manifests/v1`)).status).toBe(pull);
        expect((await client.send('POST', `${world.repository}/blobs/uploads/`)).status).toBe(push);
      }
      expect((await bearer.delete(`${world.repository}/manifests/v1`)).status).toBe(remove);
    });

    it('do not reach beyond the scope of the token', async () => {
      const world = await aWorld({ role: developer });
      const token = await registry.token(world.login, `repository:${world.repository}:pull`);
      const client = new Client(registry.url, `Bearer ${token}`);
      expect((await client.get(`${world.repository}/manifests/v1`)).status).toBe(200);
      const refused = expectChallenge(await client.send('POST', `${world.repository}/blobs/uploads/`));
      expect(refused).toContain('error="insufficient_scope"');
      expectChallenge(await client.get(`${world.name}/other/manifests/v1`));
    });

    it('tell people where they may push, and administrators what is missing', async () => {
      const world = await aWorld({ role: developer });
      const mine = await new Client(registry.url, basic(world.login)).send(
        'POST',
        'nowhere/app/blobs/uploads/',
      );
      expect(errorOf(mine).message).toContain(world.name);
      const theirs = await everything.send('POST', 'nowhere/app/blobs/uploads/');
      expect(errorOf(theirs).message).toContain('project nowhere does not exist');
      const bare = await everything.send('POST', 'nginx/blobs/uploads/');
      expect(errorOf(bare).message).toContain('<project>/nginx');
    });
  });

  describe('that are taken away', () => {
    const removals: [string, (world: World) => [string, ...unknown[]][]][] = [
      [
        'with the membership',
        ({ projectId, userId }) => [
          ['DELETE FROM project_member WHERE user_id = $1', userId],
          ['UPDATE project SET access_version = access_version + 1 WHERE id = $1', projectId],
        ],
      ],
      [
        'with the account',
        ({ userId }) => [
          ['UPDATE "user" SET deleted_at = now(), access_version = access_version + 1 WHERE id = $1', userId],
        ],
      ],
      [
        'with the project',
        ({ projectId }) => [
          ['UPDATE repository SET deleted_at = now() WHERE project_id = $1', projectId],
          [
            'UPDATE project SET deleted_at = now(), access_version = access_version + 1 WHERE id = $1',
            projectId,
          ],
        ],
      ],
      [
        'with a project that is made anew',
        ({ projectId, name }) => [
          ['UPDATE repository SET deleted_at = now() WHERE project_id = $1', projectId],
          ['UPDATE project SET deleted_at = now() WHERE id = $1', projectId],
          ['INSERT INTO project (name) VALUES ($1)', name],
        ],
      ],
    ];

    it.each(removals)('%s end at once, whatever the token says', async (_, statementsOf) => {
      const world = await aWorld({ role: developer });
      const client = await Client.as(registry, world.login, world.repository);
      const upload = await client.open(world.repository);
      expect((await client.patch(upload, 'first')).status).toBe(202);
      for (const [text, ...values] of statementsOf(world)) await sql(text, ...values);
      for (const path of ['manifests/v1', `blobs/${world.pushed.layer.digest}`, 'tags/list']) {
        expectChallenge(await client.get(`${world.repository}/${path}`));
      }
      expectChallenge(await client.patch(upload, 'more'));
      expectChallenge(await client.put(upload, digestOf('first')));
      expectChallenge(await client.putManifest(world.repository, 'v2', world.pushed.payload));
    });

    it('when a project becomes private end for strangers at once', async () => {
      const world = await aWorld({ public: true });
      const client = await Client.as(registry, undefined, world.repository);
      expect((await client.get(`${world.repository}/manifests/v1`)).status).toBe(200);
      await sql(
        'UPDATE project SET public = false, access_version = access_version + 1 WHERE id = $1',
        world.projectId,
      );
      expectChallenge(await client.get(`${world.repository}/manifests/v1`));
    });

    it('leave a request that has begun alone', async () => {
      const world = await aWorld({ role: developer });
      const client = await Client.as(registry, world.login, world.repository);
      const upload = await client.open(world.repository);
      await client.patch(upload, 'x');
      expect((await client.get(upload)).status).toBe(204);
      await sql('UPDATE project SET access_version = access_version + 1 WHERE id = $1', world.projectId);
      expectChallenge(await client.get(upload));
      const renewed = await Client.as(registry, world.login, world.repository);
      expect((await renewed.put(upload, digestOf('x'))).status).toBe(201);
    });
  });

  describe('of robots', () => {
    it('end with their project rights, their disabling and their time', async () => {
      const world = await aWorld();
      const robot = await aRobot(registry.test.database, {
        name: 'builder',
        projectId: world.projectId,
        project: { id: world.projectId, permissions: ['repository:pull', 'repository:push'] },
      });
      const login = { username: `robot$${world.name}+builder`, password: robot.secret };
      const path = `${world.repository}/manifests/v1`;
      for (const end of ['disabled = true', `expires_at = now() - interval '1 second'`]) {
        const client = await Client.as(registry, login, world.repository);
        const direct = new Client(registry.url, basic(login));
        expect((await client.get(path)).status).toBe(200);
        expect((await direct.get(path)).status).toBe(200);
        expect((await client.send('POST', `${world.repository}/blobs/uploads/`)).status).toBe(202);
        expectChallenge(await client.delete(path));
        await sql(`UPDATE robot SET ${end} WHERE id = $1`, robot.id);
        expectChallenge(await client.get(path));
        expectChallenge(await direct.get(path));
        await sql('UPDATE robot SET disabled = false, expires_at = NULL WHERE id = $1', robot.id);
      }
    });

    it('push to their projects alone, and their name is on record', async () => {
      const [mine, other] = [await aWorld(), await aWorld()];
      const robot = await aRobot(registry.test.database, {
        name: `all${count}`,
        project: { id: mine.projectId, permissions: ['repository:pull', 'repository:push'] },
      });
      const login = { username: `robot$all${count}`, password: robot.secret };
      const client = await Client.as(registry, login, mine.repository, other.repository);
      await client.anArtifact(mine.repository, 'by-robot');
      expectChallenge(await client.get(`${other.repository}/manifests/v1`));
      const [row] = await registry.test.database.query<{ actor: string; actor_kind: string }>(
        'SELECT actor, actor_kind FROM audit_log WHERE resource = $1',
        [`${mine.repository}:by-robot`],
      );
      expect(row).toEqual({ actor: login.username, actor_kind: 'robot' });
    });
  });

  describe('of basic credentials', () => {
    it('are those of the moment', async () => {
      const world = await aWorld({ role: developer });
      const client = new Client(registry.url, basic(world.login));
      expect((await client.get('/v2/')).status).toBe(200);
      await client.anArtifact(world.repository, 'v2');
      await sql('DELETE FROM project_member WHERE user_id = $1', world.userId);
      expectChallenge(await client.get(`${world.repository}/manifests/v2`));
    });

    it('with a wrong secret are refused, also for what is public', async () => {
      const world = await aWorld({ public: true });
      const client = new Client(registry.url, basic({ ...world.login, password: 'wrong' }));
      expectChallenge(await client.get(`${world.repository}/manifests/v1`));
      expectChallenge(await client.get('/v2/'));
    });
  });

  describe('of pushes that outlive their token', () => {
    async function aged<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
      registry.time.offset = milliseconds;
      try {
        return await work();
      } finally {
        registry.time.offset = 0;
      }
    }

    async function aPush(): Promise<{ world: World; client: Client; upload: string }> {
      const world = await aWorld({ role: developer });
      const client = await Client.as(registry, world.login, world.repository);
      const upload = await client.open(world.repository);
      return { world, client, upload };
    }

    it('finish their own upload and one manifest', async () => {
      const { world, client, upload } = await aPush();
      await aged(hour, async () => {
        expect((await client.patch(upload, 'slow')).status).toBe(202);
        expect((await client.get(upload)).headers.range).toBe('0-3');
        expectChallenge(await client.putManifest(world.repository, 'late', world.pushed.payload));
        expect((await client.put(upload, digestOf('slow'))).status).toBe(201);
        const answer = await client.putManifest(world.repository, 'late', world.pushed.payload);
        expect(answer.status).toBe(201);
      });
    });

    it('do nothing else', async () => {
      const { world, client, upload } = await aPush();
      await client.patch(upload, 'x');
      await client.put(upload, digestOf('x'));
      await aged(hour, async () => {
        for (const [method, path] of [
          ['GET', '/v2/'],
          ['GET', `${world.repository}/manifests/v1`],
          ['HEAD', `${world.repository}/blobs/${world.pushed.layer.digest}`],
          ['GET', `${world.repository}/tags/list`],
          ['POST', `${world.repository}/blobs/uploads/`],
          ['DELETE', `${world.repository}/manifests/v1`],
          ['GET', '_catalog'],
        ] as const) {
          const answer = await client.send(method, path);
          expect([method, path, answer.status]).toEqual([method, path, 401]);
        }
      });
    });

    it('say that the token has expired', async () => {
      const { world, client } = await aPush();
      const answer = await aged(hour, () => client.get(`${world.repository}/manifests/v1`));
      expect(expectChallenge(answer)).toContain('error="invalid_token"');
      expect(errorOf(answer).message).toContain('expired');
    });

    it('finish no upload of somebody else', async () => {
      const { world, upload } = await aPush();
      const { database } = registry.test;
      const other = await aUser(database, { username: `other${count}` });
      await sql(
        'INSERT INTO project_member (project_id, user_id, role_id) VALUES ($1, $2, $3)',
        world.projectId,
        other.id,
        developer,
      );
      await sql('UPDATE project SET access_version = access_version + 1 WHERE id = $1', world.projectId);
      const client = await Client.as(registry, { username: other.username, password }, world.repository);
      expectChallenge(await aged(hour, () => client.patch(upload, 'x')));
    });

    it('end with the rights, with the day, and ten minutes after the last blob', async () => {
      const { world, client, upload } = await aPush();
      expectChallenge(await aged(25 * hour, () => client.patch(upload, 'x')));
      await client.put(upload, digestOf('y'), 'y');
      await sql(
        `UPDATE upload SET finished_at = now() - interval '11 minutes' WHERE repository = $1`,
        world.repository,
      );
      expectChallenge(
        await aged(hour, () => client.putManifest(world.repository, 'late', world.pushed.payload)),
      );
      const second = await client.open(world.repository);
      await client.patch(second, 'z');
      await sql('UPDATE project SET access_version = access_version + 1 WHERE id = $1', world.projectId);
      await aged(hour, async () => {
        expectChallenge(await client.patch(second, 'x'));
        expectChallenge(await client.put(second, digestOf('z')));
        expectChallenge(await client.get(second));
      });
    });
  });

  it('what is blocked is pulled by nobody, who all hear why, until it is free again', async () => {
    const world = await aWorld({ public: true });
    const reason = 'CVE-2026-0001 is critical';
    const anonymous = await Client.as(registry, undefined, world.repository);
    const paths = ['v1', world.pushed.digest].map(
      (reference) => `${world.repository}/manifests/${reference}`,
    );
    for (const client of [anonymous, everything])
      for (const path of paths) expect((await client.get(path)).status).toBe(200);
    await sql('UPDATE manifest SET blocked_reason = $1 WHERE id = (SELECT max(id) FROM manifest)', reason);
    for (const client of [anonymous, everything]) {
      for (const path of paths) {
        const answer = await client.get(path);
        expect([answer.status, errorOf(answer)]).toMatchObject([403, { code: 'DENIED', message: reason }]);
        expect((await client.head(path)).status).toBe(403);
      }
    }
    await sql('UPDATE manifest SET blocked_reason = NULL');
    expect((await anonymous.get(paths[0] ?? '')).status).toBe(200);
  });

  it('read-only, the registry answers pulls and refuses every write with one sentence', async () => {
    const world = await aWorld({ role: 4 });
    const replica = await registry.another({ readOnly: true });
    const client = (await Client.as(registry, world.login, world.repository)).at(replica);
    expect((await client.get(`${world.repository}/manifests/v1`)).status).toBe(200);
    for (const [method, path] of [
      ['PUT', 'manifests/v1'],
      ['DELETE', 'manifests/v1'],
      ['POST', 'blobs/uploads/'],
      ['PATCH', 'blobs/uploads/x'],
    ] as const) {
      const answer = await client.send(method, `${world.repository}/${path}`, { body: someBytes() });
      expect([answer.status, errorOf(answer).code]).toEqual([403, 'DENIED']);
      expect(errorOf(answer).message).toContain('read-only');
    }
  });
});

interface World {
  readonly name: string;
  readonly repository: string;
  readonly projectId: number;
  readonly userId: number;
  readonly login: Login;
  readonly pushed: PushedArtifact;
}
