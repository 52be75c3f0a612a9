import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
// oxlint-disable-next-line no-restricted-imports -- these tests prove that the server answers
import pg from 'pg';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  findRunningConnection,
  startEmbeddedPostgres,
  type EmbeddedConnection,
  type EmbeddedPostgres,
} from './embedded-postgres.ts';
import { findPostmaster, isAlive } from './postmaster.ts';

const isRoot = process.getuid?.() === 0;
const nobody = 65_534;

let root: string;
let dataDir: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'embedded-postgres-test-'));
  await chmod(root, 0o755);
  dataDir = join(root, 'data');
  // the last to run: what a test starts stops before, and no server writes into a directory that is being removed
  onTestFinished(() => rm(root, { recursive: true, force: true }));
});

async function start(directory = dataDir): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir: directory });
  onTestFinished(() => server.stop());
  return server;
}

async function ask(connection: EmbeddedConnection, sql: string): Promise<string> {
  const client = new pg.Client(connection);
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ answer: unknown }>(sql);
    return String(rows[0]?.answer);
  } finally {
    await client.end();
  }
}

async function askUntilAnswered(connection: EmbeddedConnection, sql: string): Promise<string> {
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      return await ask(connection, sql);
    } catch {
      await sleep(50);
    }
  }
  throw new Error('the server did not come back');
}

// A process of its own that starts the server, as the product does, and that a test may kill.
function startInChild(directory: string, account?: { uid: number; gid: number }): ChildProcess {
  const module = fileURLToPath(new URL('./embedded-postgres.ts', import.meta.url));
  const script = `import { startEmbeddedPostgres } from ${JSON.stringify(module)};
    const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(directory)} });
    process.on('SIGTERM', () => server.stop().then(() => process.exit(0)));
    console.log('ready');`;
  const args = ['--conditions=entrepot-source', '--input-type=module', '-e', script];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: root, ...account });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function isReady(child: ChildProcess): Promise<boolean> {
  return await Promise.race([
    once(child.stdout!, 'data').then(() => true),
    once(child, 'exit').then(() => false),
  ]);
}

