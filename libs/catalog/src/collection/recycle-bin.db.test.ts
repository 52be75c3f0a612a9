import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { digestToBytes } from '@entrepot/database/digest-bytes';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import type { Digest } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { ManifestRecord } from '../manifest-record.ts';
import { aDigest, ContentBuilder, repositoryName, tagName, testOrigin } from '../testing/content-builder.ts';
import { restoreManifest } from './recycle-bin.ts';

const oci = 'application/vnd.oci.image';

describe('manifests in the recycle bin', () => {
  let test: TestDatabase;
  let build: ContentBuilder;
  let project: number;
  let name: RepositoryName;
  let count = 0;

  beforeAll(async () => {
    test = await createTestDatabase();
    build = new ContentBuilder(test.database);
  });
  beforeEach(async () => {
    name = repositoryName(`bin${++count}/app`);
    project = await build.aProject(`bin${count}`);
  });
  afterAll(() => test.close());

  function descriptor(digest: Digest, mediaType: string) {
    return { mediaType, digest, size: 100 };
  }

  function document(members: object): Partial<ManifestRecord> & { payload: Buffer; digest: Digest } {
    const payload = Buffer.from(
      JSON.stringify({ schemaVersion: 2, ...members, annotations: { n: randomBytes(4).toString('hex') } }),
    );
    return { payload, digest: aDigest(payload), totalSize: payload.length };
  }

  /** A manifest with a document that says what its row does. */
  async function anImage(more: Partial<ManifestRecord> = {}): Promise<ManifestRecord> {
    const [config, layer] = [await build.aBlob(project, name), await build.aBlob(project, name)];
    const text = document({
      mediaType: `${oci}.manifest.v1+json`,
      config: descriptor(config, `${oci}.config.v1+json`),
      layers: [descriptor(layer, `${oci}.layer.v1.tar`)],
      ...(more.subject === undefined ? {} : { subject: descriptor(more.subject, `${oci}.manifest.v1+json`) }),
    });
    const record = build.aManifest(project, name, { ...text, config, blobs: [config, layer], ...more });
    await build.manifests.record(record, testOrigin);
    return record;
  }

  async function anIndex(child: ManifestRecord): Promise<ManifestRecord> {
    const text = document({
      mediaType: `${oci}.index.v1+json`,
      manifests: [descriptor(child.digest, `${oci}.manifest.v1+json`)],
    });
    const more = { ...text, mediaType: `${oci}.index.v1+json`, children: [child.digest] };
    const record = build.aManifest(project, name, { ...more, tags: [tagName('multi')] });
    await build.manifests.record(record, testOrigin);
    return record;
  }

  const remove = async ({ digest }: ManifestRecord): Promise<void> =>
    await build.manifests.delete(await build.repositoryId(name), digest, testOrigin);
  const restore = async (digest: Digest): Promise<readonly Digest[]> =>
    await restoreManifest(
      test.database,
      { id: await build.repositoryId(name), projectId: project, name },
      digest,
      testOrigin,
    );

  async function rowOf({ digest }: ManifestRecord): Promise<unknown> {
    const [row] = await test.database.query(
      `SELECT m.live, m.total_size, m.type, m.annotations, encode(m.payload, 'hex') AS payload,
         (SELECT count(*)::int FROM manifest_blob e WHERE e.manifest_id = m.id) AS blobs,
         (SELECT count(*)::int FROM manifest_child c WHERE c.manifest_id = m.id AND c.child_id IS NOT NULL) AS children,
         (SELECT array_agg(t.name ORDER BY t.name) FROM tag t WHERE t.manifest_id = m.id) AS tags
       FROM manifest m WHERE m.digest = $1`,
      [digestToBytes(digest)],
    );
    return row;
  }

  it('come back as they were, with their tags', async () => {
    const image = await anImage({ tags: [tagName('v1'), tagName('v1.0')] });
    const before = await rowOf(image);
    await remove(image);
    expect(await rowOf(image)).toMatchObject({ live: false, blobs: 2, tags: null });
    expect(await restore(image.digest)).toEqual([image.digest]);
    expect(await rowOf(image)).toEqual(before);
    await expect(restore(image.digest)).rejects.toMatchObject({ code: 'MANIFEST_NOT_FOUND' });
  });

  it('leave a tag alone that was given to another one meanwhile', async () => {
    const image = await anImage({ tags: [tagName('latest'), tagName('old')] });
    await remove(image);
    const next = await anImage({ tags: [tagName('latest')] });
    await restore(image.digest);
    expect(await rowOf(image)).toMatchObject({ live: true, tags: ['old'] });
    expect(await rowOf(next)).toMatchObject({ tags: ['latest'] });
  });

  it('bring the children of an index along, and referrers that went with it or after it', async () => {
    const image = await anImage();
    const earlier = await anImage({ subject: image.digest });
    await remove(earlier);
    const index = await anIndex(image);
    const before = [await rowOf(image), await rowOf(index)];
    const signature = await anImage({ subject: image.digest });
    await remove(index);
    await remove(image);
    await remove(signature);
    const restored = await restore(index.digest);
    expect(new Set(restored)).toEqual(new Set([index.digest, image.digest, signature.digest]));
    expect([await rowOf(image), await rowOf(index)]).toEqual(before);
    expect(await rowOf(signature)).toMatchObject({ live: true });
    expect(await rowOf(earlier)).toMatchObject({ live: false });
  });

  it('come back by a push too, and keep nobody from deleting a blob by name', async () => {
    const image = await anImage();
    const before = await rowOf(image);
    await remove(image);
    await build.manifests.record(image, testOrigin);
    expect(await rowOf(image)).toEqual(before);
    await remove(image);
    const [config] = image.blobs;
    await build.blobs.unlink(await build.repositoryId(name), config!);
    await expect(restore(image.digest)).rejects.toMatchObject({
      code: 'MANIFEST_BLOB_UNKNOWN',
      detail: { blobs: [config], children: [] },
    });
    await build.link(project, name, config!);
    await restore(image.digest);
    expect(await rowOf(image)).toEqual(before);
  });
});
