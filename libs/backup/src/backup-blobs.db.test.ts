import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { appendFile, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Collector } from '@entrepot/catalog/collection/collector';
import { ContentBuilder, repositoryName } from '@entrepot/catalog/testing/content-builder';
import { readIdentity, writeIdentity } from '@entrepot/content-store/identity';
import type { ConnectionOptions } from '@entrepot/database/connection-options';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { digestHex, type Digest } from '@entrepot/oci/digest';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, BackupWorld, makeInstance, pathOf, putBlob, type TestStorage } from './testing/backup-world.ts';

describe('backup of the blobs', () => {
  const name = repositoryName('blobs/app');
  let world: BackupWorld;
  let test: TestDatabase;
  let target: TestDatabase;
  let storage: TestStorage;
  let build: ContentBuilder;
  let project: number;

  beforeAll(async () => {
    world = await BackupWorld.make();
  });
  afterAll(() => world.remove());
  beforeEach(async () => {
    test = await createTestDatabase();
    target = await createTestDatabase();
    await target.close();
    storage = await world.aStorage();
    await makeInstance(test.connection);
    build = new ContentBuilder(test.database);
    project = await build.aProject('blobs');
  });
  afterEach(() => test.close());

  async function aBlob(bytes = randomBytes(100)): Promise<Digest> {
    const digest = await putBlob(storage, bytes);
    await build.link(project, name, digest, bytes.length);
    return digest;
  }

  function blobsIn(to: string): string[] {
    const all = readdirSync(join(to, 'blobs'), { recursive: true, withFileTypes: true });
    return all.filter((entry) => entry.isFile()).map((entry) => entry.name);
  }

  async function stateOf(connection: ConnectionOptions, digest: Digest): Promise<unknown> {
    const [row] = await ask<{ state: string }>(
      connection,
      'SELECT state FROM blob WHERE encode(digest, $1) = $2',
      ['hex', `01${digestHex(digest)}`],
    );
    return row?.state;
  }

  it('brings every byte back, under an identity that is newer than both', async () => {
    const bytes = [randomBytes(0), randomBytes(1), randomBytes(700_000)];
    const digests = [];
    for (const each of bytes) digests.push(await aBlob(each));
    const { to, blobs } = await world.backUp(test.connection, storage);
    expect(blobs).toEqual({ count: 3, bytes: 700_001, copied: 3, copiedBytes: 700_001, missing: 0 });
    const place = await world.aStorage();
    const { epoch, backup } = await world.restore(to, target.connection, place);
    for (const [index, digest] of digests.entries()) {
      expect(readFileSync(pathOf(place, digest)).equals(bytes[index]!)).toBe(true);
    }
    expect(await readIdentity(place.store)).toEqual({
      instance: backup.manifest.instance,
      format: 1,
      epoch: 2,
    });
    expect(epoch).toBe(2);
  });

  it('reads them through the driver where there are no files', async () => {
    const bytes = randomBytes(300_000);
    const digest = await aBlob(bytes);
    const { to, blobs } = await world.backUp(test.connection, undefined, {
      blobs: { store: storage.store, files: undefined },
    });
    expect(blobs).toMatchObject({ count: 1, bytes: 300_000 });
    expect(readFileSync(join(to, 'blobs/sha256', digestHex(digest).slice(0, 2), digestHex(digest)))).toEqual(
      bytes,
    );
  });

  it('copies what is new, and keeps what any of the backups needs', async () => {
    const [first, second] = [await aBlob(), await aBlob()];
    const { to, generation } = await world.backUp(test.connection, storage);
    const third = await aBlob();
    expect((await world.backUp(test.connection, storage, { to })).blobs).toMatchObject({
      count: 3,
      copied: 1,
    });
    await test.database.query(
      'DELETE FROM repository_blob; DELETE FROM blob WHERE id IN (SELECT min(id) FROM blob)',
    );
    const two = await world.backUp(test.connection, storage, { to, keep: 2 });
    expect(two.pruned).toEqual({ generations: 1, blobs: 0 });
    const one = await world.backUp(test.connection, storage, { to, keep: 1 });
    expect(one.pruned).toEqual({ generations: 2, blobs: 1 });
    expect(blobsIn(to).toSorted()).toEqual([second, third].map(digestHex).toSorted());
    expect(blobsIn(to)).not.toContain(digestHex(first));
    expect(await readdir(join(to, 'generations'))).not.toContain(generation);
  });

  it('copies again what was cut short, in the backup or while it was copied', async () => {
    const digest = await aBlob();
    const { to } = await world.backUp(test.connection, storage);
    const path = join(to, 'blobs/sha256', digestHex(digest).slice(0, 2), digestHex(digest));
    await truncate(path, 50);
    await writeFile(`${path}.partial`, 'from a backup that was killed');
    expect((await world.backUp(test.connection, storage, { to })).blobs).toMatchObject({
      count: 1,
      copied: 1,
    });
    expect(readFileSync(path)).toEqual(readFileSync(pathOf(storage, digest)));
    expect(await readdir(join(path, '..'))).toEqual([digestHex(digest)]);
  });

  it('counts what the storage has lost, and goes on', async () => {
    const [gone, short] = [await aBlob(), await aBlob()];
    await aBlob();
    await rm(pathOf(storage, gone));
    await truncate(pathOf(storage, short), 10);
    const { blobs, manifest } = await world.backUp(test.connection, storage);
    expect(blobs).toMatchObject({ count: 1, missing: 2 });
    expect(manifest.blobs).toMatchObject({ missing: 2 });
  });

  it('refuses to restore when bytes are missing or wrong, and marks those when told to go on', async () => {
    const [missing, flipped, good] = [await aBlob(), await aBlob(), await aBlob()];
    const { to } = await world.backUp(test.connection, storage);
    const pathIn = (digest: Digest) =>
      join(to, 'blobs/sha256', digestHex(digest).slice(0, 2), digestHex(digest));
    await writeFile(pathIn(flipped), randomBytes(100));
    const place = await world.aStorage();
    await expect(world.restore(to, target.connection, place)).rejects.toMatchObject({
      message: expect.stringContaining(pathIn(flipped)),
    });
    await rm(pathIn(missing));
    await expect(world.restore(to, target.connection, place)).rejects.toMatchObject({
      message: expect.stringContaining(pathIn(missing)),
    });
    expect(await ask(target.connection, 'SELECT id FROM blob')).toEqual([]);
    const other = await world.aStorage();
    const { blobs } = await world.restore(to, target.connection, other, { acceptsLoss: true });
    expect(blobs.lost.toSorted()).toEqual([missing, flipped].toSorted());
    expect(await stateOf(target.connection, missing)).toBe('damaged');
    expect(await stateOf(target.connection, flipped)).toBe('damaged');
    expect(await stateOf(target.connection, good)).toBe('live');
  });

  it('takes no backup that was interrupted, cut short or flipped, and names the file', async () => {
    await aBlob();
    const { to, generation } = await world.backUp(test.connection, storage);
    const folder = join(to, 'generations', generation);
    const place = await world.aStorage();
    const restore = (wanted?: string) =>
      world.restore(to, target.connection, place, wanted === undefined ? {} : { generation: wanted });
    const table = join(folder, 'tables/blob.copy.zst');
    const bytes = readFileSync(table);
    await appendFile(table, 'x');
    await expect(restore()).rejects.toMatchObject({
      message: expect.stringContaining(`checksum of ${table}`),
    });
    await rm(table);
    await expect(restore()).rejects.toMatchObject({
      message: expect.stringContaining(`${table} is missing`),
    });
    await writeFile(table, bytes);
    await rename(join(folder, 'manifest.json'), join(folder, 'manifest.json.partial'));
    await expect(restore()).rejects.toMatchObject({
      message: expect.stringContaining('no complete generation'),
    });
    await expect(restore(generation)).rejects.toMatchObject({
      message: expect.stringContaining('interrupted'),
    });
    await expect(restore('tomorrow')).rejects.toMatchObject({
      message: expect.stringContaining('is not there'),
    });
    // the next backup removes it
    expect((await world.backUp(test.connection, storage, { to })).pruned.generations).toBe(1);
    await restore();
  });

  it('of a newer version is refused, naming that', async () => {
    await test.database.query("INSERT INTO schema_migration (name) VALUES ('9999-from-the-future')");
    const { to } = await world.backUp(test.connection, storage);
    await expect(world.restore(to, target.connection, await world.aStorage())).rejects.toMatchObject({
      message: expect.stringMatching(/Entrepot 1\.2\.3, which is newer than this one .*9999-from-the-future/),
    });
  });

  it('goes with the storage that it belongs to, or a new one', async () => {
    const digest = await aBlob();
    const { to, manifest } = await world.backUp(test.connection, undefined);
    const { instance } = manifest;
    const place = await world.aStorage();
    const restore = () => world.restore(to, target.connection, place);
    await expect(restore()).rejects.toMatchObject({ message: expect.stringContaining('has no blobs') });
    await writeIdentity(place.store, { instance: crypto.randomUUID(), format: 1, epoch: 1 });
    await expect(restore()).rejects.toMatchObject({ message: expect.stringContaining('another instance') });
    await writeIdentity(place.store, { instance, format: 1, epoch: 7 });
    expect((await restore()).epoch).toBe(8);
    expect(await stateOf(target.connection, digest)).toBe('live');
  });

  it('is not complete when its session is lost, since collection may have gone on', async () => {
    await aBlob();
    const to = world.newPath();
    const { store } = storage;
    const read = store.read.bind(store);
    store.read = async (...args) => {
      await test.database.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'entrepot backup'",
      );
      return await read(...args);
    };
    const backup = world.backUp(test.connection, undefined, { to, blobs: { store, files: undefined } });
    await expect(backup).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(world.restore(to, target.connection, await world.aStorage())).rejects.toMatchObject({
      message: expect.stringContaining('no complete generation'),
    });
  });

  it('keeps what was live when it began, while collection runs', async () => {
    const digest = await aBlob();
    await test.database.query('DELETE FROM repository_blob');
    const windows = { reviewSeconds: 0, quarantineSeconds: 0, recycleDays: 0, leaseSeconds: 60 };
    const checkStorage = async (): Promise<void> => undefined;
    const parts = {
      database: test.database,
      bytes: storage.store,
      windows,
      checkStorage,
      pace: { share: 1 },
    };
    const collect = async (): Promise<number> => {
      await test.database.query('UPDATE blob_review SET review_after = now()');
      return (await new Collector(parts).run({ signal: new AbortController().signal })).blobs;
    };
    const backup = await test.session();
    await backup.query("SELECT pg_advisory_lock(hashtext('blob_removal'))");
    expect(await collect()).toBe(0);
    expect(await storage.store.stat(digest)).toBe(100);
    await backup.query("SELECT pg_advisory_unlock(hashtext('blob_removal'))");
    expect(await collect()).toBe(1);
    expect(await storage.store.stat(digest)).toBeUndefined();
  });
});