describe('a start', () => {
  it('makes the database, and the next one finds what was written', async () => {
    const first = await start();
    await ask(first.connection, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    const second = await start();
    expect(await ask(second.connection, 'SELECT answer FROM kept')).toBe('42');
  });

  it('makes a database with checksums, UTF-8 and the builtin C.UTF-8, and opens no TCP port', async () => {
    const { connection } = await start();
    expect(await ask(connection, "SELECT current_setting('data_checksums') AS answer")).toBe('on');
    expect(await ask(connection, "SELECT current_setting('server_encoding') AS answer")).toBe('UTF8');
    expect(await ask(connection, "SELECT current_setting('listen_addresses') AS answer")).toBe('');
    const locale = `SELECT datlocprovider::text || datlocale AS answer FROM pg_database WHERE datname = 'entrepot'`;
    expect(await ask(connection, locale)).toBe('bC.UTF-8');
  });

  it('is reached by its URL as by its parts', async () => {
    const server = await start();
    const client = new pg.Client(server.url);
    await client.connect();
    const { rows } = await client.query('SELECT current_database() AS name');
    await client.end();
    expect(rows).toEqual([{ name: 'entrepot' }]);
  });

  it('takes settings that replace the usual ones', async () => {
    const server = await startEmbeddedPostgres({ dataDir, settings: { commit_delay: '5000' } });
    onTestFinished(() => server.stop());
    expect(await ask(server.connection, "SELECT current_setting('commit_delay') AS answer")).toBe('5000');
  });

  it('is given up when it is told to, and not any more once it is done', async () => {
    const aborted = startEmbeddedPostgres({ dataDir, signal: AbortSignal.abort() });
    await expect(aborted).rejects.toThrow(/abort/);
    const controller = new AbortController();
    const server = await startEmbeddedPostgres({ dataDir, signal: controller.signal });
    onTestFinished(() => server.stop());
    const { pid } = server;
    controller.abort();
    await sleep(100);
    expect(server.pid).toBe(pid);
  });

  it('keeps the socket and the database from other users', async () => {
    const { connection } = await start();
    expect((await stat(connection.host)).mode & 0o777).toBe(0o700);
    expect((await stat(join(dataDir, 'postgres-18'))).mode & 0o777).toBe(0o700);
  });

  it('works where the path is too long for a socket, and leaves no temporary directory', async () => {
    const long = join(root, 'a-long-name'.repeat(10));
    const server = await start(long);
    expect(server.connection.host.length).toBeLessThan(80);
    expect(await ask(server.connection, 'SELECT 1 AS answer')).toBe('1');
    await server.stop();
    await expect(stat(server.connection.host)).rejects.toThrow(/ENOENT/);
  });

  it('goes on after one that was killed while it made the database', async () => {
    const child = startInChild(dataDir);
    while (!(await readdir(dataDir).catch(() => [])).some((name) => name.startsWith('postgres.new-')))
      await sleep(5);
    await sleep(100);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await readdir(dataDir)).not.toContain('postgres-18');
    const server = await start();
    expect(await ask(server.connection, 'SELECT 1 AS answer')).toBe('1');
  });

  it('refuses a database of another major version, and says what to do', async () => {
    await mkdir(join(dataDir, 'postgres-17'), { recursive: true });
    await expect(start()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/PostgreSQL 17.*brings PostgreSQL 18.*backup.*restore/) as string,
    });
  });

  it.skipIf(!isRoot)('says in one sentence that the directory cannot be written', async () => {
    await mkdir(dataDir, { mode: 0o555 });
    const child = startInChild(join(dataDir, 'sub'), { uid: nobody, gid: nobody });
    let said = '';
    child.stderr!.on('data', (data: Buffer) => (said += data.toString()));
    expect(await isReady(child)).toBe(false);
    expect(said).toMatch(/the data directory .* cannot be written .*ENTREPOT_DATA/);
  });
});

describe('as an ordinary user and as root', () => {
  it.skipIf(!isRoot)('runs as the ordinary user who starts it', async () => {
    await mkdir(dataDir);
    await chown(dataDir, nobody, nobody);
    const child = startInChild(dataDir, { uid: nobody, gid: nobody });
    expect(await isReady(child)).toBe(true);
    expect((await stat(join(dataDir, 'postgres-18'))).uid).toBe(nobody);
    child.kill('SIGTERM');
    await once(child, 'exit');
    expect(await findPostmaster(join(dataDir, 'postgres-18'))).toBeUndefined();
  });

  it.skipIf(!isRoot)('started by root it runs as another user and says so', async () => {
    const said: string[] = [];
    const log = {
      info: (_: object, text: string) => said.push(text),
      warn: () => undefined,
      error: () => undefined,
    };
    const server = await startEmbeddedPostgres({ dataDir, log });
    onTestFinished(() => server.stop());
    expect((await stat(join(dataDir, 'postgres-18'))).uid).not.toBe(0);
    expect(said).toContainEqual(expect.stringMatching(/refuses root: it runs as user \w+/));
  });

  it.skipIf(!isRoot || process.platform !== 'linux')(
    'started by root it works below a directory that only root may enter, and is found again when orphaned',
    async () => {
      await chmod(root, 0o700);
      const server = await start();
      expect(await ask(server.connection, 'SELECT 1 AS answer')).toBe('1');
      expect((await findPostmaster(join(dataDir, 'postgres-18')))?.pid).toBe(server.pid);
    },
  );
});

