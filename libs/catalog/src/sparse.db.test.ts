import { setTimeout as sleep } from 'node:timers/promises';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import type { Digest } from '@entrepot/oci/digest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aDigest, ContentBuilder, repositoryName, testOrigin } from './testing/content-builder.ts';

describe('manifests of sparse projects, and what they wait for, in the same moment', () => {
  let test: TestDatabase;
  let build: ContentBuilder;
  let project: number;
  const name = repositoryName('sparse/app');

  beforeAll(async () => {
    test = await createTestDatabase();
    build = new ContentBuilder(test.database);
    project = await build.aProject('sparse');
    await test.database.query(`UPDATE project SET metadata = '{"allow_sparse":"true"}' WHERE id = $1`, [
      project,
    ]);
    // the repository is there: its making would put everything in order
    await build.aBlob(project, name);
  });
  afterAll(() => test.close());

  const linkSql = 'SELECT link_blob($1, $2, $3)';
  const recordSql = `SELECT record_manifest($1, $2, $3, 'x', NULL, 'IMAGE', NULL, NULL, NULL, '', 0, '{}', NULL, $4, $5, '{}', 'tester', '{}')`;

  function recordValues(digest: Digest, named: { blobs?: Digest[]; children?: Digest[] }): unknown[] {
    const { blobs = [], children = [] } = named;
    return [project, name, digestToBytes(digest), blobs.map(digestToBytes), children.map(digestToBytes)];
  }

  /** Runs one statement, leaves it open, begins the other, and ends both. */
  async function interleave(first: [string, unknown[]], second: [string, unknown[]]): Promise<void> {
    const [one, two] = [await test.session(), await test.session()];
    await one.query('BEGIN');
    await one.query(...first);
    const other = two.query(...second);
    await Promise.race([other, sleep(100)]);
    await one.query('COMMIT');
    await other;
  }

  it.each(['the manifest first', 'the blob first'])('protect the blob: %s', async (order) => {
    const [blob, manifest] = [aDigest(), aDigest()];
    await build.blobs.announce(blob, 10);
    const link: [string, unknown[]] = [linkSql, [project, name, digestToBytes(blob)]];
    const record: [string, unknown[]] = [recordSql, recordValues(manifest, { blobs: [blob] })];
    await (order === 'the blob first' ? interleave(link, record) : interleave(record, link));
    const edges = await test.database.query(
      'SELECT 1 FROM manifest_blob e JOIN blob b ON b.id = e.blob_id WHERE b.digest = $1',
      [digestToBytes(blob)],
    );
    expect(edges).toHaveLength(1);
    const missing = await test.database.query('SELECT 1 FROM manifest_missing_blob WHERE digest = $1', [
      digestToBytes(blob),
    ]);
    expect(missing).toEqual([]);
  });

  it.each(['the blob first', 'the deletion first'])(
    'wait for nothing once a manifest is deleted while its blob arrives: %s',
    async (order) => {
      const blob = aDigest();
      await build.blobs.announce(blob, 10);
      const manifest = build.aManifest(project, name, { blobs: [blob] });
      await build.manifests.record(manifest, testOrigin);
      const id = await build.repositoryId(name);
      const remove = () => build.manifests.delete(id, manifest.digest, testOrigin);
      const link = () => build.link(project, name, blob, 10);
      const [first, second] = order === 'the blob first' ? [link, remove] : [remove, link];
      const isOpen = test.database.transaction(async () => {
        await first();
        await sleep(200);
      });
      await sleep(100);
      await Promise.all([isOpen, second()]);
      const left = await test.database.query(
        `SELECT m.live, w.digest FROM manifest m
         LEFT JOIN manifest_missing_blob w ON w.manifest_id = m.id WHERE m.repository_id = $1 AND m.digest = $2`,
        [id, digestToBytes(manifest.digest)],
      );
      expect(left).toEqual([{ live: false, digest: null }]);
    },
  );

  it('cost pushes to other projects no lock', async () => {
    const other = await build.aProject('dense');
    const [blob, manifest] = [aDigest(), aDigest()];
    await build.blobs.announce(blob, 10);
    const session = await test.session();
    const locks = async (projectId: number, repository: string): Promise<number | null> => {
      await session.query('BEGIN');
      await session.query(linkSql, [projectId, repository, digestToBytes(blob)]);
      await session.query(recordSql, [projectId, repository, digestToBytes(manifest), [], []]);
      const held = await session.query(
        `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`,
      );
      await session.query('ROLLBACK');
      return held.rowCount;
    };
    expect(await locks(other, 'dense/app')).toBe(0);
    expect(await locks(project, name)).toBe(1);
  });

  it.each(['the index first', 'the child first'])('protect the child: %s', async (order) => {
    const [child, index] = [aDigest(), aDigest()];
    const recordChild: [string, unknown[]] = [recordSql, recordValues(child, {})];
    const recordIndex: [string, unknown[]] = [recordSql, recordValues(index, { children: [child] })];
    await (order === 'the child first'
      ? interleave(recordChild, recordIndex)
      : interleave(recordIndex, recordChild));
    const removal = build.manifests.delete(await build.repositoryId(name), child, testOrigin);
    await expect(removal).rejects.toMatchObject({ code: 'MANIFEST_IN_USE', detail: { manifests: [index] } });
  });
});
