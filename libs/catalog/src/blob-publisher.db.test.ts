import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import type { Digest } from '@entrepot/oci/digest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BlobPublisher } from './blob-publisher.ts';
import { aDigest, ContentBuilder, repositoryName, testOrigin } from './testing/content-builder.ts';
import type { UploadIdentity } from './uploads.ts';

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
    const states = await Promise.all(
      all.map((digest) => publisher.endUpload(anUpload(), 0, { digest, size: 5 })),
    );
    expect(new Set(states)).toEqual(new Set(['committing']));
    expect(await stateOf(digests[0]!)).toEqual({ state: 'committing', links: 0, reviews: 1 });
    await Promise.all(all.map((digest) => publisher.link(projectId, repository, digest)));
    for (const digest of digests)
      expect(await stateOf(digest)).toEqual({ state: 'live', links: 1, reviews: 1 });
    expect(await publisher.endUpload(anUpload(), 0, { digest: digests[0]!, size: 5 })).toBe('live');
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
    await Promise.all(all.map((digest) => publisher.endUpload(anUpload(), 0, { digest, size: 7 })));
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
      publisher.link(projectId, repository, plain),
      publisher.link(projectId, repository, quarantined),
      publisher.link(projectId, repository, deleting),
      publisher.link(project, sparse, awaited),
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
    expect(await publisher.endUpload(anUpload(), 0, { digest, size: 7 })).toBe('committing');
    await open;
    expect(failures).toEqual([]);
  });

  it('make their repository, once, when it is not there', async () => {
    const name = repositoryName('published/new');
    const digests = [aDigest(), aDigest(), aDigest()];
    await Promise.all(digests.map((digest) => publisher.endUpload(anUpload(), 0, { digest, size: 7 })));
    await Promise.all(digests.map((digest) => publisher.link(projectId, name, digest)));
    expect(await test.database.query('SELECT 1 FROM repository WHERE name = $1', [name])).toHaveLength(1);
    for (const digest of digests) expect(await stateOf(digest)).toMatchObject({ state: 'live', links: 1 });
  });
});