describe('after kill -9', () => {
  it('of the server, it comes back by itself with all that was committed', async () => {
    const server = await start();
    await ask(server.connection, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const killed = server.pid!;
    process.kill(killed, 'SIGKILL');
    expect(await askUntilAnswered(server.connection, 'SELECT answer FROM kept')).toBe('42');
    expect(server.pid).not.toBe(killed);
  });

  it('of the server again and again, it gives up and says so', async () => {
    const server = await start();
    const lost = new Promise<Error>((resolve) => server.onExit(resolve));
    let isLost = false;
    void lost.then(() => (isLost = true));
    for (let kills = 0; kills < 6;) {
      const { pid } = server;
      if (pid !== undefined && isAlive(pid)) {
        process.kill(pid, 'SIGKILL');
        kills++;
      }
      await sleep(300);
      if (isLost) break;
    }
    expect((await lost).message).toMatch(/dies again and again/);
  });

  it('of one backend, the server recovers', async () => {
    const server = await start();
    const victim = new pg.Client(server.connection);
    victim.on('error', () => undefined);
    await victim.connect();
    const { rows } = await victim.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    process.kill(rows[0]!.pid, 'SIGKILL');
    expect(await askUntilAnswered(server.connection, 'SELECT 1 AS answer')).toBe('1');
  });

  it('of its parent, the next start takes over', async () => {
    const child = startInChild(dataDir);
    expect(await isReady(child)).toBe(true);
    const orphan = (await findPostmaster(join(dataDir, 'postgres-18')))!.pid;
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(isAlive(orphan)).toBe(true);
    const server = await start();
    expect(server.pid).not.toBe(orphan);
    expect((await findPostmaster(join(dataDir, 'postgres-18')))?.pid).toBe(server.pid);
    expect(await ask(server.connection, 'SELECT 1 AS answer')).toBe('1');
  });

  it('of its parent, the next start waits for an orphan that still shuts down', async () => {
    const child = startInChild(dataDir);
    expect(await isReady(child)).toBe(true);
    const orphan = (await findPostmaster(join(dataDir, 'postgres-18')))!.pid;
    const holder = new pg.Client(await findRunningConnection(dataDir));
    holder.on('error', () => undefined);
    await holder.connect();
    child.kill('SIGKILL');
    // a smart shutdown lasts as long as the session does
    process.kill(orphan, 'SIGTERM');
    await sleep(100);
    const server = await start();
    expect(server.pid).not.toBe(orphan);
    expect((await findPostmaster(join(dataDir, 'postgres-18')))?.pid).toBe(server.pid);
    expect(await ask(server.connection, 'SELECT 1 AS answer')).toBe('1');
  });

  it('of everything, the next start needs no repair', async () => {
    const child = startInChild(dataDir);
    expect(await isReady(child)).toBe(true);
    await ask((await findRunningConnection(dataDir))!, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const postmaster = (await findPostmaster(join(dataDir, 'postgres-18')))!.pid;
    child.kill('SIGKILL');
    process.kill(postmaster, 'SIGKILL');
    const server = await start();
    expect(await ask(server.connection, 'SELECT answer FROM kept')).toBe('42');
  });

  it('a process that has the number of the dead server by now is left alone', async () => {
    const server = await start();
    await server.stop();
    const bystander = spawn('sleep', ['60'], { stdio: 'ignore' });
    onTestFinished(() => void bystander.kill());
    await writeFile(
      join(dataDir, 'postgres-18/postmaster.pid'),
      `${bystander.pid}\n${dataDir}\n1\n5432\n\n\n\nready\n`,
    );
    expect(await findPostmaster(join(dataDir, 'postgres-18'))).toBeUndefined();
    expect(bystander.exitCode).toBeNull();
  });
});

describe('a stop', () => {
  it('ends sessions that are open, within its time', async () => {
    const server = await start();
    const client = new pg.Client(server.connection);
    client.on('error', () => undefined);
    await client.connect();
    await client.query('BEGIN');
    const before = Date.now();
    await server.stop();
    expect(Date.now() - before).toBeLessThan(5_000);
    expect(server.pid).toBeUndefined();
  });
});
