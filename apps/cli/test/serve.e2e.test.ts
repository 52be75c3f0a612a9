import { createServer } from 'node:net';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn, spawnSync } from 'node:child_process';
import { findRunningConnection, startEmbeddedPostgres } from '@entrepot/embedded-postgres/embedded-postgres';
import { Database } from '@entrepot/database/database';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { prepare } from '../../../tools/bootstrap.mjs';
import {
  Client,
  killAll,
  postmasterOf,
  processesOf,
  runEntrepot,
  startProduct,
  stopProducts,
} from './product.ts';

const isRoot = process.getuid?.() === 0;

let root: string;
let dataDir: string;

beforeAll(async () => {
  await prepare();
});

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'serve-e2e-'));
  await chmod(root, 0o755);
  dataDir = join(root, 'data');
  // the last to run: no server writes any more into what is being removed
  onTestFinished(async () => {
    await stopProducts();
    await rm(root, { recursive: true, force: true });
  });
});

describe('a start', () => {
  it('makes the administrator once, prints the password and keeps it for this user alone', async () => {
    const product = startProduct(dataDir);
    const client = new Client(await product.ready(), product.password);
    expect((await stat(join(dataDir, 'admin-password'))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(dataDir, 'admin-password'), 'utf8')).toBe(`${product.password}\n`);
    await client.push('library/first', 'v1');
    expect((await product.stop()).code).toBe(0);
    expect(processesOf(dataDir)).toEqual([]);

    const second = startProduct(dataDir);
    const url = await second.ready();
    expect(second.password).toBe('');
    await new Client(url, product.password).pull('library/first', 'v1');
  });

  it('takes the password of the setting, and says when that comes too late', async () => {
    const password = 'Correct-Horse-9';
    const product = startProduct(dataDir, { ENTREPOT_ADMIN_PASSWORD: password });
    await new Client(await product.ready(), password).push('library/first', 'v1');
    expect(product.said).not.toContain(password);
    await product.stop();
    const second = startProduct(dataDir, { ENTREPOT_ADMIN_PASSWORD: 'Another-Horse-9' });
    const url = await second.ready();
    expect(second.said).toContain('ENTREPOT_ADMIN_PASSWORD is ignored');
    await new Client(url, password).pull('library/first', 'v1');
  });
});

describe('a database of the operator', () => {
  it('is used instead of the embedded one', async () => {
    const server = await startEmbeddedPostgres({ dataDir: join(root, 'elsewhere') });
    onTestFinished(() => server.stop());
    const product = startProduct(dataDir, { ENTREPOT_DATABASE_URL: server.url });
    const client = new Client(await product.ready(), product.password);
    await client.push('library/first', 'v1');
    await expect(client.pull('library/first', 'v1')).resolves.toBeUndefined();
    expect((await product.stop()).code).toBe(0);
    expect(await readdir(dataDir)).not.toContain('postgres-18');
    expect(server.pid).toBeDefined();
  });

  it('that does not answer, or does not let us in, is told in one sentence', async () => {
    const server = await startEmbeddedPostgres({ dataDir: join(root, 'elsewhere') });
    onTestFinished(() => server.stop());
    const away = await startProduct(dataDir, { ENTREPOT_DATABASE_URL: 'postgresql://a:b@127.0.0.1:1/c' })
      .ended;
    expect(away.code).toBe(1);
    expect(away.said.trim()).toMatch(
      /^entrepot: the database of ENTREPOT_DATABASE_URL cannot be used: [^\n]*ECONNREFUSED[^\n]*$/,
    );
    const url = server.url.replace('entrepot@', 'stranger@');
    const refused = await startProduct(dataDir, { ENTREPOT_DATABASE_URL: url }).ended;
    expect(refused.code).toBe(78);
    expect(refused.said.trim()).toMatch(/cannot be used: role "stranger" does not exist$/);
  });
});

describe('after kill -9', () => {
  it('of node only, the next start needs no repair', async () => {
    const product = startProduct(dataDir);
    await new Client(await product.ready(), product.password).push('library/kept', 'v1');
    product.child.kill('SIGKILL');
    await product.ended;
    const next = startProduct(dataDir);
    await expect(
      new Client(await next.ready(), product.password).pull('library/kept', 'v1'),
    ).resolves.toBeUndefined();
  });

  it('of PostgreSQL only, the running product recovers', async () => {
    const product = startProduct(dataDir);
    const client = new Client(await product.ready(), product.password);
    await client.push('library/kept', 'v1');
    process.kill(postmasterOf(dataDir), 'SIGKILL');
    await client.pullSoon('library/kept', 'v1');
    await client.push('library/kept', 'v2');
    expect((await product.stop()).code).toBe(0);
    expect(processesOf(dataDir)).toEqual([]);
  });

  it('of one backend, the running product recovers', async () => {
    const product = startProduct(dataDir);
    const client = new Client(await product.ready(), product.password);
    await client.push('library/kept', 'v1');
    const backend = processesOf(dataDir).find((pid) => isBackend(pid));
    expect(backend).toBeDefined();
    process.kill(backend!, 'SIGKILL');
    await client.pullSoon('library/kept', 'v1');
    await client.push('library/kept', 'v2');
  });

  it('of everything, the next start needs no repair', async () => {
    const product = startProduct(dataDir);
    await new Client(await product.ready(), product.password).push('library/kept', 'v1');
    killAll(dataDir);
    await product.ended;
    const next = startProduct(dataDir);
    await expect(
      new Client(await next.ready(), product.password).pull('library/kept', 'v1'),
    ).resolves.toBeUndefined();
  });
});

