import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DistributionServer } from '../distribution-server.ts';
import { inheritedEnvironment, missingPrograms, runProgram, titleOf } from '../programs.ts';
import { Sandbox } from '../sandbox.ts';
import { startEntrepot, type Entrepot } from '../stack.ts';

const main = resolve(import.meta.dirname, '../../apps/cli/dist/main.js');
const programs = ['crane', 'docker-registry', 'distribution'];
const missing = missingPrograms(programs);

/** A directory that others wrote, and the command that reads it. */
async function rebuild(dataDir: string, storage: string) {
  return await runProgram(process.execPath, [main, 'rebuild'], {
    env: { ...inheritedEnvironment(), ENTREPOT_DATA: dataDir, ENTREPOT_STORAGE_DIRECTORY: storage },
  });
}

describe.skipIf(missing.length > 0)(titleOf('taking over a registry, and giving it back', missing), () => {
  let box: Sandbox;
  const running: { stop(): Promise<unknown> }[] = [];

  beforeAll(() => void (box = new Sandbox('take-over', 50_000)));
  afterAll(async () => {
    for (const server of running) await server.stop();
    box.remove();
  });

  async function crane(...args: string[]): Promise<string> {
    return (await box.expectSuccess('crane', ['--insecure', ...args])).stdout.trim();
  }

  async function serveBy(program: string, storage: string): Promise<DistributionServer> {
    const server = await DistributionServer.start(program, storage, box.directory);
    running.push(server);
    return server;
  }

  /** Pushes an image and an index to `host`, under names of one and of three segments. */
  async function fill(host: string): Promise<Record<string, string>> {
    const single = box.writeLayoutOf([box.layout.single]);
    const index = box.writeLayoutOf(box.layout.platforms);
    for (const name of ['nginx:1', 'team/app:v1', 'team/app:v2', 'team/deep/er:latest']) {
      await crane('push', single, `${host}/${name}`);
    }
    await crane('push', '--index', index, `${host}/team/app:all`);
    return await digestsOf(host);
  }

  async function digestsOf(host: string): Promise<Record<string, string>> {
    const names = ['nginx:1', 'team/app:v1', 'team/app:v2', 'team/app:all', 'team/deep/er:latest'];
    const found: Record<string, string> = {};
    for (const name of names) found[name] = await crane('digest', `${host}/${name}`);
    return found;
  }

  async function pullAll(host: string, digests: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, digest] of Object.entries(digests)) {
      const repository = name.slice(0, name.indexOf(':'));
      await crane('pull', '--format=oci', `${host}/${name}`, box.newPath());
      await crane('pull', '--format=oci', `${host}/${repository}@${digest}`, box.newPath());
    }
  }

  async function loggedIn(entrepot: Entrepot): Promise<Entrepot> {
    const { username, password } = entrepot.admin;
    await crane('auth', 'login', entrepot.host, '-u', username, '-p', password);
    return entrepot;
  }

  it.each(['docker-registry', 'distribution'])(
    'pulls by the same names what %s has stored, adds to it, and gives the directory back',
    async (program) => {
      const storage = box.newPath();
      mkdirSync(storage, { mode: 0o755 });
      const before = await serveBy(program, storage);
      const digests = await fill(before.host);
      await before.stop();

      const entrepot = await startEntrepot({ env: { ENTREPOT_STORAGE_DIRECTORY: storage } });
      running.push({ stop: () => entrepot.remove() });
      const first = await rebuild(entrepot.dataDir, storage);
      expect(first.output).toContain('Projects that were made, private and without members: nginx, team');
      expect(first.code, first.output).toBe(0);
      const again = await rebuild(entrepot.dataDir, storage);
      expect(again.output).toMatch(/: 0 manifests and 0 tags added, 10 were known/);
      await loggedIn(entrepot);
      expect(await digestsOf(entrepot.host)).toEqual(digests);
      await pullAll(entrepot.host, digests);

      await crane('copy', `${entrepot.host}/team/app:v1`, `${entrepot.host}/team/new:v1`);
      await crane('tag', `${entrepot.host}/team/app:all`, 'moved');
      await box.expectSuccess('crane', ['--insecure', 'delete', `${entrepot.host}/team/app:v2`]);
      await expect
        .poll(async () => await entrepot.sql('SELECT 1 FROM outbox UNION ALL SELECT 1 FROM mirror_mark'), {
          timeout: 60_000,
        })
        .toEqual([]);
      await entrepot.stop();

      const after = await serveBy(program, storage);
      const left = { ...(await digestsWithout(digests, 'team/app:v2', after.host)) };
      await pullAll(after.host, left);
      expect(await crane('digest', `${after.host}/team/new:v1`)).toBe(digests['team/app:v1']);
      expect(await crane('digest', `${after.host}/team/app:moved`)).toBe(digests['team/app:all']);
      expect((await crane('ls', `${after.host}/team/app`)).split('\n').toSorted()).toEqual([
        'all',
        'moved',
        'v1',
      ]);
      await after.stop();
    },
  );

  async function digestsWithout(all: Readonly<Record<string, string>>, name: string, host: string) {
    const { [name]: _, ...rest } = all;
    for (const each of Object.keys(rest)) expect(await crane('digest', `${host}/${each}`)).toBe(rest[each]);
    return rest;
  }

  it('names what it leaves out, and takes the rest', async () => {
    const storage = box.newPath();
    mkdirSync(storage, { mode: 0o755 });
    const server = await serveBy('docker-registry', storage);
    await crane('push', box.writeLayoutOf([box.layout.single]), `${server.host}/whole:1`);
    const other = new Sandbox('take-over-damaged', 20_000);
    await other.expectSuccess('crane', [
      '--insecure',
      'push',
      other.writeLayoutOf([other.layout.single]),
      `${server.host}/damaged:1`,
    ]);
    await server.stop();
    const manifest = JSON.parse(readFileSync(blobFile(storage, other.layout.single.digest), 'utf8')) as {
      layers: { digest: string }[];
    };
    execFileSync('rm', [blobFile(storage, manifest.layers[0]!.digest)]);
    other.remove();

    const entrepot = await startEntrepot({ env: { ENTREPOT_STORAGE_DIRECTORY: storage } });
    running.push({ stop: () => entrepot.remove() });
    const result = await rebuild(entrepot.dataDir, storage);
    expect(result.code).toBe(3);
    expect(result.output).toContain(
      `damaged@${other.layout.single.digest}: blob ${manifest.layers[0]!.digest}`,
    );
    await loggedIn(entrepot);
    await crane('pull', '--format=oci', `${entrepot.host}/whole:1`, box.newPath());
  });
});

function blobFile(storage: string, digest: string): string {
  const hex = digest.slice('sha256:'.length);
  return join(storage, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
}
