import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deleteRepository, purgeRepositoryBatch } from './repositories.ts';
import { aDigest, ContentBuilder, repositoryName, tagName, testOrigin } from './testing/content-builder.ts';

describe('deleted repositories', () => {
  let test: TestDatabase;
  let build: ContentBuilder;
  let projectId: number;

  beforeAll(async () => {
    test = await createTestDatabase();
    build = new ContentBuilder(test.database);
    projectId = await build.aProject('deletions');
  });
  afterAll(() => test.close());

  /** A repository with some artifacts, an index over them, and a deleted one. */
  async function aRepository(name: RepositoryName): Promise<number> {
    const children = [];
    for (let index = 0; index < 5; index++) {
      const blobs = [await build.aBlob(projectId, name), await build.aBlob(projectId, name)];
      const manifest = build.aManifest(projectId, name, { blobs, tags: [tagName(`v${index}`)] });
      await build.manifests.record(manifest, testOrigin);
      children.push(manifest.digest);
    }
    await build.manifests.record(
      build.aManifest(projectId, name, { children, tags: [tagName('all')] }),
      testOrigin,
    );
    const [row] = await test.database.query<{ id: number }>(
      'SELECT id FROM repository WHERE name = $1 AND deleted_at IS NULL',
      [name],
    );
    return row?.id ?? 0;
  }

  async function countsOf(id: number): Promise<unknown> {
    const [row] = await test.database.query(
      `SELECT (SELECT count(*)::int FROM tag WHERE repository_id = $1) AS tags,
         (SELECT count(*)::int FROM manifest WHERE repository_id = $1 AND live) AS manifests,
         (SELECT count(*)::int FROM repository_blob WHERE repository_id = $1) AS links,
         (SELECT count(*)::int FROM manifest_blob WHERE repository_id = $1) AS edges`,
      [id],
    );
    return row;
  }

  it('are gone at once, with a fact and an audit row, and their name is free', async () => {
    const name = repositoryName('deletions/one');
    const id = await aRepository(name);
    expect(await deleteRepository(test.database, id, testOrigin)).toBe(true);
    expect(await deleteRepository(test.database, id, testOrigin)).toBe(false);
    const facts = await test.database.query(
      `SELECT payload ->> 'repository' AS name FROM outbox WHERE fact = 'repository.deleted'`,
    );
    expect(facts).toEqual([{ name }]);
    const audited = await test.database.query(
      `SELECT actor FROM audit_log WHERE operation = 'delete' AND resource_type = 'repository' AND resource = $1`,
      [name],
    );
    expect(audited).toEqual([{ actor: 'tester' }]);
    expect(await aRepository(name)).not.toBe(id);
  });

  it.each([1, 2, 100])('are emptied in batches of %i, each leaving what it should', async (limit) => {
    const name = repositoryName(`deletions/batch-${limit}`);
    const id = await aRepository(name);
    expect(await countsOf(id)).toEqual({ tags: 6, manifests: 6, links: 10, edges: 10 });
    await deleteRepository(test.database, id, testOrigin);
    let removed = 0;
    let rounds = 0;
    for (let batch = -1; batch !== 0; rounds++) {
      batch = await purgeRepositoryBatch(test.database, id, limit);
      expect(batch).toBeLessThanOrEqual(limit);
      removed += batch;
    }
    expect(removed).toBe(16);
    expect(rounds).toBe(limit === 100 ? 3 : 16 / limit + 1);
    expect(await countsOf(id)).toEqual({ tags: 0, manifests: 0, links: 0, edges: 0 });
  });

  it('are emptied of what lies in the recycle bin too', async () => {
    const name = repositoryName('deletions/binned');
    const manifest = build.aManifest(projectId, name, { blobs: [await build.aBlob(projectId, name)] });
    await build.manifests.record(manifest, testOrigin);
    const id = await build.repositoryId(name);
    await build.manifests.delete(id, manifest.digest, testOrigin);
    expect(await countsOf(id)).toMatchObject({ manifests: 0, edges: 1 });
    await deleteRepository(test.database, id, testOrigin);
    while ((await purgeRepositoryBatch(test.database, id, 10)) > 0);
    expect(await countsOf(id)).toEqual({ tags: 0, manifests: 0, links: 0, edges: 0 });
    expect(await test.database.query('SELECT 1 FROM manifest WHERE repository_id = $1', [id])).toEqual([]);
  });

  it('wait for no blob any more', async () => {
    const sparse = await build.aProject('sparse');
    await test.database.query(`UPDATE project SET metadata = '{"allow_sparse":"true"}' WHERE id = $1`, [
      sparse,
    ]);
    const name = repositoryName('sparse/waiting');
    await build.manifests.record(build.aManifest(sparse, name, { blobs: [aDigest()] }), testOrigin);
    const id = await build.repositoryId(name);
    const waiting = (): Promise<object[]> =>
      test.database.query('SELECT 1 FROM manifest_missing_blob WHERE repository_id = $1', [id]);
    expect(await waiting()).toHaveLength(1);
    await deleteRepository(test.database, id, testOrigin);
    await purgeRepositoryBatch(test.database, id, 10);
    expect(await waiting()).toEqual([]);
  });

  it('leave the blobs to those who still link them', async () => {
    const name = repositoryName('deletions/shared');
    const other = repositoryName('deletions/other');
    const digest = await build.aBlob(projectId, name);
    await build.link(projectId, other, digest);
    const [row] = await test.database.query<{ id: number }>('SELECT id FROM repository WHERE name = $1', [
      name,
    ]);
    const id = row?.id ?? 0;
    await deleteRepository(test.database, id, testOrigin);
    while ((await purgeRepositoryBatch(test.database, id, 10)) > 0);
    await build.manifests.record(build.aManifest(projectId, other, { blobs: [digest] }), testOrigin);
    expect(await countsOf(await build.repositoryId(other))).toMatchObject({ links: 1, edges: 1 });
  });
});
