import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.ts';

const isRoot = process.getuid?.() === 0;
const nobody = 65_534;
const unknown = 60_321;

let root: string;
let said: string[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'started-by-root-'));
  chmodSync(root, 0o755);
  said = [];
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
});

async function start(dataDir: string): Promise<EmbeddedPostgres> {
  const log = {
    info: (_: object, text: string) => said.push(text),
    warn: () => undefined,
    error: () => undefined,
  };
  const server = await startEmbeddedPostgres({ dataDir, log });
  onTestFinished(() => server.stop());
  return server;
}

async function makeStopped(dataDir: string): Promise<string> {
  const server = await start(dataDir);
  await server.stop();
  return join(dataDir, 'postgres-18');
}

function own(directory: string, uid: number): void {
  execFileSync('chown', ['-R', `${uid}:${uid}`, directory]);
}

/** A small file system at `directory`, until the test ends. */
function mount(directory: string, options: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory]);
  onTestFinished(() => void execFileSync('umount', ['--lazy', directory]));
}

function mayMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'may-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', directory], { stdio: 'ignore' });
    execFileSync('umount', [directory]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const canMount = isRoot && process.platform === 'linux' && mayMount();

describe.skipIf(!isRoot)('started by root (tried as root only)', () => {
  it('in a directory of another user, leaves everything to that user', async () => {
    mkdirSync(join(root, 'home'));
    chownSync(join(root, 'home'), nobody, nobody);
    const dataDir = join(root, 'home/data');
    const server = await start(dataDir);
    for (const name of ['', 'postgres-18', 'postgres.log', 'postgres-socket']) {
      expect(statSync(join(dataDir, name)).uid, name).toBe(nobody);
    }
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    await server.stop();
  });

  it('takes over a database that root copied, and says so', async () => {
    await makeStopped(join(root, 'data'));
    const copy = join(root, 'copy');
    execFileSync('cp', ['-r', join(root, 'data'), copy]);
    expect(statSync(join(copy, 'postgres-18')).uid).toBe(0);
    const server = await start(copy);
    expect(server.pid).toBeDefined();
    expect(statSync(join(copy, 'postgres-18/PG_VERSION')).uid).not.toBe(0);
    expect(said).toContainEqual(expect.stringMatching(/belonged to root: it was given to user \w+$/));
  });

  it('gives nothing away that a link stands for', async () => {
    const dataDir = join(root, 'data');
    mkdirSync(join(root, 'elsewhere'));
    mkdirSync(dataDir);
    symlinkSync(join(root, 'elsewhere'), join(dataDir, 'postgres-18'));
    await expect(start(dataDir)).rejects.toThrow(/it is a link to a directory of root.*chown -R/);
    expect(statSync(join(root, 'elsewhere')).uid).toBe(0);
  });

  it('says what to do with the database of a user whom the machine does not know', async () => {
    const clusterDir = await makeStopped(join(root, 'data'));
    own(clusterDir, unknown);
    await expect(start(join(root, 'data'))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(
        /belongs to user 60321, .*: run chown -R \w+:\d+ .*postgres-18$/,
      ) as string,
    });
  });
});

describe.skipIf(!canMount)('on small file systems (root on Linux mounts them)', () => {
  it('a database of root that cannot be given away is refused with what to do', async () => {
    const clusterDir = await makeStopped(join(root, 'data'));
    own(clusterDir, 0);
    mount(join(clusterDir, 'pg_stat_tmp'), 'ro');
    await expect(start(join(root, 'data'))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/cannot be given away: EROFS.*: run chown -R \w+:\d+ /) as string,
    });
  });

  it('a first start without room is refused before it writes, with how much it takes', async () => {
    mkdirSync(join(root, 'small'));
    mount(join(root, 'small'), 'size=20m,mode=755');
    await expect(start(join(root, 'small/data'))).rejects.toMatchObject({
      code: 'STORAGE_FULL',
      message: expect.stringMatching(
        /the first start needs 80 MiB .*, and (19|20) MiB are free: make room/,
      ) as string,
    });
  });

  it('a database that is there needs no more room than it takes', async () => {
    await makeStopped(join(root, 'data'));
    mkdirSync(join(root, 'small'));
    mount(join(root, 'small'), 'size=64m,mode=755');
    cpSync(join(root, 'data/postgres-18'), join(root, 'small/data/postgres-18'), { recursive: true });
    const server = await start(join(root, 'small/data'));
    expect(server.pid).toBeDefined();
    await server.stop();
  });
});
