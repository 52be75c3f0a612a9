import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { DriverUnderTest } from '../conformance/driver-under-test.ts';
import { describeDriver } from '../conformance.ts';
import { FilesystemDriver } from './filesystem-driver.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
}

async function readlinks(directory: string): Promise<string[]> {
  const names = await readdir(directory);
  return Promise.all(names.map((name) => readlink(join(directory, name)).catch(() => '')));
}

async function makeDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'entrepot-storage-'));
}

async function make(): Promise<DriverUnderTest> {
  const root = await makeDirectory();
  return {
    driver: new FilesystemDriver({ root }),
    leftovers: () => filesBelow(root),
    destroy: () => rm(root, { recursive: true }),
  };
}

async function makeSmall(): Promise<DriverUnderTest> {
  const root = await makeDirectory();
  await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', root]);
  return {
    driver: new FilesystemDriver({ root }),
    leftovers: () => filesBelow(root),
    destroy: async () => {
      await run('umount', [root]);
      await rm(root, { recursive: true });
    },
  };
}

/** Whether a file system can be mounted here: root in a container often may not. */
async function canMount(): Promise<boolean> {
  if (!isRoot || process.platform !== 'linux') return false;
  try {
    await (await makeSmall()).destroy();
    return true;
  } catch {
    return false;
  }
}

describeDriver('filesystem', {
  make,
  makeSmall: (await canMount()) ? makeSmall : { unavailable: 'a tmpfs can be mounted by root on Linux only' },
});

describe('filesystem driver on its disk', () => {
  let root: string;
  let driver: FilesystemDriver;

  beforeEach(async () => {
    root = await makeDirectory();
    driver = new FilesystemDriver({ root });
  });

  afterEach(() => rm(root, { recursive: true, force: true }));

  async function publish(key: string): Promise<string> {
    const appender = await driver.create('staging/1');
    await appender.append([Buffer.from('bytes')]);
    return appender.publish(key);
  }

  it('lets nobody else read what it stores', async () => {
    await publish('a/b/object');
    expect(statSync(join(root, 'a/b/object')).mode & 0o777).toBe(0o600);
    expect(statSync(join(root, 'a/b')).mode & 0o777).toBe(0o700);
  });

  it('locates an object where the proxy in front serves it, and nowhere without one', async () => {
    await publish('a/object');
    expect(await driver.locate('a/object')).toBeUndefined();
    const behindProxy = new FilesystemDriver({ root, proxyPrefix: '/_blobs' });
    expect(await behindProxy.locate('a/object')).toEqual({ file: '/_blobs/a/object' });
  });

  it('publishes while a collector removes the empty directory again and again', async () => {
    await driver.put('blobs/ab/kept', Buffer.from('kept'));
    const collector = spawn(process.execPath, [
      '-e',
      `const { rmdirSync } = require('node:fs');
       process.stdout.write('ready');
       const pause = new Int32Array(new SharedArrayBuffer(4));
       for (;;) {
         try { rmdirSync(process.argv[1]); } catch {}
         Atomics.wait(pause, 0, 0, Math.random() * 0.1);
       }`,
      join(root, 'blobs/ab/cd'),
    ]);
    onTestFinished(() => void collector.kill());
    await once(collector.stdout, 'data');
    for (let round = 0; round < 300; round += 1) {
      expect(await publish('blobs/ab/cd/data')).toBe('created');
      await driver.remove(['blobs/ab/cd/data']);
    }
  });

  it('publishes after directories were removed by hand', async () => {
    await publish('a/b/c/object');
    await rm(join(root, 'a/b'), { recursive: true });
    expect(await publish('a/b/c/object')).toBe('created');
  });

  it('leaves neither a file nor a descriptor of a resume that failed', async () => {
    const first = await driver.create('staging/1');
    await first.append([Buffer.from('bytes')]);
    await first.flush();
    await first.close();
    const from = { key: 'staging/1', size: 5, state: {} };
    const failing = driver.resume('staging/2', from, () => {
      throw new Error('the hash failed');
    });
    await expect(failing).rejects.toThrow('the hash failed');
    expect(await readdir(join(root, 'staging'))).toEqual(['1']);
    const open = process.platform === 'linux' ? await readlinks('/proc/self/fd') : [];
    expect(open.filter((path) => path.startsWith(root))).toEqual([]);
  });

  it('makes nothing where its volume was, which was unmounted while it ran', async () => {
    await publish('a/b/object');
    // another process, which has only read so far
    const reader = new FilesystemDriver({ root });
    await reader.probe();
    await rm(join(root, 'a'), { recursive: true });
    await rm(join(root, 'staging'), { recursive: true });
    for (const each of [driver, reader]) {
      const why = /the storage directory .* is gone.*: is its volume mounted\?/;
      await expect(each.put('a/b/object', Buffer.from('lost'))).rejects.toThrow(why);
      await expect((await each.create('a/1')).append([Buffer.from('lost')])).rejects.toThrow(why);
      await expect(each.probe()).rejects.toThrow(why);
    }
    expect(await readdir(root)).toEqual([]);
    await rm(root, { recursive: true });
    await expect(new FilesystemDriver({ root }).put('a/object', Buffer.from('lost'))).rejects.toThrow(
      /is its volume mounted/,
    );
  });

  it('leaves no trace of an empty directory when its object is removed', async () => {
    await publish('a/b/object');
    await driver.remove(['a/b/object']);
    expect(await readdir(join(root, 'a'))).toEqual([]);
  });

  it('lists no half-written file', async () => {
    await driver.put('object', Buffer.from('whole'));
    writeFileSync(join(root, 'object~0b1e'), 'ha');
    const keys: string[] = [];
    for await (const { key } of driver.list('')) keys.push(key);
    expect(keys).toEqual(['object']);
  });

  it('gives no writer the file of another one, nor one that a crash left', async () => {
    const first = await driver.create('staging/1');
    await first.append([Buffer.from('first')]);
    const second = await driver.create('staging/1');
    await expect(second.append([Buffer.from('second')])).rejects.toThrow(
      /has a writer, or had one that crashed/,
    );
    await second.discard();
    expect(await first.publish('object')).toBe('created');
    expect(statSync(join(root, 'object')).size).toBe(5);
  });

  it('makes its root when it is probed', async () => {
    const deep = join(root, 'not/yet/there');
    await new FilesystemDriver({ root: deep }).probe();
    expect(await readdir(deep)).toEqual([]);
    expect(statSync(deep).mode & 0o777).toBe(0o700);
  });

  it('says what is wrong with a root that is a file', async () => {
    writeFileSync(join(root, 'file'), '');
    const probing = new FilesystemDriver({ root: join(root, 'file') }).probe();
    await expect(probing).rejects.toThrow(/cannot use .*file: (?:EEXIST|ENOTDIR), .*not a directory/);
  });

  it.skipIf(isRoot)(
    'says what is wrong with a root that may not be written (not tried as root)',
    async () => {
      mkdirSync(join(root, 'closed'));
      chmodSync(join(root, 'closed'), 0o500);
      const probing = new FilesystemDriver({ root: join(root, 'closed') }).probe();
      await expect(probing).rejects.toThrow(/EACCES, the user of this process lacks the right/);
    },
  );
});
