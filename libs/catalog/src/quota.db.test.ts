import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aDigest, ContentBuilder, repositoryName, testOrigin } from './testing/content-builder.ts';

describe('the storage limit of a project', () => {
  let test: TestDatabase;
  let build: ContentBuilder;
  beforeAll(async () => {
    test = await createTestDatabase();
    build = new ContentBuilder(test.database);
  });
  afterAll(() => test.close());

  it('is never passed, however many push at once, and counts a shared blob once', async () => {
    const project = await build.aProject('limited');
    const name = repositoryName('limited/one');
    const shared = await build.aBlob(project, name, 1000);
    await build.manifests.record(build.aManifest(project, name, { blobs: [shared] }), testOrigin);
    await test.database.query('UPDATE project SET storage_limit = 2500 WHERE id = $1', [project]);

    const pushes = Array.from({ length: 10 }, async () => {
      const own = await build.aBlob(project, name, 300);
      await build.manifests.record(build.aManifest(project, name, { blobs: [shared, own] }), testOrigin);
    });
    const outcomes = await Promise.allSettled(pushes);
    // 1032 are used, each push adds 300 and a payload of 32
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(4);
    const refusal = outcomes.find((outcome) => outcome.status === 'rejected');
    expect(refusal?.reason).toMatchObject({ code: 'QUOTA_EXCEEDED', detail: { adding: 332, limit: 2500 } });
    const rows = await test.database.query('SELECT used FROM project_usage WHERE project_id = $1', [project]);
    expect(rows).toEqual([{ used: 1032 + 4 * 332 }]);
  });

  it('counts what a manifest of a sparse project waited for when it arrives, once', async () => {
    const project = await build.aProject('waiting');
    await test.database.query(`UPDATE project SET metadata = '{"allow_sparse":"true"}' WHERE id = $1`, [
      project,
    ]);
    const name = repositoryName('waiting/one');
    const late = aDigest();
    const manifests = [1, 2].map(() => build.aManifest(project, name, { blobs: [late] }));
    for (const manifest of manifests) await build.manifests.record(manifest, testOrigin);
    const used = async (): Promise<unknown> =>
      await test.database.query('SELECT sum(bytes)::int AS used FROM usage_delta WHERE project_id = $1', [
        project,
      ]);
    expect(await used()).toEqual([{ used: 64 }]);
    await build.blobs.announce(late, 500);
    for (let times = 0; times < 2; times++) {
      await build.link(project, name, late, 500);
      expect(await used()).toEqual([{ used: 564 }]);
    }
    await build.manifests.record(build.aManifest(project, name, { blobs: [late] }), testOrigin);
    expect(await used()).toEqual([{ used: 596 }]);
    await expect(build.blobs.unlink(await build.repositoryId(name), late)).rejects.toMatchObject({
      code: 'BLOB_IN_USE',
      detail: { manifests: expect.arrayContaining(manifests.map(({ digest }) => digest)) },
    });
  });
});
