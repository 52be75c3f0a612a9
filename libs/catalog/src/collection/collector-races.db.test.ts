import { setTimeout as sleep } from 'node:timers/promises';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import type { Digest } from '@entrepot/oci/digest';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ContentBuilder, repositoryName, testOrigin } from '../testing/content-builder.ts';
import { reviewBlobs } from './blob-reviews.ts';
import type { CollectionWindows } from './collection-windows.ts';
import { reviewLinks } from './link-reviews.ts';
import { reviewManifests } from './manifest-reviews.ts';

type Session = Awaited<ReturnType<TestDatabase['session']>>;

const windows: CollectionWindows = {
  reviewSeconds: 0,
  quarantineSeconds: 0,
  recycleDays: 0,
  leaseSeconds: 60,
};
const repository = repositoryName('collector-races/one');
const linkSql = 'SELECT link_blob($1, $2, $3)';

async function isWaiting(work: Promise<unknown>): Promise<boolean> {
  const done = work.then(
    () => 'done',
    () => 'done',
  );
  return (await Promise.race([done, sleep(150).then(() => 'waiting')])) === 'waiting';
}

/** The interleavings of the race tests beside this folder, with what collection really does as one of the two. */
describe('forced interleavings of the collector and those who push and delete', () => {
  let test: TestDatabase;
  let build: ContentBuilder;
  let project: number;
  let session: Session;

  beforeAll(async () => {
    test = await createTestDatabase();
    build = new ContentBuilder(test.database);
    project = await build.aProject('collector-races');
  });
  afterAll(() => test.close());
  beforeEach(async () => {
    session = await test.session();
    for (const table of ['link_review', 'manifest_review', 'blob_review'])
      await test.database.query(`DELETE FROM ${table}`);
  });

  const links = () => reviewLinks(test.database, windows, 100);
  const blobs = () => reviewBlobs(test.database, windows, { limit: 100, lease: 'lease' });

  /** What collection does, kept open until the promise that is returned is called. */
  async function heldOpen<T>(work: () => Promise<T>): Promise<{ result: T; commit: () => Promise<void> }> {
    const release = Promise.withResolvers<undefined>();
    const begun = Promise.withResolvers<T>();
    const all = test.database.transaction(async () => {
      begun.resolve(await work());
      await release.promise;
    });
    const commit = async (): Promise<void> => {
      release.resolve(undefined);
      await all;
    };
    return { result: await begun.promise, commit };
  }

  async function anUnlinkedBlob(): Promise<Digest> {
    const digest = await build.aBlob(project, repository);
    await build.blobs.unlink(await build.repositoryId(repository), digest);
    return digest;
  }

  async function stateOf(digest: Digest): Promise<string | undefined> {
    const rows = await test.database.query<{ state: string }>('SELECT state FROM blob WHERE digest = $1', [
      digestToBytes(digest),
    ]);
    return rows[0]?.state;
  }

  async function isLinked(digest: Digest): Promise<boolean> {
    const rows = await test.database.query(
      'SELECT 1 FROM repository_blob WHERE blob_id = (SELECT id FROM blob WHERE digest = $1)',
      [digestToBytes(digest)],
    );
    return rows.length > 0;
  }

  const edgeSql = `WITH m AS (
      INSERT INTO manifest (repository_id, digest, media_type, type, payload, total_size)
      SELECT id, $1, 'x', 'IMAGE', '', 0 FROM repository WHERE name = $2 RETURNING id, repository_id)
    INSERT INTO manifest_blob SELECT m.id, m.repository_id, b.id FROM m, blob b WHERE b.digest = $1`;

  it('R1 R2 R3 R4 R8: a blob whose link is not committed yet is left for another time, without waiting', async () => {
    const digest = await anUnlinkedBlob();
    await session.query('BEGIN');
    await session.query(linkSql, [project, repository, digestToBytes(digest)]);
    expect(await blobs()).toMatchObject({ looked: 1, quarantined: 0, doomed: [] });
    await session.query('COMMIT');
    await test.database.query('UPDATE blob_review SET review_after = now()');
    expect(await blobs()).toMatchObject({ looked: 1, quarantined: 0 });
    expect(await stateOf(digest)).toBe('live');
    expect(await test.database.query('SELECT 1 FROM blob_review')).toEqual([]);
  });

  it('R10 R11 R13: pushers of a blob that goes into quarantine wait, and revive it', async () => {
    const digest = await anUnlinkedBlob();
    const { result, commit } = await heldOpen(blobs);
    expect(result).toMatchObject({ quarantined: 1 });
    const pushes = [
      build.link(project, repository, digest),
      build.link(project, repositoryName('collector-races/two'), digest),
    ];
    for (const push of pushes) expect(await isWaiting(push)).toBe(true);
    await commit();
    await Promise.all(pushes);
    expect(await stateOf(digest)).toBe('live');
    await test.database.query('UPDATE blob_review SET review_after = now()');
    expect(await blobs()).toMatchObject({ quarantined: 0, doomed: [] });
  });

  it('R11: a blob in quarantine that is revived in the moment of its doom is left, and one that is doomed is not revived', async () => {
    const digest = await anUnlinkedBlob();
    await blobs();
    await session.query('BEGIN');
    await session.query(linkSql, [project, repository, digestToBytes(digest)]);
    expect(await blobs()).toMatchObject({ looked: 1, doomed: [] });
    await session.query('COMMIT');
    expect(await stateOf(digest)).toBe('live');

    const other = await anUnlinkedBlob();
    await blobs();
    const { id: blobId } = await build.blobs.announce(other, 100);
    const { result, commit } = await heldOpen(blobs);
    expect(result.doomed).toMatchObject([{ digest: other }]);
    const push = build.blobs.link({ projectId: project, repository, digest: other, blobId });
    expect(await isWaiting(push)).toBe(true);
    await commit();
    await expect(push).rejects.toMatchObject({ code: 'BLOB_BUSY' });
  });

  it('R5 R14: pushers that link one blob while collection looks at it do not fail', async () => {
    const digest = await build.aBlob(project, repository);
    const { commit } = await heldOpen(blobs);
    const pushes = ['a', 'b', 'c'].map((name) =>
      build.link(project, repositoryName(`collector-races/${name}`), digest),
    );
    await commit();
    await Promise.all(pushes);
    expect(await stateOf(digest)).toBe('live');
  });

  it('R6 R12: a link that a manifest is about to use is left, and a manifest waits for one that is removed', async () => {
    const digest = await build.aBlob(project, repository);
    await session.query('BEGIN');
    await session.query(edgeSql, [digestToBytes(digest), repository]);
    expect(await links()).toEqual({ looked: 1, removed: 0 });
    await session.query('COMMIT');
    await test.database.query('UPDATE link_review SET review_after = now()');
    expect(await links()).toEqual({ looked: 1, removed: 0 });
    expect(await isLinked(digest)).toBe(true);

    const loser = await build.aBlob(project, repository);
    const { result, commit } = await heldOpen(links);
    expect(result).toEqual({ looked: 1, removed: 1 });
    const push = build.manifests.record(build.aManifest(project, repository, { blobs: [loser] }), testOrigin);
    expect(await isWaiting(push)).toBe(true);
    await commit();
    await expect(push).rejects.toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN', detail: { blobs: [loser] } });
  });

  it('R6: a link that is pushed again while it is removed is there afterwards', async () => {
    const digest = await build.aBlob(project, repository);
    const { commit } = await heldOpen(links);
    const push = build.link(project, repository, digest);
    const question = build.blobs.keepLink(await build.repositoryId(repository), digest);
    expect(await isWaiting(push)).toBe(true);
    await commit();
    await push;
    await question;
    expect(await isLinked(digest)).toBe(true);
    expect(await stateOf(digest)).toBe('live');
  });

  it('R7: a review that collection ends is made anew by a link that goes meanwhile', async () => {
    const digest = await build.aBlob(project, repository);
    await build.link(project, repositoryName('collector-races/other'), digest);
    const { commit } = await heldOpen(blobs);
    const removal = build.blobs.unlink(await build.repositoryId(repository), digest);
    expect(await isWaiting(removal)).toBe(true);
    await commit();
    await removal;
    expect(await test.database.query('SELECT reason FROM blob_review')).toEqual([{ reason: 'unlinked' }]);
  });

  it('R9: a manifest that an index is about to use, or that is pushed again, is not purged', async () => {
    const manifest = build.aManifest(project, repository);
    await build.manifests.record(manifest, testOrigin);
    await build.manifests.delete(await build.repositoryId(repository), manifest.digest, testOrigin);
    const { commit } = await heldOpen(() => build.manifests.record(manifest, testOrigin));
    const manifests = () => reviewManifests(test.database, windows, 100);
    const beside = await session.query('SELECT 1 FROM manifest_review WHERE reason = $1', ['deleted']);
    expect(beside.rowCount).toBe(1);
    expect(await manifests()).toMatchObject({ purged: 0 });
    await commit();
    await test.database.query('UPDATE manifest_review SET review_after = now()');
    expect(await manifests()).toMatchObject({ purged: 0 });

    await build.manifests.delete(await build.repositoryId(repository), manifest.digest, testOrigin);
    const purge = await heldOpen(manifests);
    expect(purge.result).toMatchObject({ purged: 1 });
    const again = build.manifests.record(manifest, testOrigin);
    expect(await isWaiting(again)).toBe(true);
    await purge.commit();
    const id = await again;
    expect(await test.database.query('SELECT live FROM manifest WHERE id = $1', [id])).toEqual([
      { live: true },
    ]);
  });
});
