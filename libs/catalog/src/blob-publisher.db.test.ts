import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import type { Digest } from '@entrepot/oci/digest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BlobPublisher } from './blob-publisher.ts';
import type { BlobLink } from './publish-together.ts';
import { aDigest, ContentBuilder, repositoryName, testOrigin } from './testing/content-builder.ts';
import { Uploads, type UploadIdentity } from './uploads.ts';

describe('blobs that are published together', () => {
  let test: TestDatabase;
  let publisher: BlobPublisher;
  let build: ContentBuilder;
  let projectId: number;
  const repository = repositoryName('published/app');
  const failures: unknown[] = [];

  beforeAll(async () => {
    test = await createTestDatabase();
    build = new ContentBuilder(test.database);
    publisher = new BlobPublisher(test.database, (error) => failures.push(error));
    projectId = await build.aProject('published');
  });
  afterAll(async () => {
    await publisher.close();
    await test.close();
  });

  function anUpload(): UploadIdentity {
    return { id: randomUUID(), repository, projectId, principal: 'user:1', algorithm: 'sha256' };
  }

  function linkOf(digest: Digest, blobId: number): BlobLink {
    return { projectId, repository, digest, blobId };
  }

  /** The rows of blobs whose bytes are about to be published. */
  async function announced(digests: readonly Digest[]): Promise<number[]> {
    const ends = digests.map((digest) => publisher.endUpload(anUpload(), 0, { digest, size: 7 }));
    return (await Promise.all(ends)).map(({ id }) => id);
  }

  async function stateOf(digest: Digest): Promise<unknown> {
    const [row] = await test.database.query(
      `SELECT b.state, (SELECT count(*) FROM repository_blob l WHERE l.blob_id = b.id) AS links,
         (SELECT count(*) FROM blob_review v WHERE v.blob_id = b.id) AS reviews FROM blob b WHERE b.digest = $1`,
      [digestToBytes(digest)],
    );
    return row;
  }

  it('are announced, then live and linked, one of them pushed twice', async () => {
    const digests = Array.from({ length: 10 }, () => aDigest());
    const all = [...digests, digests[0]!];
    const blobs = await Promise.all(
      all.map((digest) => publisher.endUpload(anUpload(), 0, { digest, size: 5 })),
    );
    expect(new Set(blobs.map(({ state }) => state))).toEqual(new Set(['committing']));
    expect(new Set(blobs.map(({ id }) => id)).size).toBe(digests.length);
    expect(await stateOf(digests[0]!)).toEqual({ state: 'committing', links: 0, reviews: 1 });
    const links = all.map((digest, index) => linkOf(digest, blobs[index]!.id));
    await Promise.all(links.map((link) => publisher.link(link)));
    for (const digest of digests)
      expect(await stateOf(digest)).toEqual({ state: 'live', links: 1, reviews: 1 });
    expect(await publisher.endUpload(anUpload(), 0, { digest: digests[0]!, size: 5 })).toEqual({
      id: blobs[0]!.id,
      state: 'live',
    });
    expect(failures).toEqual([]);
  });

  /** The row of an upload, without what tells it from others. */
  async function rowOf({ id }: UploadIdentity): Promise<unknown> {
    const [row] = await test.database.query(
      `SELECT repository, project_id, principal, algorithm, generation, owner, lease_until, size, state,
         state_generation, finished_at IS NOT NULL AS finished FROM upload WHERE id = $1`,
      [id],
    );
    return row;
  }

  const point = { size: 9, stored: { generation: 123_456_789, state: { part: 'one' } } };

  it('begin their uploads as each would alone', async () => {
    const uploads = Array.from({ length: 5 }, anUpload);
    await Promise.all(uploads.map((upload) => publisher.beginUpload(upload, point)));
    const alone = anUpload();
    await new Uploads(test.database).begin(alone, point);
    for (const upload of uploads) expect(await rowOf(upload)).toEqual(await rowOf(alone));
  });

  it('begin their uploads, each once', async () => {
    const [twice, leased, ended] = [anUpload(), anUpload(), anUpload()];
    await new Uploads(test.database).lease(leased, 'another');
    await new Uploads(test.database).cancel(ended);
    const rows = await Promise.all([leased, ended].map(rowOf));
    const outcomes = await Promise.allSettled(
      [twice, twice, leased, ended, anUpload()].map((upload) => publisher.beginUpload(upload, point)),
    );
    const codes = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'done'));
    expect(codes).toEqual(['done', 'UPLOAD_BUSY', 'UPLOAD_BUSY', 'UPLOAD_NOT_FOUND', 'done']);
    expect(await Promise.all([leased, ended].map(rowOf))).toEqual(rows);
  });

  it('end uploads that have a row as each would alone, beside those that have none', async () => {
    const standing = Array.from({ length: 4 }, anUpload);
    const [alone, fresh] = [anUpload(), anUpload()];
    const uploads = new Uploads(test.database);
    await Promise.all([...standing, alone].map((upload) => publisher.beginUpload(upload, point)));
    await uploads.lease(standing[0]!, 'me');
    await uploads.lease(alone, 'me');
    const ends = [
      publisher.endUpload(standing[0]!, 2, { digest: aDigest(), size: 8 }),
      publisher.endUpload(fresh, 0, { digest: aDigest(), size: 8 }),
      ...standing.slice(1).map((one) => publisher.endUpload(one, 1, { digest: aDigest(), size: 8 })),
    ];
    expect(new Set((await Promise.all(ends)).map(({ state }) => state))).toEqual(new Set(['committing']));
    await uploads.close(alone, 2, { digest: aDigest(), size: 8 });
    expect(await rowOf(standing[0]!)).toEqual(await rowOf(alone));
    for (const upload of standing.slice(1)) {
      expect(await rowOf(upload)).toEqual({ ...Object(await rowOf(alone)), generation: 1 });
    }
    expect(await rowOf(fresh)).toMatchObject({ finished: true, size: 8, generation: 1 });
  });

  it('do not end uploads that another process has held since, or that have ended', async () => {
    const [held, cancelled, ended, plain] = [anUpload(), anUpload(), anUpload(), anUpload()];
    const all = [held, cancelled, ended, plain];
    await Promise.all(all.map((upload) => publisher.beginUpload(upload, point)));
    const uploads = new Uploads(test.database);
    await uploads.lease(held, 'another');
    await uploads.cancel(cancelled);
    await publisher.endUpload(ended, 1, { digest: aDigest(), size: 9 });
    const untouched = [held, cancelled, ended];
    const rows = await Promise.all(untouched.map(rowOf));
    const tries = [...untouched, anUpload(), plain].map((upload) => ({ upload, digest: aDigest() }));
    const outcomes = await Promise.allSettled(
      tries.map(({ upload, digest }) => publisher.endUpload(upload, 1, { digest, size: 8 })),
    );
    const codes = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'done'));
    expect(codes).toEqual([...Array.from({ length: 4 }, () => 'UPLOAD_NOT_FOUND'), 'done']);
    expect(await Promise.all(untouched.map(rowOf))).toEqual(rows);
    for (const { digest } of tries.slice(0, 4)) expect(await stateOf(digest)).toBeUndefined();
    expect(failures).toEqual([]);
  });

  it('end their uploads, each once', async () => {
    const upload = anUpload();
    const ends = Array.from({ length: 5 }, () =>
      publisher.endUpload(upload, 0, { digest: aDigest(), size: 3 }),
    );
    const outcomes = await Promise.allSettled([
      ...ends,
      publisher.endUpload(anUpload(), 0, { digest: aDigest(), size: 3 }),
    ]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { code: 'UPLOAD_NOT_FOUND' },
    });
  });

  it('are revived, refused, or fill what a manifest waits for, beside others that are plain', async () => {
    const [plain, quarantined, deleting, awaited] = [aDigest(), aDigest(), aDigest(), aDigest()];
    const all = [plain, quarantined, deleting, awaited];
    const ids = await announced(all);
    const set = (digest: Digest, state: string) =>
      test.database.query('UPDATE blob SET state = $2 WHERE digest = $1', [digestToBytes(digest), state]);
    await set(quarantined, 'quarantined');
    await set(deleting, 'deleting');
    const sparse = repositoryName('sparse-published/app');
    const project = await build.aProject('sparse-published');
    await test.database.query(`UPDATE project SET metadata = '{"allow_sparse":"true"}' WHERE id = $1`, [
      project,
    ]);
    await build.manifests.record(build.aManifest(project, sparse, { blobs: [awaited] }), testOrigin);
    const outcomes = await Promise.allSettled([
      publisher.link(linkOf(plain, ids[0]!)),
      publisher.link(linkOf(quarantined, ids[1]!)),
      publisher.link(linkOf(deleting, ids[2]!)),
      publisher.link({ projectId: project, repository: sparse, digest: awaited, blobId: ids[3]! }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[2]).toMatchObject({ reason: { code: 'BLOB_BUSY' } });
    expect(await stateOf(plain)).toMatchObject({ state: 'live', links: 1 });
    expect(await stateOf(quarantined)).toMatchObject({ state: 'live', links: 1 });
    expect(await stateOf(deleting)).toMatchObject({ state: 'deleting', links: 0 });
    const edges = await test.database.query(
      'SELECT 1 FROM manifest_blob e JOIN blob b ON b.id = e.blob_id WHERE b.digest = $1',
      [digestToBytes(awaited)],
    );
    expect(edges).toHaveLength(1);
    expect(failures).toEqual([]);
  });

  it('are announced anew when the row before goes in this moment', async () => {
    const digest = aDigest();
    await publisher.endUpload(anUpload(), 0, { digest, size: 7 });
    const key = [digestToBytes(digest)];
    await test.database.query(`UPDATE blob SET state = 'deleting' WHERE digest = $1`, key);
    const open = test.database.transaction(async () => {
      await test.database.query('DELETE FROM blob WHERE digest = $1', key);
      await sleep(200);
    });
    await sleep(100);
    expect(await publisher.endUpload(anUpload(), 0, { digest, size: 7 })).toMatchObject({
      state: 'committing',
    });
    await open;
    expect(failures).toEqual([]);
  });

  it('are refused when the row whose bytes were seen has given way to another one', async () => {
    const digest = aDigest();
    const [old] = await announced([digest]);
    await test.database.query('DELETE FROM blob WHERE id = $1', [old]);
    const [fresh] = await announced([digest]);
    expect(fresh).not.toBe(old);
    await expect(publisher.link(linkOf(digest, old!))).rejects.toMatchObject({ code: 'BLOB_BUSY' });
    expect(await stateOf(digest)).toMatchObject({ state: 'committing', links: 0 });
    await publisher.link(linkOf(digest, fresh!));
    expect(await stateOf(digest)).toMatchObject({ state: 'live', links: 1 });
  });

  it('begin the review of a link anew that was there, and wait for one that is being removed', async () => {
    const digest = aDigest();
    const [id] = await announced([digest]);
    await publisher.link(linkOf(digest, id!));
    const review = 'link_review WHERE blob_id = $1';
    await test.database.query(
      `UPDATE ${review.replace('WHERE', "SET review_after = now() - interval '23 h' WHERE")}`,
      [id],
    );
    await publisher.link(linkOf(digest, id!));
    const due = `SELECT review_after > now() - interval '1 min' AS fresh FROM ${review}`;
    expect(await test.database.query(due, [id])).toEqual([{ fresh: true }]);

    const open = test.database.transaction(async () => {
      await test.database.query('DELETE FROM repository_blob WHERE blob_id = $1', [id]);
      await sleep(200);
    });
    await sleep(100);
    await publisher.link(linkOf(digest, id!));
    await open;
    expect(await stateOf(digest)).toMatchObject({ state: 'live', links: 1 });
  });

  it('make their repository, once, when it is not there', async () => {
    const name = repositoryName('published/new');
    const digests = [aDigest(), aDigest(), aDigest()];
    const ids = await announced(digests);
    const links = digests.map((digest, index) => ({ ...linkOf(digest, ids[index]!), repository: name }));
    await Promise.all(links.map((link) => publisher.link(link)));
    expect(await test.database.query('SELECT 1 FROM repository WHERE name = $1', [name])).toHaveLength(1);
    for (const digest of digests) expect(await stateOf(digest)).toMatchObject({ state: 'live', links: 1 });
  });
});
