import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../free-port.ts';
import { Pusher, type AcknowledgedPush } from '../pusher.ts';
import { missingServicePrograms, startServices } from '../services/services.ts';
import { Entrepot, startEntrepot } from '../stack.ts';
import { titleOf } from '../programs.ts';
import { killEntrepot, parseSettings, runEntrepot } from './product-command.ts';

const layerBytes = 60_000;

/** A directory that the user may read that PostgreSQL runs as. */
function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'entrepot-backup-'));
  chmodSync(directory, 0o755);
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Starts the product on a data directory, until the test has ended. */
async function startOn(dataDir: string, env: Readonly<Record<string, string>> = {}): Promise<Entrepot> {
  const ports = { port: await freePort(), metricsPort: await freePort() };
  const entrepot = new Entrepot(dataDir, ports, { env });
  onTestFinished(() => entrepot.remove());
  await entrepot.start();
  return entrepot;
}

/** Pushes image after image until told to stop; `done` grows with what was acknowledged. */
function startPushing(pusher: Pusher, name: string): { done: AcknowledgedPush[]; stop(): Promise<void> } {
  const done: AcknowledgedPush[] = [];
  const end = new AbortController();
  const pushes = (async () => {
    for (let n = 0; !end.signal.aborted; n += 1)
      done.push(await pusher.pushImage(`${name}-${n}`, layerBytes));
  })();
  const stop = async (): Promise<void> => {
    end.abort();
    await pushes;
  };
  return { done, stop };
}

async function pullAll(entrepot: Entrepot, pushes: readonly AcknowledgedPush[]): Promise<void> {
  for (const { repository, tag, digest } of pushes) {
    const pusher = new Pusher(entrepot, repository);
    expect(await pusher.pullWhole(tag)).toBe(digest);
    expect(await pusher.pullWhole(digest)).toBe(digest);
  }
}