describe('one clear sentence and an exit code', () => {
  it('for a port that is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as { port: number };
    const ended = await startProduct(dataDir, { ENTREPOT_HTTP_PORT: String(port) }).ended;
    expect(ended.code).toBe(78);
    expect(ended.said.trim()).toMatch(
      /^entrepot: cannot listen on 127\.0\.0\.1:\d+: another program listens there.*$/,
    );
  });

  it('for a data directory that another instance uses', async () => {
    const product = startProduct(dataDir);
    await product.ready();
    const ended = await startProduct(dataDir).ended;
    expect(ended.code).toBe(78);
    expect(ended.said).toContain(`in use by another Entrepot (process ${product.child.pid})`);
  });

  it('for a wrong configuration, all of it at once', async () => {
    const ended = await startProduct(dataDir, { ENTREPOT_HTTP_PORT: 'x', ENTREPOT_DTA: 'y' }).ended;
    expect(ended.code).toBe(78);
    expect(ended.said).toMatch(/2 problems[^]*did you mean ENTREPOT_DATA[^]*ENTREPOT_HTTP_PORT must be/);
  });

  it('for a database of another PostgreSQL major version', async () => {
    await mkdir(join(dataDir, 'postgres-17'), { recursive: true });
    const ended = await startProduct(dataDir).ended;
    expect(ended.code).toBe(78);
    expect(ended.said).toMatch(/holds a database of PostgreSQL 17.*restore/);
  });

  it('for a database that a newer version wrote', async () => {
    const product = startProduct(dataDir);
    await product.ready();
    const connection = await findRunningConnection(dataDir);
    const database = await Database.connect({ connection: connection!, poolSize: 1 });
    await database.query("INSERT INTO schema_migration (name) VALUES ('9999-from-the-future')");
    await database.close();
    await product.stop();
    const ended = await startProduct(dataDir).ended;
    expect(ended.code).toBe(78);
    expect(ended.said).toMatch(/newer version of Entrepot \(it has 9999-from-the-future\)/);
    expect(processesOf(dataDir)).toEqual([]);
  });

  it('for a storage that is not the one of this database', async () => {
    const product = startProduct(dataDir);
    await new Client(await product.ready(), product.password).push('library/kept', 'v1');
    await product.stop();
    await rename(join(dataDir, 'storage'), join(dataDir, 'storage.away'));
    const ended = await startProduct(dataDir).ended;
    expect(ended.code).toBe(78);
    expect(ended.said).toMatch(/storage .* is not the one that this database knows/);
  });

  it('for another secret key', async () => {
    const product = startProduct(dataDir);
    await product.ready();
    await product.stop();
    await writeFile(join(dataDir, 'secret-key'), 'another key of thirty-two characters');
    const ended = await startProduct(dataDir).ended;
    expect(ended.code).toBe(78);
    expect(ended.said).toContain('is not the key that this database was made with');
  });

  it.skipIf(!isRoot)('for a data directory that cannot be written', async () => {
    const ended = await new Promise<{ code: number | null; said: string }>((resolve) => {
      const main = new URL('../dist/main.js', import.meta.url).pathname;
      const child = spawn(process.execPath, [main, 'serve'], {
        env: { ENTREPOT_DATA: join(root, 'data'), ENTREPOT_HTTP_PORT: '0' },
        uid: 65_534,
        gid: 65_534,
      });
      let said = '';
      child.stderr.on('data', (data: Buffer) => (said += data.toString()));
      child.once('close', (code) => resolve({ code, said }));
    });
    expect(ended.code).toBe(78);
    expect(ended.said).toMatch(/^entrepot: the data directory .* cannot be written .*ENTREPOT_DATA/);
  });

  it.skipIf(!isRoot || process.platform !== 'linux')('for a disk that is full', async () => {
    await mkdir(dataDir);
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', dataDir]).status).toBe(0);
    const ended = await startProduct(dataDir).ended.finally(() => spawnSync('umount', ['-l', dataDir]));
    expect(ended.code).toBe(1);
    expect(ended.said).toMatch(/entrepot: the first start needs 80 MiB .*, and [78] MiB are free: make room/);
    expect(processesOf(dataDir)).toEqual([]);
  });
});

describe('commands', () => {
  it('reset the password while the server is stopped, and while it runs', async () => {
    const product = startProduct(dataDir);
    await product.ready();
    await product.stop();
    const stopped = passwordIn((await runEntrepot(dataDir, ['admin', 'reset-password'])).said);
    const next = startProduct(dataDir);
    const url = await next.ready();
    await new Client(url, stopped).push('library/first', 'v1');
    const running = await runEntrepot(dataDir, ['admin', 'reset-password']);
    expect(running.code).toBe(0);
    await new Client(url, passwordIn(running.said)).pull('library/first', 'v1');
    await expect(new Client(url, stopped).pull('library/first', 'v1')).rejects.toThrow(/401/);
  });

  it('say that there is no such administrator', async () => {
    const product = startProduct(dataDir);
    await product.ready();
    const ended = await runEntrepot(dataDir, ['admin', 'reset-password', '--user', 'nobody']);
    expect(ended).toMatchObject({
      code: 1,
      said: expect.stringContaining('no administrator named nobody') as string,
    });
  });

  it('refuse to migrate while the server runs, and migrate when it is stopped', async () => {
    const first = startProduct(dataDir);
    await first.ready();
    await first.stop();
    expect((await runEntrepot(dataDir, ['migrate'])).code).toBe(0);
    const product = startProduct(dataDir);
    await product.ready();
    const refused = await runEntrepot(dataDir, ['migrate']);
    expect(refused.code).toBe(78);
    expect(refused.said).toContain('in use by another Entrepot');
  });
});

function isBackend(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.startsWith('postgres: entrepot entrepot');
}

function passwordIn(said: string): string {
  return /is now (\S+)/.exec(said)?.[1] ?? '';
}
