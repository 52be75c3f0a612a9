import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '@entrepot/database/database';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@entrepot/embedded-postgres/embedded-postgres';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { prepare } from '../../../tools/bootstrap.mjs';
import { Client, processesOf, runEntrepot, startProduct, stopProducts } from './product.ts';

const isRoot = process.getuid?.() === 0;
const nobody = { uid: 65_534, gid: 65_534 };

let root: string;
let dataDir: string;

beforeAll(async () => {
  await prepare();
});

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'refusals-e2e-'));
  chmodSync(root, 0o755);
  dataDir = join(root, 'data');
  onTestFinished(async () => {
    await stopProducts();
    rmSync(root, { recursive: true, force: true });
  });
});

/** A data directory that was used and is not any more. Returns the password of its administrator. */
async function makeUsed(directory: string): Promise<string> {
  const product = startProduct(directory);
  await new Client(await product.ready(), product.password).push('library/kept', 'v1');
  await product.stop();
  return product.password;
}

async function startServer(): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir: join(root, 'server') });
  onTestFinished(() => server.stop());
  return server;
}

async function ask<Row extends object>(server: EmbeddedPostgres, sql: string): Promise<Row[]> {
  const database = await Database.connect({ connection: server.connection, poolSize: 1 });
  try {
    return await database.query<Row>(sql);
  } finally {
    await database.close();
  }
}

const listTables =
  "SELECT tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";

describe('a start that is refused leaves nothing behind', () => {
  it('when the storage belongs to a database that is not this one', async () => {
    await makeUsed(join(root, 'first'));
    const settings = { ENTREPOT_STORAGE_DIRECTORY: join(root, 'first/storage') };
    const ended = await startProduct(dataDir, settings).ended;
    expect(ended).toMatchObject({
      code: 78,
      said: expect.stringMatching(
        /storage .*first\/storage belongs to a database that is not the one/,
      ) as string,
    });
    expect(readdirSync(dataDir)).toEqual([]);
    for (const command of ['rebuild', 'verify']) {
      expect((await runEntrepot(dataDir, [command], settings)).code, command).toBe(78);
      expect(readdirSync(dataDir), command).toEqual([]);
    }
    const server = await startServer();
    const outside = { ...settings, ENTREPOT_DATABASE_URL: server.url };
    expect((await startProduct(dataDir, outside).ended).code).toBe(78);
    expect(await ask(server, listTables)).toEqual([]);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it('when the storage of a database with content is not there', async () => {
    await makeUsed(dataDir);
    const elsewhere = join(root, 'a-slip-of-the-pen');
    const ended = await startProduct(dataDir, { ENTREPOT_STORAGE_DIRECTORY: elsewhere }).ended;
    expect(ended.code).toBe(78);
    expect(ended.said).toMatch(/is not the one that this database knows/);
    expect(existsSync(elsewhere)).toBe(false);
  });

  it('when the secret key is gone, and says where it was', async () => {
    await makeUsed(dataDir);
    rmSync(join(dataDir, 'secret-key'));
    const ended = await startProduct(dataDir).ended;
    expect(ended.code).toBe(78);
    expect(ended.said).toMatch(
      /ENTREPOT_SECRET_KEY is not set, and what .*data\/secret-key holds is not the key that/,
    );
    expect(readdirSync(dataDir)).not.toContain('secret-key');
  });

  it('when the database has tables of something else', async () => {
    const server = await startServer();
    await ask(server, 'CREATE TABLE accounts (id int)');
    const ended = await startProduct(dataDir, { ENTREPOT_DATABASE_URL: server.url }).ended;
    expect(ended.code).toBe(78);
    expect(ended.said.trim()).toMatch(
      /^entrepot: the database [^\n]*not empty \(it has the tables accounts\): [^\n]*$/,
    );
    expect(await ask(server, listTables)).toEqual([{ tablename: 'accounts' }]);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it.skipIf(!existsSync('/proc/self'))('at once when the directory can not be made', async () => {
    const begun = Date.now();
    const ended = await startProduct('/proc/entrepot').ended;
    expect(ended.code).toBe(78);
    expect(ended.said).toMatch(/the data directory \/proc\/entrepot cannot be written .*ENTREPOT_DATA/);
    expect(Date.now() - begun).toBeLessThan(10_000);
  });
});

describe('a command for what is there', () => {
  it.each([
    'migrate',
    'verify',
    'export-links',
    'admin reset-password',
    `backup --to ${tmpdir()}/never-made`,
  ])('%s makes no Entrepot where there is none', async (command) => {
    const ended = await runEntrepot(dataDir, command.split(' '));
    expect(ended).toMatchObject({
      code: 78,
      said: `entrepot: there is no Entrepot in ${dataDir}: is ENTREPOT_DATA right?\n`,
    });
    expect(readdirSync(root)).toEqual([]);
  });

  it('says so of a database of the operator', async () => {
    const server = await startServer();
    const ended = await runEntrepot(dataDir, ['admin', 'reset-password'], {
      ENTREPOT_DATABASE_URL: server.url,
    });
    expect(ended.code).toBe(78);
    expect(ended.said).toMatch(/there is no Entrepot in the database: is ENTREPOT_DATABASE_URL right\?/);
    expect(await ask(server, listTables)).toEqual([]);
  });

  it('except for rebuild, which makes the database of a storage', async () => {
    expect((await runEntrepot(dataDir, ['rebuild'])).code).toBe(0);
    expect(readdirSync(dataDir)).toContain('postgres-18');
  });
});

describe.skipIf(!isRoot)('a start as root on the directory of a user (tried as root only)', () => {
  it('leaves everything so that this user can go on', async () => {
    mkdirSync(dataDir);
    chownSync(dataDir, nobody.uid, nobody.gid);
    const password = await makeUsed(dataDir);
    expect(processesOf(dataDir)).toEqual([]);
    for (const name of readdirSync(dataDir, { recursive: true, encoding: 'utf8' })) {
      expect(lstatSync(join(dataDir, name)), name).toMatchObject(nobody);
    }
    const product = startProduct(dataDir, {}, nobody);
    const client = new Client(await product.ready(), password);
    await client.pull('library/kept', 'v1');
    await client.push('library/kept', 'v2');
  });
});