describe('entrepot backup and restore', () => {
  let entrepot: Entrepot;
  let pusher: Pusher;

  beforeAll(async () => {
    entrepot = await startEntrepot();
    await entrepot.createProject('team');
    pusher = new Pusher(entrepot, 'team/app');
  });
  afterAll(() => entrepot.remove());

  async function backUp(to: string, ...options: string[]): Promise<string> {
    const { code, output } = await runEntrepot(['backup', '--to', to, ...options], settings());
    expect(output).toContain('is complete');
    expect(code).toBe(0);
    return output;
  }

  const settings = () => ({ ENTREPOT_DATA: entrepot.dataDir });
  const blobsOf = (output: string) => Number(/(\d+) of them/.exec(output)?.[1]);

  it('brings back all that was acknowledged before it began, while pushes go on', async () => {
    const [to, target] = [join(newDirectory(), 'backups'), newDirectory()];
    const pushes = [0, 1, 2].map((writer) => startPushing(new Pusher(entrepot, `team/app-${writer}`), 'v'));
    while (pushes.some(({ done }) => done.length < 5)) await sleep(20);
    const before = pushes.flatMap(({ done }) => done);
    await backUp(to);
    for (const each of pushes) await each.stop();
    expect(pushes.flatMap(({ done }) => done).length).toBeGreaterThan(before.length);

    const restored = await runEntrepot(['restore', '--from', to], { ENTREPOT_DATA: target });
    expect(restored.output).toContain('Nothing is collected until entrepot verify --repair');
    expect(restored.code).toBe(0);
    const second = await startOn(target);
    await pullAll(second, before);
    // whatever else the snapshot saw is whole too
    for (const writer of [0, 1, 2]) {
      const again = new Pusher(second, `team/app-${writer}`);
      for (const tag of await again.listTags()) await again.pullWhole(tag);
    }
    const verified = await runEntrepot(['verify', '--sample', '100'], { ENTREPOT_DATA: target });
    expect(verified.output).toContain('Nothing is wrong.');
    await new Pusher(second, 'team/app-0').pushImage('after', layerBytes);
    expect((await second.api('GET', '/api/v2.0/projects?name=team')).status).toBe(200);
  });

  it('copies only what is new the second time, and restores either', async () => {
    const to = join(newDirectory(), 'backups');
    const first = await pusher.pushImage('first', layerBytes);
    expect(blobsOf(await backUp(to))).toBeGreaterThan(1);
    const second = await pusher.pushImage('second', layerBytes);
    expect(blobsOf(await backUp(to))).toBe(2);
    const [older = ''] = readdirSync(join(to, 'generations')).toSorted();
    const target = newDirectory();
    const args = ['restore', '--from', to, '--generation', older];
    expect((await runEntrepot(args, { ENTREPOT_DATA: target })).code).toBe(0);
    const again = await startOn(target);
    await pullAll(again, [first]);
    const gone = await new Pusher(again, 'team/app').request('HEAD', `manifests/${second.tag}`);
    expect(gone.status).toBe(404);
  });

  it('needs no server that runs', async () => {
    const to = join(newDirectory(), 'backups');
    const push = await pusher.pushImage('stopped', layerBytes);
    await entrepot.stop();
    await backUp(to);
    await entrepot.start();
    const target = newDirectory();
    expect((await runEntrepot(['restore', '--from', to], { ENTREPOT_DATA: target })).code).toBe(0);
    await pullAll(await startOn(target), [push]);
  });

  it.each(['tables', 'blobs'])('goes on after a backup that was killed at its %s', async (part) => {
    const to = join(newDirectory(), 'backups');
    const push = await pusher.pushImage(`killed-${part}`, 3_000_000);
    const places = { tables: 'generations', blobs: 'blobs' };
    await killEntrepot(['backup', '--to', to], settings(), () =>
      existsSync(join(to, part === 'tables' ? places.tables : places.blobs)),
    );
    const target = newDirectory();
    const refused = await runEntrepot(['restore', '--from', to], { ENTREPOT_DATA: target });
    expect(refused.output).toContain('it has no complete generation');
    expect(refused.code).toBe(1);
    await backUp(to);
    expect(readdirSync(join(to, 'generations'))).toHaveLength(1);
    expect((await runEntrepot(['restore', '--from', to], { ENTREPOT_DATA: target })).code).toBe(0);
    await pullAll(await startOn(target), [push]);
  });

  it.each([
    ['the first blobs are there', 'v2'],
    ['the database is about to be there', 'entrepot.json'],
  ])('goes on after a restore that was killed when %s', async (_, mark) => {
    const to = join(newDirectory(), 'backups');
    const push = await pusher.pushImage(`restored-${mark}`, layerBytes);
    await backUp(to);
    const target = newDirectory();
    const at = join(target, 'storage/docker/registry', mark);
    await killEntrepot(['restore', '--from', to], { ENTREPOT_DATA: target }, () => existsSync(at));
    const again = await runEntrepot(['restore', '--from', to], { ENTREPOT_DATA: target });
    // it may have been done in the last moment
    expect(again.output).toMatch(/is restored|a restore overwrites nothing/);
    await pullAll(await startOn(target), [push]);
  });

  it('restores into a database of the operator', async () => {
    const to = join(newDirectory(), 'backups');
    const push = await pusher.pushImage('outside', layerBytes);
    await backUp(to);
    await entrepot.sql('CREATE DATABASE outside');
    const host = encodeURIComponent(entrepot.databaseHost);
    const outside = { ENTREPOT_DATABASE_URL: `postgresql://entrepot@localhost/outside?host=${host}` };
    const target = newDirectory();
    const restore = () => runEntrepot(['restore', '--from', to], { ENTREPOT_DATA: target, ...outside });
    expect((await restore()).output).toContain('is restored');
    const second = await startOn(target, outside);
    await pullAll(second, [push]);
    await second.stop();
    expect((await restore()).output).toContain('a restore overwrites nothing');
  });

  it('says in one sentence what is in the way', async () => {
    const to = join(newDirectory(), 'backups');
    await backUp(to);
    const running = await runEntrepot(['restore', '--from', to], settings());
    expect(running.output).toContain('is in use by another Entrepot');
    await entrepot.stop();
    const full = await runEntrepot(['restore', '--from', to], settings());
    await entrepot.start();
    expect(full.output).toMatch(
      /^entrepot: the database is not empty, .*: it has \d+ repositories, \d+ manifests/,
    );
    const other = {
      ENTREPOT_DATA: newDirectory(),
      ENTREPOT_SECRET_KEY: 'another-key-of-thirty-two-characters',
    };
    const wrongKey = await runEntrepot(['restore', '--from', to], other);
    expect(wrongKey.output).toContain('ENTREPOT_SECRET_KEY is not the key of this backup');
    expect(wrongKey.code).toBe(78);
  });
});

const missing = missingServicePrograms();

describe.skipIf(missing.length > 0)(titleOf('entrepot backup of services', missing), () => {
  it('moves an installation on a PostgreSQL of its own into one process, while it runs', async () => {
    const services = await startServices();
    onTestFinished(() => services.remove());
    await services.createProject('team');
    const pusher = new Pusher(services, 'team/app');
    const push = await pusher.pushImage('v1', layerBytes);
    const [to, target] = [join(newDirectory(), 'backups'), newDirectory()];
    const outside = parseSettings(readFileSync(join(services.directory, 'entrepot.env'), 'utf8'));
    const saved = await runEntrepot(['backup', '--to', to], { ...outside, ENTREPOT_DATA: newDirectory() });
    expect(saved.output).toContain('The secret key is not part of it');
    expect(saved.code).toBe(0);
    const without = await runEntrepot(['restore', '--from', to], { ENTREPOT_DATA: target });
    expect(without.output).toContain('set that to the same key');
    const key = { ENTREPOT_SECRET_KEY: outside['ENTREPOT_SECRET_KEY'] ?? '' };
    const restored = await runEntrepot(['restore', '--from', to], { ENTREPOT_DATA: target, ...key });
    expect(restored.code).toBe(0);
    const embedded = await startOn(target, key);
    // the password came with the database
    const moved = new Pusher({ url: embedded.url, admin: services.admin }, 'team/app');
    expect(await moved.pullWhole('v1')).toBe(push.digest);
  });
});
