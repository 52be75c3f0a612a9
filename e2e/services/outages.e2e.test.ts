import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { titleOf } from '../programs.ts';
import { expectStatus, Pusher } from '../pusher.ts';
import { missingServicePrograms, startServices, type Services } from './services.ts';

const missing = missingServicePrograms();
const apps = ['core-1', 'core-2', 'registry-1', 'registry-2', 'jobservice-1', 'jobservice-2'] as const;

describe.skipIf(missing.length > 0)(titleOf('services that lose a part', missing), () => {
  let services: Services;
  let front: Pusher;
  let pids: readonly number[];

  beforeAll(async () => {
    services = await startServices({ ENTREPOT_DRAIN_SECONDS: '0' });
    await services.createProject('team');
    front = new Pusher(services, 'team/app');
    pids = apps.map((name) => services.pidOf(name));
  });
  afterAll(() => services?.remove());

  async function expectAllReady(): Promise<void> {
    const ready = { code: 200, status: 'ready', unwell: [] };
    await vi.waitFor(
      async () => {
        expect(await Promise.all(apps.map((name) => services.readiness(name)))).toEqual(
          apps.map(() => ready),
        );
      },
      { timeout: 20_000, interval: 250 },
    );
  }

  /** Makes a repository for each name, and deletes them all through the REST API: a job each removes the content. */
  async function deleteRepositories(names: readonly string[]): Promise<void> {
    for (const name of names) await new Pusher(services, `team/${name}`).pushImage('one', 500);
    for (const name of names) {
      const answer = await services.api('DELETE', `/projects/team/repositories/${name}`);
      await expectStatus(answer, 200, `delete ${name}`);
    }
  }

  async function expectJobsDone(prefix: string): Promise<void> {
    await vi.waitFor(
      async () => {
        const left = await services.sql<{ name: string }>(
          `SELECT r.name FROM manifest m JOIN repository r ON r.id = m.repository_id
           WHERE m.live AND r.name LIKE 'team/${prefix}%'
           UNION ALL SELECT 'fact ' || id FROM outbox
           UNION ALL SELECT 'task ' || job || ' ' || status FROM task WHERE job = 'repository.purge' AND status <> 'succeeded'`,
        );
        expect(left).toEqual([]);
      },
      { timeout: 60_000, interval: 500 },
    );
  }

  test('without Redis pulls and pushes go on, and readiness says that it is away', async () => {
    const { digest } = await front.pushImage('before', 10_000);
    await services.kill('redis');
    const degraded = { code: 200, status: 'degraded', unwell: ['redis'] };
    await vi.waitFor(
      async () => {
        expect(await Promise.all(apps.map((name) => services.readiness(name)))).toEqual(
          apps.map(() => degraded),
        );
      },
      { timeout: 10_000, interval: 250 },
    );
    expect(await front.pullWhole('before')).toBe(digest);
    for (let times = 0; times < 10; times += 1) {
      const pushed = await front.pushImage(`without${times}`, 10_000);
      expect(await front.pullWhole(`without${times}`)).toBe(pushed.digest);
    }
    await deleteRepositories(['away-1', 'away-2']);
    await services.tell('start', 'redis');
    await expectAllReady();
    await expectJobsDone('away');
  });

  test('jobs outlive a Redis that is emptied and killed in the middle of them', async () => {
    const names = Array.from({ length: 24 }, (_, index) => `flushed-${index}`);
    const deleted = deleteRepositories(names);
    for (let times = 0; times < 5; times += 1) {
      await sleep(300);
      expect(await services.redis('FLUSHALL')).toContain('+OK');
    }
    await services.kill('redis');
    await sleep(500);
    await services.tell('start', 'redis');
    await deleted;
    expect(await services.redis('FLUSHALL')).toContain('+OK');
    await expectJobsDone('flushed');
  });

  test('without PostgreSQL requests are told to come back, and all recovers by itself', async () => {
    const { digest } = await front.pushImage('kept', 10_000);
    await services.tell('stop', 'postgres');
    const begun = Date.now();
    while (Date.now() - begun < 10_000) {
      for (const path of ['manifests/kept', `manifests/${digest}`, 'tags/list']) {
        const asked = Date.now();
        const answer = await front.request('GET', path);
        expect([answer.status, Number(answer.headers.get('retry-after')) > 0]).toEqual([503, true]);
        expect(await answer.text()).toContain('UNAVAILABLE');
        expect(Date.now() - asked).toBeLessThan(9_000);
      }
      const push = await front.request('POST', 'blobs/uploads/');
      expect([push.status, Number(push.headers.get('retry-after')) > 0]).toEqual([503, true]);
      await push.arrayBuffer();
      const management = await services.api('GET', '/projects');
      expect([management.status, Number(management.headers.get('retry-after')) > 0]).toEqual([503, true]);
      await management.arrayBuffer();
      await sleep(500);
    }
    const away = await services.readiness('registry-1');
    expect(away).toMatchObject({ code: 503, status: 'not ready' });
    expect(away.unwell).toContain('database');
    await services.tell('start', 'postgres');
    await vi.waitFor(async () => expect(await front.pullWhole('kept')).toBe(digest), {
      timeout: 15_000,
      interval: 200,
    });
    await expectAllReady();
    const after = await front.pushImage('after', 10_000);
    expect(await front.pullWhole('after')).toBe(after.digest);
    await deleteRepositories(['recovered']);
    await expectJobsDone('recovered');
    expect(apps.map((name) => services.pidOf(name))).toEqual(pids);
  });
});
