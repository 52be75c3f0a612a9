import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ContentStore } from '@entrepot/content-store/content-store';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { digestOfHash, type Digest } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import { FilesystemDriver } from '@entrepot/storage/filesystem/filesystem-driver';
import { ContentBuilder, repositoryName, tagName, testOrigin } from '../testing/content-builder.ts';
import { removeBlobs } from './blob-removal.ts';
import { reviewBlobs } from './blob-reviews.ts';
import type { CollectionTotals } from './collection-totals.ts';
import type { CollectionWindows } from './collection-windows.ts';
import { Collector } from './collector.ts';
import { countCollectable } from './count-collectable.ts';

const hour = 3600;
const usual: CollectionWindows = {
  reviewSeconds: 24 * hour,
  quarantineSeconds: 48 * hour,
  recycleDays: 7,
  leaseSeconds: 60,
};
const none: CollectionWindows = { reviewSeconds: 0, quarantineSeconds: 0, recycleDays: 0, leaseSeconds: 60 };

describe('collection', () => {
  let test: TestDatabase;
  let build: ContentBuilder;
  let root: string;
  let store: ContentStore;
  let project: number;
  let name: RepositoryName;
  let count = 0;

  beforeAll(async () => {
    test = await createTestDatabase();
    build = new ContentBuilder(test.database);
    root = await mkdtemp(join(tmpdir(), 'entrepot-collect-'));
    store = new ContentStore(new FilesystemDriver({ root }));
  });
  beforeEach(async () => {
    name = repositoryName(`collected${++count}/app`);
    project = await build.aProject(`collected${count}`);
  });
  afterAll(async () => {
    await test.close();
    await rm(root, { recursive: true, force: true });
  });

  async function collect(windows = none, signal = new AbortController().signal): Promise<CollectionTotals> {
    const checkStorage = async (): Promise<void> => undefined;
    const parts = { database: test.database, bytes: store, windows, checkStorage, pace: { share: 1 } };
    return await new Collector(parts).run({ signal });
  }

  /** Bytes at their key, and a row and a link. */
  async function aBlob(size = 50, repository = name): Promise<Digest> {
    const bytes = randomBytes(size);
    const digest = digestOfHash('sha256', createHash('sha256').update(bytes).digest('hex'));
    const { id: blobId } = await build.blobs.announce(digest, size);
    await putBytes(digest, bytes);
    await build.blobs.link({ projectId: project, repository, digest, blobId });
    return digest;
  }

  async function putBytes(digest: Digest, bytes: Buffer): Promise<void> {
    const writer = await store.openUpload(randomUUID(), 0, { algorithm: 'sha256' });
    await writer.write(Buffer.from(bytes));
    await writer.publish(digest);
  }

  async function stateOf(digest: Digest): Promise<string | undefined> {
    const rows = await test.database.query<{ state: string }>('SELECT state FROM blob WHERE digest = $1', [
      digestToBytes(digest),
    ]);
    return rows[0]?.state;
  }

  /** Lets the time of everything that waits pass by. */
  async function pass(interval: string): Promise<void> {
    const back = (table: string, column: string): string =>
      `UPDATE ${table} SET ${column} = ${column} - interval '${interval}'`;
    for (const table of ['link_review', 'manifest_review', 'blob_review'])
      await test.database.query(back(table, 'review_after'));
    await test.database.query(back('manifest_review', 'since'));
    await test.database.query(back('manifest', 'pushed_at'));
    await test.database.query(`${back('manifest', 'deleted_at')} WHERE deleted_at IS NOT NULL`);
    await test.database.query(back('blob', 'state_at'));
    await test.database.query(back('upload', 'updated_at'));
  }

  async function used(): Promise<number> {
    const [row] = await test.database.query<{ used: number }>(
      'SELECT coalesce(sum(bytes), 0)::int AS used FROM usage_delta WHERE project_id = $1',
      [project],
    );
    return row?.used ?? -1;
  }

  async function deleteManifest(digest: Digest): Promise<void> {
    await build.manifests.delete(await build.repositoryId(name), digest, testOrigin);
  }

  it('leaves alone what is referenced, however small the windows are', async () => {
    const [blob, other] = [await aBlob(), await aBlob()];
    const manifest = build.aManifest(project, name, { blobs: [blob], tags: [tagName('v1')] });
    await build.manifests.record(manifest, testOrigin);
    const child = build.aManifest(project, name, { blobs: [other] });
    await build.manifests.record(child, testOrigin);
    await build.manifests.record(build.aManifest(project, name, { children: [child.digest] }), testOrigin);
    expect(await collect()).toMatchObject({ manifests: 0, untagged: 0, links: 0, quarantined: 0, blobs: 0 });
    for (const digest of [blob, other]) {
      expect(await stateOf(digest)).toBe('live');
      expect(await store.stat(digest)).toBe(50);
    }
    // nothing is left to look at
    expect(await collect()).toMatchObject({ looked: 0 });
  });

  it('removes an abandoned blob step by step, each after its time', async () => {
    const digest = await aBlob();
    expect(await collect(usual)).toMatchObject({ looked: 0 });
    await pass('25 hours');
    expect(await collect(usual)).toMatchObject({ links: 1, quarantined: 1, blobs: 0, bytes: 0 });
    expect(await stateOf(digest)).toBe('quarantined');
    expect(await store.stat(digest)).toBe(50);
    await pass('47 hours');
    expect(await collect(usual)).toMatchObject({ blobs: 0 });
    await pass('2 hours');
    expect(await collect(usual)).toMatchObject({ blobs: 1, bytes: 50 });
    expect(await stateOf(digest)).toBeUndefined();
    expect(await store.stat(digest)).toBeUndefined();
    expect(await collect(usual)).toMatchObject({ looked: 0 });
  });

  it('keeps a blob in quarantine that a push wants again', async () => {
    const digest = await aBlob();
    await pass('25 hours');
    await collect(usual);
    await build.link(project, name, digest);
    await pass('1 hour');
    await build.manifests.record(build.aManifest(project, name, { blobs: [digest] }), testOrigin);
    await pass('1000 hours');
    expect(await collect(usual)).toMatchObject({ links: 0, blobs: 0 });
    expect(await stateOf(digest)).toBe('live');
  });

  it('puts a link off while its repository is being pushed to, or a pusher has asked for its blob', async () => {
    const [first, asked] = [await aBlob(), await aBlob()];
    await pass('25 hours');
    await test.database.query(
      `INSERT INTO upload (id, repository, project_id, principal, algorithm) VALUES ($1, $2, $3, 'user:1', 'sha256')`,
      [randomUUID(), name, project],
    );
    expect(await collect(usual)).toMatchObject({ looked: 2 + 2, links: 0 });
    expect(await collect(usual)).toMatchObject({ looked: 0 });
    await pass('23 hours');
    const repositoryId = await build.repositoryId(name);
    expect(await build.blobs.keepLink(repositoryId, asked)).toBe(true);
    await pass('2 hours');
    expect(await collect(usual)).toMatchObject({ links: 1 });
    expect(await build.blobs.keepLink(repositoryId, first)).toBe(false);
    expect(await build.blobs.keepLink(repositoryId, asked)).toBe(true);
    await collect();
  });

  it('keeps deleted manifests and their blobs for as long as the project wants, then lets them go', async () => {
    const blob = await aBlob();
    const manifest = build.aManifest(project, name, { blobs: [blob], tags: [tagName('v1')] });
    await build.manifests.record(manifest, testOrigin);
    expect(await used()).toBe(50 + 32);
    await deleteManifest(manifest.digest);
    await pass('6 days');
    expect(await collect(usual)).toMatchObject({ manifests: 0, links: 0 });
    await test.database.query(`UPDATE project SET metadata = '{"recycle_bin_days":"9"}' WHERE id = $1`, [
      project,
    ]);
    await pass('2 days');
    expect(await collect(usual)).toMatchObject({ manifests: 0, links: 0 });
    await pass('2 days');
    expect(await collect(usual)).toMatchObject({ manifests: 1, links: 0 });
    expect(await used()).toBe(50);
    await pass('25 hours');
    expect(await collect(usual)).toMatchObject({ links: 1, quarantined: 1 });
    expect(await used()).toBe(0);
    await pass('49 hours');
    expect(await collect(usual)).toMatchObject({ blobs: 1, bytes: 50 });
  });

  it('takes a manifest out of the bin at once where the project keeps none, or its repository is gone', async () => {
    await test.database.query(`UPDATE project SET metadata = '{"recycle_bin_days":"0"}' WHERE id = $1`, [
      project,
    ]);
    const manifest = build.aManifest(project, name);
    await build.manifests.record(manifest, testOrigin);
    await deleteManifest(manifest.digest);
    expect(await collect(usual)).toMatchObject({ manifests: 1 });
  });

  it('deletes untagged manifests only where the project says so, and nothing that belongs to something', async () => {
    const [plain, child, tagged] = [1, 2, 3].map(() => build.aManifest(project, name));
    await build.manifests.record(plain!, testOrigin);
    await build.manifests.record(child!, testOrigin);
    await build.manifests.record({ ...tagged!, tags: [tagName('kept')] }, testOrigin);
    const index = build.aManifest(project, name, { children: [child!.digest], tags: [tagName('index')] });
    const signature = build.aManifest(project, name, { subject: tagged!.digest });
    await build.manifests.record(index, testOrigin);
    await build.manifests.record(signature, testOrigin);
    const moved = build.aManifest(project, name, { tags: [tagName('moved')] });
    await build.manifests.record(moved, testOrigin);
    await test.database.query(`UPDATE project SET metadata = '{"untagged_days":"3"}' WHERE id = $1`, [
      project,
    ]);
    await pass('2 days');
    expect(await collect(usual)).toMatchObject({ untagged: 0 });
    // it has been untagged from now on
    await build.manifests.record(build.aManifest(project, name, { tags: [tagName('moved')] }), testOrigin);
    await pass('2 days');
    expect(await collect(usual)).toMatchObject({ untagged: 1 });
    const gone = await test.database.query<{ digest: Buffer }>(
      'SELECT digest FROM manifest WHERE NOT live AND repository_id = $1',
      [await build.repositoryId(name)],
    );
    expect(gone.map(({ digest }) => digest.toString('hex'))).toEqual([
      digestToBytes(plain!.digest).toString('hex'),
    ]);
    await pass('2 days');
    expect(await collect(usual)).toMatchObject({ untagged: 1 });
  });

  it('ends what a crash left between announcing a blob and linking it, with its bytes or without', async () => {
    const bytes = randomBytes(70);
    const digest = digestOfHash('sha256', createHash('sha256').update(bytes).digest('hex'));
    await build.blobs.announce(digest, 70);
    await putBytes(digest, bytes);
    const absent = digestOfHash('sha256', createHash('sha256').update(randomBytes(9)).digest('hex'));
    await build.blobs.announce(absent, 9);
    await pass('25 hours');
    expect(await collect(usual)).toMatchObject({ quarantined: 2 });
    await pass('49 hours');
    // what was never there is not counted as freed
    expect(await collect(usual)).toMatchObject({ blobs: 2, bytes: 70 });
    expect(await store.stat(digest)).toBeUndefined();
  });

  it('takes what is counted for a project along, wherever that was left from', async () => {
    const digest = await aBlob();
    await build.blobs.unlink(await build.repositoryId(name), digest);
    await test.database.query('INSERT INTO project_blob SELECT $1, id FROM blob WHERE digest = $2', [
      project,
      digestToBytes(digest),
    ]);
    await test.database.query('INSERT INTO usage_delta (project_id, bytes) VALUES ($1, 50)', [project]);
    await collect();
    expect(await stateOf(digest)).toBeUndefined();
    expect(await used()).toBe(0);
  });

  it('goes on with what another process had doomed, once its lease is over', async () => {
    const digest = await aBlob();
    await pass('1 hour');
    const doomed = { limit: 10, lease: randomUUID() };
    await collect({ ...none, quarantineSeconds: 9999 });
    await reviewBlobs(test.database, { ...none, leaseSeconds: 100 }, doomed);
    expect(await stateOf(digest)).toBe('quarantined');
    await test.database.query(`UPDATE blob_review SET review_after = now()`);
    const {
      doomed: [blob],
    } = await reviewBlobs(test.database, { ...none, leaseSeconds: 100 }, doomed);
    expect(blob).toMatchObject({ digest, size: 50 });
    expect(await stateOf(digest)).toBe('deleting');
    expect(await collect()).toMatchObject({ blobs: 0 });
    await test.database.query(
      `UPDATE blob SET lease_until = now() - interval '1 s' WHERE state = 'deleting'`,
    );
    await test.database.query(`UPDATE blob_review SET review_after = now()`);
    expect(await collect()).toMatchObject({ blobs: 1, bytes: 50 });
  });

  it('I9: a worker that was paused for longer than its lease takes nothing that a push has made since', async () => {
    const bytes = randomBytes(50);
    const digest = digestOfHash('sha256', createHash('sha256').update(bytes).digest('hex'));
    const push = async (): Promise<void> => {
      const { id: blobId } = await build.blobs.announce(digest, 50);
      await putBytes(digest, bytes);
      await build.blobs.link({ projectId: project, repository: name, digest, blobId });
    };
    await push();
    await collect({ ...none, quarantineSeconds: 9999 });
    await pass('10000 s');
    const lease = randomUUID();
    const { doomed } = await reviewBlobs(test.database, { ...none, leaseSeconds: 0 }, { limit: 10, lease });
    expect(doomed).toHaveLength(1);
    // the worker is paused here, between its statement and the storage; another one does its work, and a push comes
    expect(await collect()).toMatchObject({ blobs: 1, bytes: 50 });
    await push();
    // a reader comes while the worker, awake again, has the bytes in its hands
    const hindered = {
      isWhole: store.isWhole.bind(store),
      stat: store.stat.bind(store),
      discardBlobs: (...[digests, of, confirm]: Parameters<ContentStore['discardBlobs']>) =>
        store.discardBlobs(digests, of, async (each) => {
          expect(await store.stat(digest)).toBeUndefined();
          await build.blobs.markDamaged(digest);
          return await confirm(each);
        }),
    };
    const outcome = await removeBlobs(test.database, hindered, doomed, { lease, leaseSeconds: 60 });
    expect(outcome).toEqual({ removed: 0, bytes: 0 });
    expect((await store.readWhole(digest, 1000))?.equals(bytes)).toBe(true);
    expect(await stateOf(digest)).toBe('live');
    await collect();
  });

  it('puts back what a worker had moved aside when it was killed, where a push wants it by now', async () => {
    const digest = await aBlob();
    const killed = store.discardBlobs([digest], randomUUID(), () => new Promise(() => undefined));
    void killed;
    await expect.poll(() => store.stat(digest)).toBeUndefined();
    await build.blobs.markDamaged(digest);
    await collect(usual);
    expect(await store.stat(digest)).toBe(50);
    expect(await stateOf(digest)).toBe('live');
    await collect();
  });

  it('removes nothing from a storage that is not the one of this database', async () => {
    const digest = await aBlob();
    const checkStorage = async (): Promise<void> => {
      throw new Error('another storage');
    };
    const parts = { database: test.database, bytes: store, windows: none, checkStorage };
    const signal = new AbortController().signal;
    await expect(new Collector(parts).run({ signal })).rejects.toThrow('another storage');
    expect(await store.stat(digest)).toBe(50);
    await collect();
  });

  it('ends after the batch at hand when it is told to, and goes on another time', async () => {
    for (let blob = 0; blob < 120; blob++) await aBlob(5);
    const stop = new AbortController();
    const checkStorage = async (): Promise<void> => undefined;
    const parts = { database: test.database, bytes: store, windows: none, checkStorage };
    const run = new Collector(parts).run({
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('stopped')),
    });
    await expect(run).rejects.toThrow('stopped');
    const [left] = await test.database.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM blob WHERE size = 5',
    );
    expect(left?.n).toBe(120);
    expect(await collect()).toMatchObject({ blobs: 120, bytes: 600 });
  });

  it('shares the work between any number of collectors', async () => {
    const digests: Digest[] = [];
    for (let blob = 0; blob < 60; blob++) digests.push(await aBlob(5));
    const totals = await Promise.all([collect(), collect(), collect()]);
    await collect();
    const sum = (of: keyof CollectionTotals): number => totals.reduce((all, each) => all + each[of], 0);
    expect(sum('links')).toBe(60);
    for (const digest of digests) {
      expect(await stateOf(digest)).toBeUndefined();
      expect(await store.stat(digest)).toBeUndefined();
    }
  });

  it('says what a run would remove, and removes nothing', async () => {
    const blob = await aBlob();
    const manifest = build.aManifest(project, name, { blobs: [blob] });
    await build.manifests.record(manifest, testOrigin);
    await deleteManifest(manifest.digest);
    const [unused, waiting, over] = [await aBlob(), await aBlob(), await aBlob(60)];
    const repositoryId = await build.repositoryId(name);
    for (const digest of [waiting, over]) await build.blobs.unlink(repositoryId, digest);
    await collect(usual);
    await test.database.query(`UPDATE blob SET state_at = now() - interval '50 h' WHERE digest = $1`, [
      digestToBytes(over),
    ]);
    const signal = new AbortController().signal;
    const found = { manifests: 0, links: 0, blobs: 1, bytes: 60, quarantined: 1, quarantinedBytes: 50 };
    expect(await countCollectable(test.database, usual, signal)).toEqual(found);
    await pass('40 hours');
    expect(await countCollectable(test.database, { ...usual, recycleDays: 1 }, signal)).toEqual({
      ...found,
      manifests: 1,
      links: 1,
    });
    expect(await store.stat(unused)).toBe(50);
    await pass('100 hours');
    await collect();
    expect(await countCollectable(test.database, usual, signal)).toMatchObject({ blobs: 0, links: 0 });
  });
});
