import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ContentBuilder,
  repositoryName,
  tagName,
  testOrigin,
} from '@entrepot/catalog/testing/content-builder';
import { ContentStore } from '@entrepot/content-store/content-store';
import { createTestDatabase, type TestDatabase } from '@entrepot/database/testing';
import { digestHex, digestOfHash, type Digest } from '@entrepot/oci/digest';
import type { RepositoryName } from '@entrepot/oci/repository-name';
import type { Tag } from '@entrepot/oci/tag';
import { FilesystemDriver } from '@entrepot/storage/filesystem/filesystem-driver';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LinkMirror } from './link-mirror.ts';
import { markAll, turnMirror } from './marks.ts';

describe('the link mirror', () => {
  let test: TestDatabase;
  let build: ContentBuilder;
  let root: string;
  let store: ContentStore;
  let mirror: LinkMirror;
  let project: number;
  let name: RepositoryName;
  let count = 0;

  beforeAll(async () => {
    test = await createTestDatabase();
    build = new ContentBuilder(test.database);
    root = await mkdtemp(join(tmpdir(), 'entrepot-mirror-'));
    store = new ContentStore(new FilesystemDriver({ root }));
    await store.driver.probe();
    mirror = new LinkMirror({ database: test.database, store });
    project = await build.aProject('mirror');
    await test.database.query('INSERT INTO instance (instance_id) VALUES (gen_random_uuid())');
    await turnMirror(test.database, true);
  });
  beforeEach(() => void (name = repositoryName(`mirror/app${++count}`)));
  afterAll(async () => {
    await test.close();
    await rm(root, { recursive: true, force: true });
  });

  async function aBlob(repository = name): Promise<Digest> {
    const bytes = randomBytes(50);
    const digest = digestOfHash('sha256', createHash('sha256').update(bytes).digest('hex'));
    const writer = await store.openUpload(randomUUID(), 0, { algorithm: 'sha256' });
    await writer.write(bytes);
    await writer.publish(digest);
    await build.link(project, repository, digest, bytes.length);
    return digest;
  }

  async function push(tags: readonly Tag[], repository = name) {
    const manifest = build.aManifest(project, repository, { blobs: [await aBlob(repository)], tags });
    await build.manifests.record(manifest, testOrigin);
    return manifest;
  }

  /** As the relay does it with the facts of the outbox. */
  async function relay(): Promise<void> {
    await test.database.query(
      `WITH taken AS (DELETE FROM outbox RETURNING fact, payload)
       INSERT INTO mirror_mark (repository_id, item)
       SELECT DISTINCT (payload ->> 'repositoryId')::bigint, item FROM taken, mirror_items(fact, payload) item
       ON CONFLICT (repository_id, item) DO UPDATE SET seq = excluded.seq`,
    );
  }

  async function settle(): Promise<void> {
    await relay();
    await mirror.run(new AbortController().signal);
  }

  /** Every file and empty directory of a repository, by name below it; link files with what they hold. */
  async function tree(repository = name): Promise<Record<string, string>> {
    const base = join(root, 'docker/registry/v2/repositories', repository);
    const entries = await readdir(base, { recursive: true, withFileTypes: true }).catch(() => []);
    const files = entries.filter((entry) => entry.isFile());
    const read = files.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(base.length + 1), await readFile(path, 'utf8')] as const;
    });
    return Object.fromEntries(await Promise.all(read));
  }

  const linksOf = (manifest: { digest: Digest; blobs: readonly Digest[] }, tags: readonly string[]) =>
    Object.fromEntries([
      ...manifest.blobs.map((blob) => [`_layers/sha256/${digestHex(blob)}/link`, blob]),
      [`_manifests/revisions/sha256/${digestHex(manifest.digest)}/link`, manifest.digest],
      ...tags.flatMap((tag) => [
        [`_manifests/tags/${tag}/current/link`, manifest.digest],
        [`_manifests/tags/${tag}/index/sha256/${digestHex(manifest.digest)}/link`, manifest.digest],
      ]),
    ]) as Record<string, string>;

  it('has the links and the bytes of what was pushed', async () => {
    const manifest = await push([tagName('v1'), tagName('latest')]);
    await settle();
    expect(await tree()).toEqual(linksOf(manifest, ['v1', 'latest']));
    expect(await store.readWhole(manifest.digest, 1_000)).toEqual(manifest.payload);
  });

  it('follows tags that move and go, and leaves no directory of one', async () => {
    const one = await push([tagName('v1'), tagName('v2')]);
    await settle();
    const two = await push([tagName('v1')]);
    await build.manifests.deleteTag(await build.repositoryId(name), tagName('v2'), testOrigin);
    await settle();
    const links = await tree();
    expect(links['_manifests/tags/v1/current/link']).toBe(two.digest);
    expect(await readdir(join(root, 'docker/registry/v2/repositories', name, '_manifests/tags'))).toEqual([
      'v1',
    ]);
    expect(links).toMatchObject(linksOf(one, []));
  });

  it('drops a manifest that was deleted, with its tags', async () => {
    const gone = await push([tagName('v1')]);
    const kept = await push([tagName('v2')]);
    await settle();
    await build.manifests.delete(await build.repositoryId(name), gone.digest, testOrigin);
    await settle();
    const links = await tree();
    expect(links).not.toHaveProperty(`_manifests/revisions/sha256/${digestHex(gone.digest)}/link`);
    expect(links).not.toHaveProperty('_manifests/tags/v1/current/link');
    expect(links).toMatchObject(linksOf(kept, ['v2']));
  });

  it('drops the link of a blob that the repository no longer holds', async () => {
    const manifest = await push([]);
    const id = await build.repositoryId(name);
    await settle();
    await build.manifests.delete(id, manifest.digest, testOrigin);
    await build.blobs.unlink(id, manifest.blobs[0]!);
    await settle();
    expect(await tree()).toEqual({});
  });

  it('does not touch a repository whose name begins with that of one that was deleted', async () => {
    const inner = repositoryName(`${name}/inner`);
    await push([tagName('v1')]);
    const kept = await push([tagName('v1')], inner);
    await settle();
    await test.database.query('UPDATE repository SET deleted_at = now() WHERE name = $1', [name]);
    await settle();
    expect(await tree(inner)).toEqual(linksOf(kept, ['v1']));
    expect(Object.keys(await tree()).filter((path) => path.startsWith('_'))).toEqual([]);
  });

  it('shows the new repository of a name, not the one that was deleted', async () => {
    await push([tagName('old')]);
    await settle();
    await test.database.query('UPDATE repository SET deleted_at = now() WHERE name = $1', [name]);
    const manifest = await push([tagName('new')]);
    await settle();
    expect(await tree()).toEqual(linksOf(manifest, ['new']));
  });

  it('makes whole what is not as the database says, when everything is marked', async () => {
    const manifest = await push([tagName('v1')]);
    await settle();
    const base = `docker/registry/v2/repositories/${name}`;
    const other = digestOfHash('sha256', 'a'.repeat(64));
    await store.driver.put(`${base}/_manifests/tags/stray/current/link`, Buffer.from(other));
    await store.driver.put(`${base}/_layers/sha256/${'a'.repeat(64)}/link`, Buffer.from(other));
    await store.driver.put(`${base}/_manifests/tags/v1/current/link`, Buffer.from(other));
    await store.driver.remove([`${base}/_manifests/revisions/sha256/${digestHex(manifest.digest)}/link`]);
    await markAll(test.database);
    await settle();
    expect(await tree()).toEqual(linksOf(manifest, ['v1']));
  });

  it('lets collection have the bytes of a manifest whose row is gone', async () => {
    const manifest = await push([]);
    await settle();
    const id = await build.repositoryId(name);
    await expect(build.blobs.unlink(id, manifest.digest)).rejects.toMatchObject({ code: 'BLOB_IN_USE' });
    await build.manifests.delete(id, manifest.digest, testOrigin);
    await build.blobs.unlink(id, manifest.digest);
  });
});
