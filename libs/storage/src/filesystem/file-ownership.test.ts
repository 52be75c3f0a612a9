import { chownSync, existsSync, lstatSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { FilesystemDriver } from './filesystem-driver.ts';

const isRoot = process.getuid?.() === 0;
const somebody = { uid: 60_321, gid: 60_322 };

let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'file-ownership-'));
  onTestFinished(() => rmSync(home, { recursive: true }));
});

/** Does all that makes files and directories, and leaves one of each kind. */
async function useDriver(root: string): Promise<FilesystemDriver> {
  const driver = new FilesystemDriver({ root });
  await driver.probe();
  await driver.put('docker/identity', Buffer.from('put'));
  const published = await driver.create('staging/deep/1');
  await published.append([Buffer.from('bytes')]);
  await published.publish('blobs/ab/cd/data');
  const begun = await driver.create('staging/2');
  await begun.append([Buffer.from('bytes')]);
  await begun.flush();
  await begun.close();
  const from = { key: 'staging/2', size: 5, state: {} };
  await (await driver.resume('staging/3', from, () => undefined))?.close();
  await driver.discard(['docker/identity'], {
    trashKey: () => 'trash/of/1',
    confirm: async () => new Set(),
  });
  return driver;
}

function everythingBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name));
}

describe.skipIf(!isRoot)('what root writes (tried as root only)', () => {
  it('is given to who owns the storage directory', async () => {
    chownSync(home, somebody.uid, somebody.gid);
    await useDriver(home);
    const made = everythingBelow(home);
    expect(made).toHaveLength(12);
    for (const path of made) expect(lstatSync(path), path).toMatchObject(somebody);
  });

  it('is given to who owns the directory above, when the storage directory has to be made', async () => {
    chownSync(home, somebody.uid, somebody.gid);
    await useDriver(join(home, 'data/storage'));
    for (const path of everythingBelow(home)) expect(lstatSync(path), path).toMatchObject(somebody);
  });

  it('is made again for him when a hand removed directories', async () => {
    chownSync(home, somebody.uid, somebody.gid);
    const driver = await useDriver(home);
    rmSync(join(home, 'blobs/ab'), { recursive: true });
    await driver.put('blobs/ab/cd/data', Buffer.from('again'));
    for (const path of everythingBelow(home)) expect(lstatSync(path), path).toMatchObject(somebody);
  });

  it('stays his own in a directory of his own', async () => {
    await useDriver(home);
    expect(statSync(join(home, 'blobs/ab/cd/data')).uid).toBe(0);
  });
});

describe('a storage directory where none can be made', () => {
  it.skipIf(!existsSync('/proc/self'))('is refused at once', async () => {
    const probing = new FilesystemDriver({ root: '/proc/entrepot/storage' }).probe();
    await expect(probing).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      message: expect.stringMatching(
        /^the storage directory \/proc\/entrepot\/storage cannot be made/,
      ) as string,
    });
  });
});
