import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '@entrepot/database/database';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@entrepot/embedded-postgres/embedded-postgres';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Client, runEntrepot, startApp, stopProducts, type Product } from './product.ts';

const password = 'Correct-Horse-9';

let root: string;
/** Where nothing may be written: such a process has no data directory. */
let dataDir: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'serve-app-e2e-'));
  await chmod(root, 0o755);
  dataDir = join(root, 'none');
  onTestFinished(async () => {
    await stopProducts();
    await rm(root, { recursive: true, force: true });
  });
});

async function startDatabase(): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir: join(root, 'postgres') });
  onTestFinished(() => server.stop());
  return server;
}

function settingsOf(server: EmbeddedPostgres): Record<string, string> {
  return {
    ENTREPOT_DATABASE_URL: server.url,
    ENTREPOT_SECRET_KEY: 'a key that all processes of the test share',
    ENTREPOT_STORAGE_DIRECTORY: join(root, 'blobs'),
    ENTREPOT_ADMIN_PASSWORD: password,
    ENTREPOT_DRAIN_SECONDS: '0',
  };
}

async function expectToSay(product: Product, text: RegExp): Promise<void> {
  await vi.waitFor(() => expect(product.said).toMatch(text), { timeout: 20_000, interval: 50 });
}

async function urlOf(product: Product): Promise<string> {
  await expectToSay(product, /"msg":"ready"/);
  return /"url":"([^"]+)"/.exec(product.said)?.[1] ?? '';
}

describe('one app by itself', () => {
  it('waits for the database to be migrated, and works without a data directory', async () => {
    const server = await startDatabase();
    const settings = settingsOf(server);
    const core = startApp('core', dataDir, settings);
    const registry = startApp('registry', dataDir, settings);
    const jobservice = startApp('jobservice', dataDir, settings);
    for (const product of [core, registry, jobservice])
      await expectToSay(product, /it lacks 0001-create-people.*waiting for entrepot migrate/);
    expect(await runEntrepot(dataDir, ['migrate'], settings)).toMatchObject({ code: 0 });
    const [coreUrl, registryUrl] = [await urlOf(core), await urlOf(registry)];
    await expectToSay(jobservice, /"msg":"ready"/);
    await new Client(registryUrl, password).push('library/first', 'v1');
    await new Client(registryUrl, password).pull('library/first', 'v1');
    const found = await fetch(`${coreUrl}/api/v2.0/projects/library/repositories`);
    expect(await found.text()).toContain('library/first');
    const astray = await fetch(`${coreUrl}/v2/`);
    expect([astray.status, await astray.text()]).toEqual([404, expect.stringContaining('another process')]);
    expect((await runEntrepot(dataDir, ['admin', 'reset-password'], settings)).said).toContain(
      'The password of admin is now',
    );
    for (const product of [core, registry, jobservice]) expect((await product.stop()).code).toBe(0);
    expect(await readdir(root)).not.toContain('none');
  });

  it('says which settings it lacks, all at once', async () => {
    const ended = await startApp('registry', dataDir).ended;
    expect(ended.code).toBe(78);
    for (const name of ['DATABASE_URL', 'SECRET_KEY', 'STORAGE_DIRECTORY']) {
      expect(ended.said).toMatch(new RegExp(`^ {2}ENTREPOT_${name} `, 'm'));
    }
  });

  it('is stopped while it waits for a database that does not answer', async () => {
    const server = await startDatabase();
    const settings = { ...settingsOf(server), ENTREPOT_DATABASE_URL: 'postgresql://a:b@127.0.0.1:1/c' };
    const core = startApp('core', dataDir, settings);
    await expectToSay(core, /the database does not answer: waiting for it/);
    expect((await core.stop()).code).toBe(0);
  });

  it('refuses in one sentence what waiting does not mend', async () => {
    const server = await startDatabase();
    const settings = settingsOf(server);
    await runEntrepot(dataDir, ['migrate'], settings);
    const { ENTREPOT_ADMIN_PASSWORD: _, ...without } = settings;
    const core = await startApp('core', dataDir, without).ended;
    expect([core.code, core.said]).toEqual([78, expect.stringMatching(/set ENTREPOT_ADMIN_PASSWORD/)]);
    const stranger = { ...settings, ENTREPOT_DATABASE_URL: server.url.replace('entrepot@', 'stranger@') };
    const refused = await startApp('registry', dataDir, stranger).ended;
    expect(refused.said.trim()).toMatch(/cannot be used: role "stranger" does not exist$/);
    const database = await Database.connect({ connection: server.connection, poolSize: 1 });
    await database.query("INSERT INTO schema_migration (name, ends_older) VALUES ('9999-removes', true)");
    await database.close();
    const older = await startApp('jobservice', dataDir, settings).ended;
    expect([older.code, older.said]).toEqual([78, expect.stringMatching(/newer version.*9999-removes/)]);
  });
});
